"""Letting devices in for the first time, and suspending them."""

import hashlib
from dataclasses import dataclass, replace
from typing import ClassVar

from app.actor import Scope
from app.audit.device_events import DeviceConnected, DeviceResumed, DeviceSuspended
from app.audit.enrollment_events import EnrollmentUsed
from app.audit.event import Event
from app.audit.states import Json, Target
from app.errors import InvalidState, NotFound
from app.ids import new_id
from app.rules import admission, text
from app.rules.decision import Decision
from app.rules.trust import decide
from app.services import state_fields, states
from app.services.command import Done, Tx
from app.services.submission import authority
from app.services.trust_states import TrustState, load
from app.store import enrollments
from app.store.device_matching import Comer, Match
from app.store.device_rows import CredentialRow, DeviceRow, Registration
from app.store.device_writes import Came
from app.store.enrollments import EnrollmentRow
from app.store.intermediates import Intermediate
from app.terms import Service


@dataclass(frozen=True, slots=True)
class Connected:
    """A device that was let in, and with which state of the account's trust."""

    device: DeviceRow
    decision: Decision
    state: TrustState


@dataclass(frozen=True, slots=True)
class ConnectDevice:
    """Let a device in that is new, or that comes otherwise than the last time.

    `decision` was made with `known`. Where the account's trust has changed since, it is made again, in the transaction:
    what the log says in its order is what was decided. A claim that the device needs is used in the same transaction.
    """

    action: ClassVar[str] = DeviceConnected.kind
    scope: ClassVar[Scope] = Scope.GATEWAY
    endpoint_name: str | None
    decision: Decision
    known: TrustState
    reason: None = None

    @property
    def target(self) -> Target:
        """A device that nobody has looked for yet."""
        return Target("device", None, self.endpoint_name)

    async def __call__(self, tx: Tx) -> Done[Connected]:
        """Raises DeviceRefused."""
        state = await load(tx.transaction, tx.account_id, self.known)
        decision = self.decision if state is self.known else decide(state.store, self.decision.question)
        admission.require_allowed(decision)
        comer = comer_of(decision, self.endpoint_name)
        match = await tx.devices.match(comer)
        found = match.device
        tx.target = Target("device", None if found is None else found.id, comer.name)
        claim = None
        if admission.needs_claim(decision):
            claim = await enrollments.claim(tx.transaction, tx.account_id, admission.claimed_by(decision), tx.now)
        is_claimed = claim is not None and claim.comes_first
        admission.require_allowed(as_it_stands(decision, match, is_claimed=is_claimed))
        after = await _let_in(tx, found or _new_device(tx, comer.name), decision, state)
        before = None if found is None else states.device_state(found)
        service = decision.question.service.value
        connected = DeviceConnected(before, states.device_state(after), service, state.version)
        used = {} if claim is None or claim.row.claimed_at is not None else await _used(tx, claim.row, after, decision)
        events: dict[str, Event] = {tx.entry_id: connected, **used}
        return Done(Connected(after, decision, state), events)


@dataclass(frozen=True, slots=True)
class SuspendDevice:
    """Refuse a device until somebody resumes it. `category` is a word of the caller's own."""

    action: ClassVar[str] = DeviceSuspended.kind
    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    device_id: str
    category: str
    description: str | None = None
    reason: None = None

    @property
    def target(self) -> Target:
        """The device, as the caller names it."""
        return Target("device", self.device_id)

    @property
    def identity(self) -> Json:
        """The request."""
        return {"id": self.device_id, "category": self.category, "description": self.description}

    async def __call__(self, tx: Tx) -> Done[str]:
        """Answer with the device's id. One that is suspended already gets the new words, and keeps its instant."""
        device = await _require(tx, self.device_id)
        after = replace(
            device,
            version=device.version + 1,
            suspended_at=device.suspended_at or tx.now,
            suspended_category=text.require_name(self.category, field="category"),
            suspended_description=text.require_description(self.description),
            updated_at=tx.now,
        )
        await tx.devices.update(after)
        return Done(after.id, DeviceSuspended(states.device_state(device), states.device_state(after)))

    def recall(self, change: Json, account_id: str) -> str:
        """The device's id: what it is now is more than the log says of it, and is read."""
        del account_id
        return state_fields.id_of(state_fields.after(change))


@dataclass(frozen=True, slots=True)
class ResumeDevice:
    """Let a suspended device in again, whether it was suspended by itself or with its record."""

    action: ClassVar[str] = DeviceResumed.kind
    scope: ClassVar[Scope] = Scope.DEVICES_WRITE
    device_id: str
    reason: str | None = None

    @property
    def target(self) -> Target:
        """The device, as the caller names it."""
        return Target("device", self.device_id)

    @property
    def identity(self) -> Json:
        """The request."""
        return {"id": self.device_id, "reason": self.reason}

    async def __call__(self, tx: Tx) -> Done[str]:
        """Answer with the device's id. Raises InvalidState for a device that is not suspended."""
        device = await _require(tx, self.device_id)
        if not device.is_suspended:
            raise InvalidState("The device is not suspended.", path=("id",))
        # Never before the suspension that it ends, also where another clock was ahead.
        released_at = max(tx.now, device.record_suspended_at or tx.now)
        after = replace(
            device,
            version=device.version + 1,
            suspended_at=None,
            suspended_category=None,
            suspended_description=None,
            released_at=released_at,
            record_suspended_at=None,
            updated_at=tx.now,
        )
        await tx.devices.update(after)
        return Done(after.id, DeviceResumed(states.device_state(device), states.device_state(after)))

    def recall(self, change: Json, account_id: str) -> str:
        """The device's id: what it is now is more than the log says of it, and is read."""
        del account_id
        return state_fields.id_of(state_fields.after(change))


def comer_of(decision: Decision, told: str | None) -> Comer:
    """Whom a decision is about, by the name that the gateway tells, if it tells one."""
    leaf = decision.question.device
    return Comer(
        service=decision.question.service,
        name=told or admission.endpoint_name_of(leaf),
        is_told=bool(told),
        key_sha256=authority(leaf),
    )


def as_it_stands(decision: Decision, match: Match, *, is_claimed: bool) -> Decision:
    """A decision about the device that comes, by its own suspension and those of the others that hold it."""
    return admission.of_device(
        decision,
        is_suspended=match.device is not None and match.device.is_suspended,
        held_by=match.held_by,
        is_claimed=is_claimed,
    )


def registration_of(decision: Decision) -> Registration:
    """How the device of a decision that lets it in comes."""
    leaf, *others = decision.question.presented
    presented_sha256 = hashlib.sha256(b"".join(other.der for other in others)).digest()
    return Registration(leaf.fingerprint, decision.records[0].id, presented_sha256)


def comes_as_before(device: DeviceRow, service: Service, registration: Registration) -> bool:
    """Whether the device comes as it came the last time, so that there is nothing to record."""
    credential = device.credential(service)
    return credential is not None and device.refused_at is None and credential.registration == registration


def _new_device(tx: Tx, name: str) -> DeviceRow:
    """A device that is not stored yet: its version says so."""
    return DeviceRow(
        id=new_id(tx.now),
        account_id=tx.account_id,
        version=0,
        endpoint_name=name,
        suspended_at=None,
        suspended_category=None,
        suspended_description=None,
        released_at=None,
        created_at=tx.now,
        updated_at=tx.now,
        last_seen_at=tx.now,
        refused_at=None,
        record_suspended_at=None,
    )


async def _let_in(tx: Tx, device: DeviceRow, decision: Decision, state: TrustState) -> DeviceRow:
    leaf, *others = decision.question.presented
    credential = _credential(tx, device, decision)
    if device.refused_at is not None:
        await tx.devices.readmit(device.id)
    if credential == device.credential(credential.service):
        return replace(device, refused_at=None)
    others_kept = tuple(each for each in device.credentials if each.service is not credential.service)
    after = replace(
        device,
        version=device.version + 1,
        updated_at=tx.now,
        refused_at=None,
        credentials=(*others_kept, credential),
    )
    await (tx.devices.update(after) if device.version else tx.devices.insert(after))
    joined = b"".join(other.der for other in others)
    came = Came(leaf.der, joined, decision.path[:2][-1].fingerprint, leaf.not_before, leaf.not_after)
    await tx.devices.put_credential(device.id, credential, came)
    unknown = admission.unknown_intermediates(decision, state.store)
    await tx.devices.remember([Intermediate(each.der, each.subject) for each in unknown], tx.now)
    return after


async def _used(tx: Tx, claim: EnrollmentRow, device: DeviceRow, decision: Decision) -> dict[str, EnrollmentUsed]:
    """Use up a claim: from now on its time does not run out. The event has an entry of its own, beside the device's."""
    used = replace(claim, version=claim.version + 1, claimed_at=tx.now, device_id=device.id)
    entry_id = new_id(tx.now)
    if not await enrollments.Enrollments(tx.transaction, tx.account_id, entry_id).use(used):
        # Its time was over at this instant, and somebody else has claimed the identity since it was read.
        admission.require_allowed(admission.of_device(decision, is_suspended=False, held_by=None, is_claimed=False))
    return {entry_id: EnrollmentUsed(states.enrollment_state(claim), states.enrollment_state(used))}


def _credential(tx: Tx, device: DeviceRow, decision: Decision) -> CredentialRow:
    leaf, record = decision.question.device, decision.records[0]
    last = device.credential(decision.question.service)
    is_as_before = last is not None and (last.key_sha256, last.certificate_id) == (authority(leaf), record.id)
    registration = registration_of(decision)
    return CredentialRow(
        service=decision.question.service,
        key_sha256=authority(leaf),
        fingerprint=registration.fingerprint,
        certificate_id=registration.certificate_id,
        presented_sha256=registration.presented_sha256,
        accepted_at=last.accepted_at if last is not None and is_as_before else tx.now,
    )


async def _require(tx: Tx, device_id: str) -> DeviceRow:
    device = await tx.devices.with_id(device_id)
    if device is None:
        raise NotFound("The account has no device of this id.", path=("id",))
    tx.target = states.device_state(device).target
    return device
