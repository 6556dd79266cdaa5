"""Everything that stands above a device, by names and signatures alone."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from app.rules.certificate import ParsedCertificate, check_signature
from app.rules.signature import Answer
from app.rules.trust_store import TrustStore

_SECOND = timedelta(seconds=1)


class TooComplex(Exception):
    """The limits of a decision are reached."""


class Closure:
    """The certificates above a device, whatever their dates and limits, and who signed whom among them.

    `issuers` names, of the device and of each certificate above it, those whose name is its issuer's and whose key made
    its signature: in the order in which they were found, the device first. Raises TooComplex past `checks` signatures.
    """

    def __init__(self, store: TrustStore, presented: Sequence[ParsedCertificate], *, checks: int) -> None:
        self.device = presented[0]
        self.issuers: dict[ParsedCertificate, tuple[ParsedCertificate, ...]] = {}
        self._store = store
        # Whoever presents them chooses their order, and the answer must not follow it.
        self._brought = sorted(presented[1:], key=lambda certificate: certificate.der)
        self._checks_left = checks
        waiting = deque([self.device])
        while waiting:
            certificate = waiting.popleft()
            if certificate not in self.issuers:
                self.issuers[certificate] = tuple(self._signers(certificate))
                waiting.extend(self.issuers[certificate])

    def leading_to(self, anchors: Iterable[ParsedCertificate]) -> set[ParsedCertificate]:
        """What stands below one of these, or is one: a search need not look elsewhere."""
        below: dict[ParsedCertificate, list[ParsedCertificate]] = {}
        for certificate, issuers in self.issuers.items():
            for issuer in issuers:
                below.setdefault(issuer, []).append(certificate)
        leading = set[ParsedCertificate]()
        waiting = list(anchors)
        while waiting:
            certificate = waiting.pop()
            if certificate not in leading:
                leading.add(certificate)
                waiting.extend(below.get(certificate, ()))
        return leading

    def way_to(self, end: ParsedCertificate) -> tuple[ParsedCertificate, ...]:
        """The shortest way up from the device to a certificate that is above it, both included."""
        ways: dict[ParsedCertificate, tuple[ParsedCertificate, ...]] = {self.device: (self.device,)}
        waiting = deque([self.device])
        while end not in ways:
            certificate = waiting.popleft()
            for issuer in self.issuers[certificate]:
                if issuer not in ways:
                    ways[issuer] = (*ways[certificate], issuer)
                    waiting.append(issuer)
        return ways[end]

    def _signers(self, certificate: ParsedCertificate) -> Iterator[ParsedCertificate]:
        known = self._store.named(certificate.issuer)
        brought = (one for one in self._brought if one.subject == certificate.issuer)
        for issuer in dict.fromkeys((*known, *brought)):
            # Counted also where the answer is remembered: the same chain must get the same answer from every gateway.
            self._checks_left -= 1
            if self._checks_left < 0:
                raise TooComplex
            # Its signature on itself leads nowhere; a search that asks for a root looks at it, and is paid for here.
            if issuer != certificate and check_signature(certificate, issuer) is Answer.VALID:
                yield issuer


def next_change(certificates: Iterable[ParsedCertificate], at: datetime) -> datetime | None:
    """The first instant at which the validity of one of them may be another than at `at`; None if there is none."""
    changes = list[datetime]()
    for certificate in certificates:
        if timedelta(0) <= at - certificate.not_after < _SECOND:
            return at  # its last second (profile.VALIDITY): nothing that is decided in it is kept
        # Both: a certificate may end before it begins.
        changes.extend(change for change in (certificate.not_before, certificate.not_after) if change > at)
    return min(changes, default=None)
