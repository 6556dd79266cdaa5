"""Whether a device may come in, asked by a gateway at every connection.

Most questions have been asked before, of the same version of the account's trust: those are answered from memory. Else
the rules decide; a device that is new, or comes otherwise than the last time, is let in through the door, with its
entry, before the gateway is answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from sys import getsizeof
from typing import NamedTuple

from app.actor import Actor, Origin
from app.clock import Clock
from app.errors import AuditUnavailable, CertificateRejected, DeviceRefused, OutcomeUnknown, StoreUnavailable
from app.reasons import Reason
from app.recent import Recent
from app.rules import admission
from app.rules.decision import Decision
from app.services.asked import Asked, decided, refusal
from app.services.devices import ConnectDevice, as_it_stands, comer_of, comes_as_before, registration_of
from app.services.door import Door
from app.services.last_seen import LastSeen
from app.services.refused_devices import Refused, RefusedDevices
from app.services.trust_states import Confirmed, TrustState, TrustStates
from app.store import device_matching, enrollments
from app.store.database import Database
from app.store.device_rows import Registration
from app.store.enrollments import Claim
from app.terms import Service

SETTLED_BYTES = 128 * 1024 * 1024
"""What the answers that are remembered may take, of all accounts together; a usual one takes 9 KB."""
_ANSWER_BYTES = 1536
"""What an answer takes beside what is presented and decided."""
LATEST_LIMIT = 32_768
"""Of how many devices is known how they came last: more than there are usual answers; half a kilobyte each."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway is told.

    `device_id` is None where the device was not let in. `trust_version` is None where nothing could be read.
    `stale_seconds` says for how long the database could not be read; 0 while it can. `is_recorded` says that the door
    has recorded the refusal already, `is_repeatable` that the same question gets it again until something changes.
    `standing` is the state's (`TrustState`), and `registration` how the device came, where it was let in.
    """

    decision: Decision
    trust_version: int | None
    device_id: str | None = None
    stale_seconds: float = 0.0
    is_recorded: bool = False
    is_repeatable: bool = True
    standing: int | None = None
    registration: Registration | None = None

    def holds(self, version: int, now: datetime) -> bool:
        """Whether the same would be answered at this version of the account's trust, and at this instant."""
        decision = self.decision
        return self.trust_version == version and _holds_at(decision.question.at, decision.holds_until, now)

    @property
    def admitted(self) -> "Admitted | None":
        """What lets the device in again; None where the answer is another one, or is not to be given again."""
        device_id, version, registration = self.device_id, self.trust_version, self.registration
        if device_id is None or version is None or registration is None or not self.is_repeatable or self.stale_seconds:
            return None
        asked, until = self.decision.question, self.decision.holds_until
        return Admitted(device_id, version, asked.service, asked.at, until, self.remembered, registration)

    @property
    def remembered(self) -> tuple[bytes, ...]:
        """The intermediates that the account remembers above the device, by SHA-256."""
        return self.decision.remembered


class Admitted(NamedTuple):
    """What remains to be known of an answer that let a device in, as long as it `holds`."""

    device_id: str
    trust_version: int
    service: Service
    at: datetime
    until: datetime | None
    remembered: tuple[bytes, ...]
    registration: Registration

    def holds(self, version: int, now: datetime) -> bool:
        """Whether the same would be answered at this version of the account's trust, and at this instant."""
        return self.trust_version == version and _holds_at(self.at, self.until, now)


class _Place(NamedTuple):
    account_id: str
    asked: Asked


@dataclass(slots=True)
class Admissions:
    """See the module."""

    database: Database
    door: Door
    clock: Clock
    states: TrustStates
    refused: RefusedDevices
    seen: LastSeen
    _settled: Recent[_Place, Answer] = field(default_factory=lambda: Recent(SETTLED_BYTES))
    _latest: Recent[tuple[str, Service], Registration] = field(default_factory=lambda: Recent(LATEST_LIMIT))

    async def ask(self, actor: Actor, asked: Asked, origin: Origin) -> Answer:
        """Answer a gateway. Raises nothing that is the device's fault or the database's: what fails is a refusal."""
        account_id = actor.account_id or ""
        now = self.clock()
        try:
            confirmed = self.states.confirmed(account_id) or await self.states.current(account_id)
        except StoreUnavailable:
            return self._unknown(actor, asked, origin, now)
        place = _Place(account_id, asked)
        answer = self._settled.find(place)
        if answer is None or not answer.holds(confirmed.state.version, now) or not self._is_latest(answer):
            answer = await self._decided(actor, asked, confirmed, origin, now, before=answer)
            self._remember(place, answer)
        if answer.device_id is not None:
            self.note(account_id, answer.device_id, answer.remembered, now)
        elif answer.decision.reason is Reason.STATE_UNKNOWN:
            self._note_later(actor, asked, answer, origin)
        elif not answer.is_recorded:
            await self.refused.note(_refused(actor, asked, answer, origin))
        return answer if not confirmed.stale_seconds else replace(answer, stale_seconds=confirmed.stale_seconds)

    def note(self, account_id: str, device_id: str, remembered: Sequence[bytes], at: datetime) -> None:
        """Note that a device was let in, and below which intermediates that the account remembers, by SHA-256."""
        self.seen.seen(device_id, at)
        for fingerprint in remembered:
            self.seen.used(account_id, fingerprint, at)

    def still_holds(self, account_id: str, admitted: Admitted, now: datetime) -> bool:
        """Whether a device would be let in again, where nothing has to be read to know that."""
        confirmed = self.states.confirmed(account_id)
        if confirmed is None or not admitted.holds(confirmed.state.version, now):
            return False
        return self._latest.find((admitted.device_id, admitted.service)) == admitted.registration

    async def refuse_unread(
        self, actor: Actor, service: Service, rejected: CertificateRejected, origin: Origin
    ) -> Answer:
        """Refuse what is no chain at all."""
        asked = Asked(service, ())
        answer = Answer(refusal(asked, self.clock(), Reason(rejected.deciding.code.value), rejected.message), None)
        await self.refused.note(_refused(actor, asked, answer, origin))
        return answer

    def _is_latest(self, answer: Answer) -> bool:
        """Whether the device has not come otherwise since: what the row says of it is to be how it came last."""
        device_id, service = answer.device_id, answer.decision.question.service
        return device_id is None or self._latest.find((device_id, service)) == answer.registration

    def _remember(self, place: _Place, answer: Answer) -> None:
        if answer.decision.reason is Reason.STATE_UNKNOWN or not answer.is_repeatable:
            return
        kept = replace(answer, decision=answer.decision.to_keep, is_recorded=False)
        asked = getsizeof(place.asked.endpoint_name) + sum(map(getsizeof, place.asked.ders))
        self._settled.keep(place, kept, _ANSWER_BYTES + asked + kept.decision.weight)

    async def _decided(
        self, actor: Actor, asked: Asked, confirmed: Confirmed, origin: Origin, now: datetime, *, before: Answer | None
    ) -> Answer:
        state = confirmed.state
        # The account trusts something else now, which is no reason to read the same certificates again.
        read = () if before is None else before.decision.question.presented
        decision = decided(state.store, asked, now, read)
        if not decision.is_allowed:
            return Answer(decision, state.version)
        try:
            return await self._let_in(actor, asked, decision, state, origin)
        except (StoreUnavailable, AuditUnavailable, OutcomeUnknown):
            if before is not None and _comes_as_at(before, decision, state):
                # Not to be given again: the next time is another chance to look.
                return Answer(decision, state.version, before.device_id, is_repeatable=False)
            message = "Whether the device is suspended cannot be read now, or that it came cannot be recorded."
            return Answer(refusal(asked, now, Reason.STATE_UNKNOWN, message), state.version)

    async def _let_in(
        self, actor: Actor, asked: Asked, decision: Decision, state: TrustState, origin: Origin
    ) -> Answer:
        comer, registration = comer_of(decision, asked.endpoint_name), registration_of(decision)
        lookups, reach = self.database.lookups, self.states.reach
        match = await reach.read(lambda: device_matching.match(lookups, state.account_id, comer))
        device = match.device
        claim = None if match.held_by is not None else await self._claim(state.account_id, decision)
        found = as_it_stands(decision, match, is_claimed=claim is not None and claim.comes_first)
        if not found.is_allowed:
            # The claim that comes before this account's may end, and this account's version would not tell.
            return Answer(found, state.version, is_repeatable=claim is None or claim.comes_first)
        is_first = claim is not None and claim.row.claimed_at is None
        is_known = device is not None and comes_as_before(device, asked.service, registration)
        if device is not None and is_known and not is_first and not state.audits_all:
            self._latest.keep((device.id, asked.service), registration)
            return Answer(decision, state.version, device.id, standing=state.standing, registration=registration)
        try:
            recorded = await self.door.perform(actor, ConnectDevice(asked.endpoint_name, decision, state), origin)
        except DeviceRefused as refused:
            # Something changed in between.
            found = replace(decision, reason=refused.reason, explanation=refused.message)
            return Answer(found, state.version, is_recorded=True)
        connected = recorded.value
        at_entry, registration = connected.state, registration_of(connected.decision)
        self._latest.keep((connected.device.id, asked.service), registration)
        return Answer(
            connected.decision,
            at_entry.version,
            connected.device.id,
            is_repeatable=not at_entry.audits_all,
            standing=at_entry.standing,
            registration=registration,
        )

    async def _claim(self, account_id: str, decision: Decision) -> Claim | None:
        if not admission.needs_claim(decision):
            return None
        identity = admission.claimed_by(decision)
        return await enrollments.claim(self.database.lookups, account_id, identity, decision.question.at)

    def _unknown(self, actor: Actor, asked: Asked, origin: Origin, now: datetime) -> Answer:
        unknown = refusal(asked, now, Reason.STATE_UNKNOWN, "What the account trusts cannot be read now.")
        answer = Answer(unknown, None)
        self._note_later(actor, asked, answer, origin)
        return answer

    def _note_later(self, actor: Actor, asked: Asked, answer: Answer, origin: Origin) -> None:
        self.refused.note_later(_refused(actor, asked, answer, origin))


def _holds_at(at: datetime, until: datetime | None, now: datetime) -> bool:
    """Whether what was decided at an instant, and holds until another or for ever, holds now."""
    return until is None or at <= now < until


def _comes_as_at(before: Answer, decision: Decision, state: TrustState) -> bool:
    """Whether a device that was let in comes as it came then, and stands as it stood, with nothing to be read."""
    return (
        before.device_id is not None
        and before.standing == state.standing
        and not state.audits_all
        and before.decision.records[0].id == decision.records[0].id
        and admission.needs_claim(before.decision) == admission.needs_claim(decision)
    )


def _refused(actor: Actor, asked: Asked, answer: Answer, origin: Origin) -> Refused:
    presented = answer.decision.question.presented
    name = asked.endpoint_name or (admission.endpoint_name_of(presented[0]) if presented else "")
    return Refused(actor, origin, answer.decision, name, answer.trust_version)
