"""The trust decision: may a device that presents this chain come in, and why.

Whoever decides reads the account's records into a `TrustStore` once; `decide` then looks at nothing else. A device is

1. refused for its own certificate's flaws (`leaf`),
2. refused while a blacklisted CA stands anywhere above it: in the closure, which knows no dates and no limits, so that
   an expired cross-certificate cannot hide a disabled CA,
3. let in when one path up to a trusted CA of the service keeps every rule. A path to a CA that lets in every device
   goes before one to a CA that asks for a claim (usage ENROLLMENT): whoever has both needs none.

The trusted CA of a record is the anchor, never its root: the root would admit the customers of every sibling CA.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.reasons import Reason
from app.rules import leaf, path, profile
from app.rules.certificate import ParsedCertificate
from app.rules.closure import Closure, Issuers, TooComplex, leading_to, next_change
from app.rules.decision import Decision, Question, TriedPath
from app.rules.display import quote
from app.rules.leaf import Flaw
from app.rules.profile import Place
from app.rules.trust_store import Record, TrustStore
from app.terms import Usage

Admitting = Callable[[ParsedCertificate], Sequence[Record]]
"""The records that a certificate is an anchor of; none where it is no anchor."""
_TOO_COMPLEX = "The certificates make more paths than are followed for one device: present the chain alone."


@dataclass(frozen=True, slots=True)
class Limits:
    """What is spent on one device: signature checks in the closure, steps of the search, CAs on a path, names."""

    signatures: int = 256
    steps: int = 2000
    cas: int = 10
    comparisons: int = path.MAX_COMPARISONS


PRODUCTION = Limits()


def decide(store: TrustStore, question: Question, limits: Limits = PRODUCTION) -> Decision:
    """Answer a question from what the store holds. Raises nothing: what cannot be decided is refused."""
    asked = leaf.developer_flaw if store.is_developers(question.device) else leaf.flaw
    flaw = asked(question.device, question.purpose, at=question.at)
    if flaw is not None:
        tried = (TriedPath((question.device,), flaw),)
        until = next_change([question.device], question.at)
        return Decision(question, flaw.reason, flaw.message, tried=tried, holds_until=until)
    try:
        closure = Closure(store, question.presented, checks=limits.signatures)
    except TooComplex:
        until = next_change([question.device], question.at)
        return Decision(question, Reason.PATH_TOO_COMPLEX, _TOO_COMPLEX, holds_until=until)
    return _Deciding(store, question, limits, closure).decision()


class _Deciding:
    """One decision under way, once it is known what stands above the device."""

    def __init__(self, store: TrustStore, question: Question, limits: Limits, closure: Closure) -> None:
        self._store = store
        self._question = question
        self._limits = limits
        self._closure = closure
        self._steps_left = limits.steps
        self._names = path.Budget(limits.comparisons)
        self._broken: dict[tuple[ParsedCertificate, ...], Flaw] = {}

    def decision(self) -> Decision:
        """Steps 3 to 5 of certificates.md 3."""
        return self._blocked() or self._without_anchor() or self._searched()

    def _blocked(self) -> Decision | None:
        blocking = {found: self._store.blocking(found) for found in self._closure.issuers}
        records = tuple(dict.fromkeys(record for each in blocking.values() for record in each))
        if not records:
            return None
        names = ", ".join(f"“{record.name}”" for record in records)
        end = next(found for found, each in blocking.items() if each)
        return self._ends_at(end, Reason.BLACKLISTED, f"A blacklisted CA stands above the device: {names}.", records)

    def _without_anchor(self) -> Decision | None:
        service = self._question.service
        records = [each for found in self._closure.issuers for each in self._store.with_trusted_ca(found)]
        if any(record.admits and record.service is service for record in records):
            return None
        elsewhere = tuple(record for record in records if record.admits)
        if elsewhere:
            message = f"“{elsewhere[0].name}” is trusted for {elsewhere[0].service.value}, and this is {service.value}."
            return self._ends_at(elsewhere[0].trusted_ca, Reason.WRONG_SERVICE, message, elsewhere)
        unproven = tuple(record for record in records if record.service is service)
        if unproven:
            message = f"“{unproven[0].name}” would let the device in, and possession of its key is not proven yet."
            return self._ends_at(unproven[0].trusted_ca, Reason.POSSESSION_PENDING, message, unproven)
        return self._leads_nowhere()

    def _leads_nowhere(self) -> Decision:
        issuers = self._closure.issuers
        # Where nothing is an end it leads round, as between the old and the new certificate of one root.
        end = next((found for found in issuers if not issuers[found]), next(reversed(issuers)))
        namesake = self._closure.namesakes.get(end)
        if issuers[end] or (end.is_self_issued and (namesake is None or end.is_self_signed)):
            message = f"The chain ends in {quote(end.subject_text)}, and the account trusts none of its CAs."
            return self._ends_at(end, Reason.NO_TRUST_PATH, message)
        if namesake is not None:
            message = (
                f"A certificate of {quote(namesake.subject_text)} is known here, but the signature of"
                f" {quote(end.subject_text)} does not verify with its key."
            )
            return self._ends_at(end, Reason.NO_TRUST_PATH, message, namesake=namesake)
        message = (
            f"The certificate of {quote(end.issuer_text)}, which issued {quote(end.subject_text)}, is unknown here: the"
            " account does not trust it, and the device does not present it."
        )
        return self._ends_at(end, Reason.NO_TRUST_PATH, message)

    def _searched(self) -> Decision:
        try:
            found = self._itself() or self._path(self._admitting_all) or self._path(self._admitting)
        except TooComplex:
            return self._decided(Reason.PATH_TOO_COMPLEX, _TOO_COMPLEX, self._tried())
        if found is None:
            flaw = next(iter(self._broken.values()), None)
            if flaw is None:
                return self._decided(Reason.NO_TRUST_PATH, "Every path leads round in a circle.", ())
            return self._decided(flaw.reason, flaw.message, self._tried())
        record = self._admitting(found[-1])[0]
        message = f"A valid path leads to “{record.name}”, which the account trusts for {record.service.value}."
        return self._decided(Reason.TRUSTED, message, [TriedPath(found, None), *self._tried()], (record,))

    def _tried(self) -> list[TriedPath]:
        return [TriedPath(way, flaw) for way, flaw in self._broken.items()]

    def _itself(self) -> tuple[ParsedCertificate, ...] | None:
        """The path of a device that presents a developer's certificate: it is its own anchor."""
        device = self._question.device
        return (device,) if any(record.is_developer for record in self._admitting(device)) else None

    def _admitting(self, certificate: ParsedCertificate) -> tuple[Record, ...]:
        return self._store.admitting(certificate, self._question.service)

    def _admitting_all(self, certificate: ParsedCertificate) -> tuple[Record, ...]:
        return tuple(record for record in self._admitting(certificate) if record.usage is not Usage.ENROLLMENT)

    def _path(self, admitting: Admitting) -> tuple[ParsedCertificate, ...] | None:
        """What is presented and recorded comes first: what is only remembered leads elsewhere, and costs no way."""
        stated, known = self._closure.stated, self._closure.issuers
        found = self._path_in(stated, admitting)
        if found is not None or known is stated:
            return found
        left, self._steps_left = self._steps_left, self._limits.steps
        try:
            return self._path_in(known, admitting)
        except TooComplex:
            return None
        finally:
            self._steps_left = left

    def _path_in(self, issuers: Issuers, admitting: Admitting) -> tuple[ParsedCertificate, ...] | None:
        anchors = [found for found in issuers if admitting(found)]
        if not anchors:
            return None
        return self._search((self._question.device,), admitting, issuers, leading_to(anchors, issuers))

    def _search(
        self,
        way: tuple[ParsedCertificate, ...],
        admitting: Admitting,
        issuers: Issuers,
        leading: set[ParsedCertificate],
    ) -> tuple[ParsedCertificate, ...] | None:
        for issuer in issuers[way[-1]]:
            # A CA that is on the way already, in whichever of its certificates, leads nowhere new.
            if issuer not in leading or any(issuer.authority == below.authority for below in way[1:]):
                continue
            self._steps_left -= 1
            if self._steps_left < 0:
                raise TooComplex
            longer = (*way, issuer)
            flaw = next(self._flaws(issuer, way), None)
            if flaw is not None:
                self._broken[longer] = flaw
            elif admitting(issuer):
                return longer
            elif found := self._search(longer, admitting, issuers, leading):
                return found
        return None

    def _flaws(self, issuer: ParsedCertificate, below: tuple[ParsedCertificate, ...]) -> Iterator[Flaw]:
        yield from ca_flaws(issuer, self._question.purpose, at=self._question.at)
        if len(below) > self._limits.cas:
            yield Flaw(Reason.PATH_TOO_COMPLEX, f"The path has more than {self._limits.cas} CAs.", None)
        breach = path.breach(issuer, below, self._names)
        if breach is not None:
            yield Flaw(Reason(breach.code.value), breach.message, breach.reference)

    def _ends_at(
        self,
        end: ParsedCertificate,
        reason: Reason,
        message: str,
        records: tuple[Record, ...] = (),
        namesake: ParsedCertificate | None = None,
    ) -> Decision:
        tried = TriedPath(self._closure.way_to(end), Flaw(reason, message, None), namesake)
        return self._decided(reason, message, [tried], records)

    def _decided(
        self, reason: Reason, message: str, tried: Sequence[TriedPath], records: tuple[Record, ...] = ()
    ) -> Decision:
        above = self._closure.issuers
        until = next_change(above, self._question.at)
        remembered = tuple(each.fingerprint for each in above if each in self._store.remembered(each.subject))
        return Decision(self._question, reason, message, records, tuple(tried), until, remembered)


def ca_flaws(certificate: ParsedCertificate, purpose: str, *, at: datetime) -> Iterator[Flaw]:
    """What keeps a certificate from being a CA on a path at an instant, whatever stands below it; an anchor too."""
    # Version 1 has no basic constraints, and a rule of its own among those of any CA.
    if not certificate.is_ca and certificate.version == 3:
        message = f"{quote(certificate.subject_text)} is no CA: its basic constraints do not say so."
        yield Flaw(Reason.NOT_A_CA, message, "RFC 5280 4.2.1.9")
    place = Place.ROOT if certificate.is_self_signed else Place.BELOW_ROOT
    yield from leaf.refusing(profile.lasting_of_any_ca(certificate, place))
    if not profile.may_issue_for(certificate, place, purpose):
        message = f"The extended key usage of {quote(certificate.subject_text)} does not allow certificates for this."
        yield Flaw(Reason.CA_EKU, message, "RFC 5280 4.2.1.12")
    yield from leaf.refusing(profile.dated(certificate, at=at))
