"""Everything that stands above a device, by names and signatures alone."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

from app.rules.certificate import ParsedCertificate, check_signature
from app.rules.signature import Answer
from app.rules.trust_store import TrustStore

Issuers: TypeAlias = dict[ParsedCertificate, tuple[ParsedCertificate, ...]]
"""Who signed whom: of each certificate those that did."""
_SECOND = timedelta(seconds=1)


class TooComplex(Exception):
    """The limits of a decision are reached."""


class Closure:
    """The certificates above a device, whatever their dates and limits, and who signed whom among them.

    `stated` names, of the device and of each certificate above it, those whose name is its issuer's and whose key made
    its signature: in the order in which they were found, the device first. It knows what is presented and what stands
    in the account's records. Raises TooComplex past `checks` signatures.

    `issuers` is the same with what the account remembers, for as many signatures again. Where these do not suffice, it
    is `stated`: nothing that is remembered counts then, and not a part of it. What is remembered comes from whoever has
    a CA below an anchor, and must keep nobody else's devices out. A part could hide a blacklisted CA on one of two
    ways; without all of it the decision is the one about what is presented and recorded, as it is where nobody came
    before, and a device that presents too little has no way up at all.

    `namesakes` names, of a certificate, the first of those that have its issuer's name alone, where there are any.
    """

    def __init__(self, store: TrustStore, presented: Sequence[ParsedCertificate], *, checks: int) -> None:
        self.device = presented[0]
        self.namesakes: dict[ParsedCertificate, ParsedCertificate] = {}
        self._store = store
        # Whoever presents them chooses their order, and the answer must not follow it.
        self._brought = sorted(presented[1:], key=lambda certificate: certificate.der)
        self._checks_left = checks
        self.stated = self._above(self._stated_signers)
        self.issuers = self.stated
        if any(store.remembered(certificate.issuer) for certificate in self.stated):
            self._checks_left = checks
            with suppress(TooComplex):
                self.issuers = self._above(self._known_signers)

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

    def _above(self, signers: Callable[[ParsedCertificate], Iterable[ParsedCertificate]]) -> Issuers:
        found: Issuers = {}
        waiting = deque([self.device])
        while waiting:
            certificate = waiting.popleft()
            if certificate not in found:
                found[certificate] = tuple(signers(certificate))
                waiting.extend(found[certificate])
        return found

    def _stated_signers(self, certificate: ParsedCertificate) -> Iterator[ParsedCertificate]:
        recorded = self._store.recorded(certificate.issuer)
        brought = (one for one in self._brought if one.subject == certificate.issuer)
        return self._signers(certificate, dict.fromkeys((*recorded, *brought)))

    def _known_signers(self, certificate: ParsedCertificate) -> Iterator[ParsedCertificate]:
        stated = self.stated.get(certificate)
        yield from self._stated_signers(certificate) if stated is None else stated
        remembered = (one for one in self._store.remembered(certificate.issuer) if one not in self._brought)
        yield from self._signers(certificate, remembered)

    def _signers(
        self, certificate: ParsedCertificate, candidates: Iterable[ParsedCertificate]
    ) -> Iterator[ParsedCertificate]:
        for issuer in candidates:
            # Counted also where the answer is remembered: the same chain must get the same answer from every gateway.
            self._checks_left -= 1
            if self._checks_left < 0:
                raise TooComplex
            # Its signature on itself leads nowhere; a search that asks for a root looks at it, and is paid for here.
            if issuer == certificate:
                continue
            if check_signature(certificate, issuer) is Answer.VALID:
                yield issuer
            else:
                self.namesakes.setdefault(certificate, issuer)


def leading_to(anchors: Iterable[ParsedCertificate], issuers: Issuers) -> set[ParsedCertificate]:
    """What stands below one of these, or is one: a search need not look elsewhere."""
    below: dict[ParsedCertificate, list[ParsedCertificate]] = {}
    for certificate, signers in issuers.items():
        for issuer in signers:
            below.setdefault(issuer, []).append(certificate)
    leading = set[ParsedCertificate]()
    waiting = list(anchors)
    while waiting:
        certificate = waiting.pop()
        if certificate not in leading:
            leading.add(certificate)
            waiting.extend(below.get(certificate, ()))
    return leading


def next_change(certificates: Iterable[ParsedCertificate], at: datetime) -> datetime | None:
    """The first instant at which the validity of one of them may be another than at `at`; None if there is none."""
    changes = list[datetime]()
    for certificate in certificates:
        if timedelta(0) <= at - certificate.not_after < _SECOND:
            return at  # its last second (profile.VALIDITY): nothing that is decided in it is kept
        # Both: a certificate may end before it begins.
        changes.extend(change for change in (certificate.not_before, certificate.not_after) if change > at)
    return min(changes, default=None)
