"""The anchors that a terminator may trust by itself: what of the decision a file can say.

Never a CA above an anchor, which would open the door to every sibling CA, and never an anchor that the decision would
refuse. A file cannot say what stands beside a path: a device whose CA is cross-signed by a blacklisted one is refused
by the decision, and by no bundle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.rules.certificate import ParsedCertificate
from app.rules.closure import Closure, TooComplex
from app.rules.placeholder import placeholder
from app.rules.profile import CLIENT_AUTH
from app.rules.trust import PRODUCTION, ca_flaws
from app.rules.trust_store import TrustStore
from app.terms import Service

SEQUENCE_STEPS = 1 << 16
"""How often the passing of time can change a bundle within one version of the trust."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Whom to trust for a service, at one version of the account's trust and one instant.

    `rejected` are blacklisted CAs, of whichever service, for formats that can say so. Both are sorted by their bytes.
    The sequence rises with every change, whether somebody made it or time did.
    """

    anchors: tuple[ParsedCertificate, ...]
    rejected: tuple[ParsedCertificate, ...]
    version: int
    sequence: int

    @property
    def trusted(self) -> tuple[ParsedCertificate, ...]:
        """The anchors, and the placeholder, without which an empty bundle would keep the last one running."""
        return (*self.anchors, placeholder())


def bundle_of(store: TrustStore, service: Service, *, version: int, at: datetime) -> Bundle:
    """The bundle of a service, from what the store holds at this version."""
    candidates = {record.trusted_ca for record in store.records if record.admits and record.service is service}
    anchors = [each for each in candidates if _may_stand_alone(store, each, at)]
    rejected = {
        certificate
        for record in store.records
        if record.is_blacklisted
        for certificate in store.named(record.trusted_ca.subject)
        if certificate.authority == record.trusted_ca.authority
    }
    passed = min(_passed(candidates, at), SEQUENCE_STEPS - 1)
    return Bundle(_sorted(anchors), _sorted(rejected), version, version * SEQUENCE_STEPS + passed)


def _may_stand_alone(store: TrustStore, anchor: ParsedCertificate, at: datetime) -> bool:
    """Whether a device right below the anchor would be let in, if it were without a flaw of its own."""
    if next(ca_flaws(anchor, CLIENT_AUTH, at=at), None) is not None:
        return False
    # Such a device stands below every certificate of the same CA: one that a blacklisted CA signed blocks it as well.
    same = [each for each in store.named(anchor.subject) if each.authority == anchor.authority]
    try:
        above = [Closure(store, (each,), checks=PRODUCTION.signatures) for each in same]
    except TooComplex:
        return False
    return not any(store.blocking(certificate) for closure in above for certificate in closure.issuers)


def _passed(candidates: Iterable[ParsedCertificate], at: datetime) -> int:
    """How many of the instants lie behind at which an anchor comes or goes by itself."""
    return sum((at >= each.not_before) + (at - each.not_after >= _SECOND) for each in candidates)


def _sorted(certificates: Iterable[ParsedCertificate]) -> tuple[ParsedCertificate, ...]:
    return tuple(sorted(certificates, key=lambda certificate: certificate.der))
