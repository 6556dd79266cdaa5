"""Uploading, changing, blacklisting, enabling and deleting records."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import ClassVar, Self

from app.actor import Scope
from app.audit.events import CertificateDeleted, CertificateStatusSet, CertificateUpdated, CertificateUploaded
from app.audit.states import Json, Target
from app.errors import NotFound
from app.ids import new_id
from app.rules import chain as chains
from app.rules import lifecycle, text
from app.rules.chain import Chain
from app.services import foresight, state_fields, states
from app.services.additions import add, require_free_name, require_place, search_text
from app.services.command import Done, Tx
from app.services.fleet_suspension import devices_suspended_at
from app.services.foresight import Foreseen, foresee
from app.services.impact import Deletion, StatusChange
from app.services.proposals import status_change, upload_change
from app.services.submission import Submission, authority
from app.store import reads
from app.store.connection import Connection
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage

UNCHANGED = object()
"""Stands for a field that a caller leaves as it is; None would empty it."""


@dataclass(frozen=True, slots=True)
class UploadCertificate:
    """Trust the lowest CA of a chain. The chain was examined at the border; its findings decide here."""

    action: ClassVar[str] = CertificateUploaded.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    name: str
    description: str | None
    submission: Submission
    usage: Usage
    service: Service
    expected_impact: str | None = None
    foreseen: Foreseen | None = None
    reason: None = None

    @property
    def target(self) -> Target:
        """A record that is not there yet."""
        return Target("certificate", None, text.quotable_name(self.name))

    @property
    def identity(self) -> Json:
        """The request, with the input's bytes as a hash."""
        return {
            "name": self.name,
            "description": self.description,
            "source": self.submission.sha256.hex(),
            "usage": self.usage.value,
            "service": self.service.value,
            "expectedImpact": self.expected_impact,
        }

    async def prepared(self, connection: Connection, account_id: str, at: datetime) -> Self:
        """With what it would do, where that is asked for."""
        if self.expected_impact is None:
            return self
        propose = partial(upload_change, connection, account_id, self.submission, self.usage, self.service)
        return replace(self, foreseen=await foresee(connection, account_id, propose, at))

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Refuse in the order of the rules: the words, the certificates, the service, what is there, the room."""
        name = text.require_name(self.name)
        description = text.require_description(self.description)
        change = await upload_change(tx.transaction, tx.account_id, self.submission, self.usage, self.service)
        await require_place(tx, name)
        await foresight.require_expected(tx, self.foreseen, change, self.expected_impact, target_id="")
        record = await add(
            tx,
            certificate_id=new_id(tx.now),
            name=name,
            description=description,
            chain=change.record.chain,
            service=self.service,
            usage=self.usage,
            possession=change.record.possession,
        )
        return Done(record, CertificateUploaded(states.certificate_state(record)))

    def recall(self, change: Json, account_id: str) -> CertificateRow:
        """The record as it was uploaded."""
        return states.certificate_row(state_fields.after(change), account_id)


@dataclass(frozen=True, slots=True)
class UpdateCertificate:
    """Change a record's name or description; what is UNCHANGED stays."""

    action: ClassVar[str] = CertificateUpdated.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    certificate_id: str
    name: str | object = UNCHANGED
    description: str | object | None = UNCHANGED
    expected_version: int | None = None
    reason: None = None

    @property
    def target(self) -> Target:
        """The record, as the caller names it."""
        return Target("certificate", self.certificate_id)

    @property
    def identity(self) -> Json:
        """The request; a field that stays is absent."""
        given = {"name": self.name, "description": self.description}
        words: Json = {field: value for field, value in given.items() if value is None or isinstance(value, str)}
        return {"id": self.certificate_id, "expectedVersion": self.expected_version, **words}

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Refuse a stale version first: the words may have been written for another state."""
        record = await _require(tx, self.certificate_id, self.expected_version)
        name = text.require_name(self.name) if isinstance(self.name, str) else record.name
        description = record.description
        if self.description is None or isinstance(self.description, str):
            description = text.require_description(self.description)
        if name != record.name:
            await require_free_name(tx, name)
        trusted_ca = (await _chain(tx, record)).trusted_ca
        changed = replace(
            record, name=name, description=description, search_text=search_text(name, description, trusted_ca)
        )
        after = await _store(tx, record, changed)
        return Done(after, CertificateUpdated(states.certificate_state(record), states.certificate_state(after)))

    def recall(self, change: Json, account_id: str) -> CertificateRow:
        """The record as it was after the change."""
        return states.certificate_row(state_fields.after(change), account_id)


@dataclass(frozen=True, slots=True)
class SetCertificateStatus:
    """Blacklist a record or enable it, its devices too where that is asked. What is so already is recorded as well."""

    action: ClassVar[str] = CertificateStatusSet.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    certificate_id: str
    status: Status
    reason: str | None = None
    expected_version: int | None = None
    suspend_devices: bool = False
    resume_devices: bool = False
    expected_impact: str | None = None
    foreseen: Foreseen | None = None

    @property
    def target(self) -> Target:
        """The record, as the caller names it."""
        return Target("certificate", self.certificate_id)

    @property
    def identity(self) -> Json:
        """The request."""
        return {
            "id": self.certificate_id,
            "status": self.status.value,
            "reason": self.reason,
            "expectedVersion": self.expected_version,
            "suspendDevices": self.suspend_devices,
            "resumeDevices": self.resume_devices,
            "expectedImpact": self.expected_impact,
        }

    async def prepared(self, connection: Connection, account_id: str, at: datetime) -> Self:
        """With what it would do, where that is asked for."""
        if self.expected_impact is None:
            return self
        propose = partial(self._change, connection, account_id)
        return replace(self, foreseen=await foresee(connection, account_id, propose, at))

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Both statuses may follow each other for as long as the record is there."""
        record = await _require(tx, self.certificate_id, self.expected_version)
        change = await self._change(tx.transaction, tx.account_id)
        await foresight.require_expected(tx, self.foreseen, change, self.expected_impact, target_id=record.id)
        suspended_at = await devices_suspended_at(tx, record, suspend=self.suspend_devices, resume=self.resume_devices)
        after = await _store(tx, record, replace(record, status=self.status, devices_suspended_at=suspended_at))
        return Done(after, CertificateStatusSet(states.certificate_state(record), states.certificate_state(after)))

    async def _change(self, connection: Connection, account_id: str) -> StatusChange:
        suspend, resume = self.suspend_devices, self.resume_devices
        return await status_change(
            connection, account_id, self.certificate_id, self.status, suspend=suspend, resume=resume
        )

    def recall(self, change: Json, account_id: str) -> CertificateRow:
        """The record as it was after the change."""
        return states.certificate_row(state_fields.after(change), account_id)


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """Stop trusting a record, for good. Deleting a blacklisted one must not let devices in by surprise."""

    action: ClassVar[str] = CertificateDeleted.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    certificate_id: str
    reason: str | None = None
    expected_version: int | None = None
    confirm_unblock: bool = False
    expected_impact: str | None = None
    foreseen: Foreseen | None = None

    @property
    def target(self) -> Target:
        """The record, as the caller names it."""
        return Target("certificate", self.certificate_id)

    @property
    def identity(self) -> Json:
        """The request."""
        return {
            "id": self.certificate_id,
            "reason": self.reason,
            "expectedVersion": self.expected_version,
            "confirmUnblock": self.confirm_unblock,
            "expectedImpact": self.expected_impact,
        }

    async def prepared(self, connection: Connection, account_id: str, at: datetime) -> Self:
        """With what it would do, where that is asked for, and where it lifts a block."""
        propose = partial(self._change, connection, account_id)
        return replace(self, foreseen=await foresee(connection, account_id, propose, at))

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Answer with the record as it was."""
        record = await _require(tx, self.certificate_id, self.expected_version)
        change = Deletion(record.id)
        await foresight.require_expected(tx, self.foreseen, change, self.expected_impact, target_id=record.id)
        if not self.confirm_unblock and record.status is Status.INACTIVE:
            await _require_still_blocked(tx, record)
            # A device's own intermediate may be signed by a CA that no record's chain shows beside the blacklisted one.
            await foresight.require_nobody_let_in(tx, self.foreseen, change)
        await tx.certificates.delete(record)
        return Done(record, CertificateDeleted(states.certificate_state(record)))

    async def _change(self, connection: Connection, account_id: str) -> Deletion | None:
        """What has to be known before; None for most deletions, of which nothing has."""
        found = await reads.certificates(connection, account_id, (self.certificate_id,))
        record = found.get(self.certificate_id)
        lifts_block = record is not None and record.status is Status.INACTIVE and not self.confirm_unblock
        return Deletion(self.certificate_id) if lifts_block or self.expected_impact is not None else None

    def recall(self, change: Json, account_id: str) -> CertificateRow:
        """The record as it was before it was deleted."""
        return states.certificate_row(state_fields.before(change), account_id)


async def _require_still_blocked(tx: Tx, record: CertificateRow) -> None:
    others = [other for other in await tx.certificates.all() if other.id != record.id]
    standings = [await _standing(tx, other) for other in others]
    lifecycle.require_still_blocked(await _standing(tx, record), standings)


async def _require(tx: Tx, certificate_id: str, expected_version: int | None) -> CertificateRow:
    record = await tx.certificates.with_id(certificate_id)
    if record is None:
        raise NotFound("The account has no certificate of this id.", path=("id",))
    tx.target = Target("certificate", record.id, record.name, record.version)
    lifecycle.require_version(target_id=record.id, current=record.version, expected=expected_version)
    return record


async def _store(tx: Tx, before: CertificateRow, after: CertificateRow) -> CertificateRow:
    if after == before:
        return before
    stored = replace(after, version=before.version + 1, updated_at=tx.now)
    await tx.certificates.update(stored)
    return stored


async def _chain(tx: Tx, record: CertificateRow) -> Chain:
    ders = await reads.ders(tx.transaction, tx.account_id, record.chain)
    return chains.stored(tuple(ders[sha256] for sha256 in record.chain))


async def _standing(tx: Tx, record: CertificateRow) -> lifecycle.Standing:
    chain = await _chain(tx, record)
    return lifecycle.Standing(
        record.id, record.name, record.status, tuple(authority(each) for each in chain.certificates)
    )
