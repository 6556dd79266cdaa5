"""Uploading, changing, blacklisting, enabling and deleting records."""

from dataclasses import dataclass, replace
from typing import ClassVar

from app.actor import Scope
from app.audit.events import CertificateDeleted, CertificateStatusSet, CertificateUpdated, CertificateUploaded
from app.audit.states import Json, Target
from app.errors import DuplicateCertificate, NotFound
from app.ids import new_id
from app.rules import chain as chains
from app.rules import lifecycle, text
from app.rules.chain import Chain
from app.rules.lifecycle import initial_possession
from app.rules.upload import require_acceptable, require_service
from app.services import state_fields, states
from app.services.additions import add, require_free_name, require_place, search_text
from app.services.command import Done, Tx
from app.services.fleet_suspension import devices_suspended_at
from app.services.impact import Change, Deletion, StatusChange, impact, require_expected, uploaded
from app.services.submission import Submission, authority
from app.store import reads
from app.store.rows import AccountRow, CertificateRow
from app.terms import Service, Status, Usage

UNCHANGED = object()
"""Stands for a field that a caller leaves as it is; None would empty it."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may hold, and does."""

    limit: int
    used: int

    @classmethod
    def of(cls, account: AccountRow) -> "Quota":
        """The account's."""
        return cls(limit=account.certificate_limit, used=account.certificate_used)

    @property
    def remaining(self) -> int:
        """How many more it may add; never below zero, also where a limit was lowered under what is used."""
        return max(0, self.limit - self.used)


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

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Refuse in the order of the rules: the words, the certificates, the service, what is there, the room."""
        name = text.require_name(self.name)
        description = text.require_description(self.description)
        chain = require_acceptable(self.submission.examination)
        require_service(self.usage, self.service)
        await _require_new(tx, chain, self.service)
        account = await require_place(tx, name)
        possession = initial_possession(self.usage, require_possession=account.require_possession)
        change = uploaded(chain, self.usage, self.service, possession)
        await _require_impact(tx, change, self.expected_impact, "")
        record = await add(
            tx,
            certificate_id=new_id(tx.now),
            name=name,
            description=description,
            chain=chain,
            service=self.service,
            usage=self.usage,
            possession=possession,
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

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Both statuses may follow each other for as long as the record is there."""
        record = await _require(tx, self.certificate_id, self.expected_version)
        change = StatusChange(record.id, self.status, self.suspend_devices, self.resume_devices)
        await _require_impact(tx, change, self.expected_impact, record.id)
        suspended_at = await devices_suspended_at(
            tx, record, self.status, suspend=self.suspend_devices, resume=self.resume_devices
        )
        after = await _store(tx, record, replace(record, status=self.status, devices_suspended_at=suspended_at))
        return Done(after, CertificateStatusSet(states.certificate_state(record), states.certificate_state(after)))

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

    async def __call__(self, tx: Tx) -> Done[CertificateRow]:
        """Answer with the record as it was."""
        record = await _require(tx, self.certificate_id, self.expected_version)
        await _require_impact(tx, Deletion(record.id), self.expected_impact, record.id)
        if not self.confirm_unblock and record.status is Status.INACTIVE:
            await _require_still_blocked(tx, record)
        await tx.certificates.delete(record)
        return Done(record, CertificateDeleted(states.certificate_state(record)))

    def recall(self, change: Json, account_id: str) -> CertificateRow:
        """The record as it was before it was deleted."""
        return states.certificate_row(state_fields.before(change), account_id)


async def _require_impact(tx: Tx, change: Change, token: str | None, target_id: str) -> None:
    await require_expected(tx.transaction, tx.account_id, change, token, target_id=target_id, at=tx.now)


async def _require_still_blocked(tx: Tx, record: CertificateRow) -> None:
    others = [other for other in await tx.certificates.all() if other.id != record.id]
    standings = [await _standing(tx, other) for other in others]
    lifecycle.require_still_blocked(await _standing(tx, record), standings)
    # A device's own intermediate may be signed by a CA that no record's chain shows beside the blacklisted one.
    found = await impact(tx.transaction, tx.account_id, Deletion(record.id), at=tx.now)
    lifecycle.require_nobody_let_in(found.gaining)


async def _require(tx: Tx, certificate_id: str, expected_version: int | None) -> CertificateRow:
    record = await tx.certificates.with_id(certificate_id)
    if record is None:
        raise NotFound("The account has no certificate of this id.", path=("id",))
    tx.target = Target("certificate", record.id, record.name, record.version)
    lifecycle.require_version(target_id=record.id, current=record.version, expected=expected_version)
    return record


async def _require_new(tx: Tx, chain: Chain, service: Service) -> None:
    existing = await tx.certificates.with_trusted_ca(service.value, chain.trusted_ca.fingerprint)
    if existing is not None:
        raise DuplicateCertificate(
            f"The account already trusts this certificate for {service.value}, as “{existing.name}”.",
            existing_id=existing.id,
        )


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
