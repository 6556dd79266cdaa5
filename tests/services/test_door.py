"""The door: one entry for every act, in the transaction of its effect, whatever happens."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import pytest

from app.actor import ANONYMOUS, Role, Scope
from app.audit.entry import GENESIS, account_stream, entry_hash
from app.audit.events import AuditLogRead
from app.audit.states import Target
from app.errors import Forbidden, IdempotencyKeyReused, InvalidInput, Refusal, Unauthenticated
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.command import Done, Repeatable, Tx
from app.services.door import Door
from app.services.keys import CreateApiKey, fresh_credential
from app.store import log_reads, reads
from app.store.paging import Order, Window
from app.store.rows import CertificateRow
from app.terms import Status
from tests.house import ORIGIN, House, actor_of, fresh_ca, upload_of

BY_ID = Order("id", "id", descending=False)
EVERYTHING = reads.CertificateFilter()


@dataclass(frozen=True)
class Faulty:
    """A command that changes something and then has a bug."""

    action: ClassVar[str] = "certificate.update"
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    certificate_id: str
    reason: None = None

    @property
    def target(self) -> Target:
        return Target("certificate", self.certificate_id)

    async def __call__(self, tx: Tx) -> Done[None]:
        record = await tx.certificates.with_id(self.certificate_id)
        assert record is not None
        await tx.certificates.update(replace(record, version=record.version + 1, name="half done"))
        raise ZeroDivisionError


@dataclass(frozen=True)
class Forgetful:
    """A command that records an act and does something else behind its back."""

    action: ClassVar[str] = AuditLogRead.kind
    scope: ClassVar[Scope] = Scope.CERTIFICATES_WRITE
    certificate_id: str
    reason: None = None

    @property
    def target(self) -> Target:
        return Target("audit_log")

    async def __call__(self, tx: Tx) -> Done[None]:
        record = await tx.certificates.with_id(self.certificate_id)
        assert record is not None
        stray = replace(tx.certificates, audit_id="f" * 32)
        await stray.update(replace(record, version=record.version + 1, name="behind the log"))
        return Done(None, AuditLogRead(tx.account_id, "nothing"))


async def test_entries_are_chained_without_gaps_from_nothing(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    for _ in range(3):
        await house.upload(actor)
    with pytest.raises(InvalidInput):
        await house.upload(actor, name="")

    previous = GENESIS
    log = await house.log_of(account.id)
    for number, entry in enumerate(log, start=1):
        assert (entry.aseq, entry.prev) == (number, previous)
        assert entry.hash == entry_hash(account_stream(account.id), number, previous, entry.body_sha256)
        previous = entry.hash
    heads = {head.stream: head for head in await log_reads.streams(house.database.reads)}
    assert heads[account_stream(account.id)].hash == previous
    assert len(log) == 4


async def test_personal_data_stand_beside_the_body(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    await house.upload(actor)

    (entry,) = await house.log_of(account.id)

    for personal in (actor.name, ORIGIN.address, ORIGIN.agent):
        assert personal is not None
        assert personal.encode() not in entry.body
    assert list(entry.disclosures) == [actor.id]
    assert entry.disclosures[str(actor.id)].count("~") == 2


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.GATEWAY])
async def test_what_a_role_may_not_do_is_refused_and_recorded(house: House, role: Role) -> None:
    account = await house.account()

    with pytest.raises(Forbidden):
        await house.upload(actor_of(account, role))

    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.code) == ("certificate.upload", "refused", "FORBIDDEN")


async def test_a_stranger_may_do_nothing(house: House) -> None:
    with pytest.raises(Unauthenticated):
        await house.upload(ANONYMOUS)


async def test_nobody_hands_out_more_than_they_may_do(house: House) -> None:
    account = await house.account()
    auditor_who_makes_keys = replace(
        actor_of(account, Role.AUDITOR), scopes=frozenset({Scope.API_KEYS_WRITE, Scope.AUDIT_READ})
    )

    with pytest.raises(Forbidden):
        await house.perform(auditor_who_makes_keys, CreateApiKey("more", Role.ADMIN, fresh_credential(house.clock())))


async def test_a_bug_undoes_what_it_did_and_leaves_a_failed_entry(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)

    with pytest.raises(ZeroDivisionError):
        await house.perform(actor, Faulty(record.id))

    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.code) == ("certificate.update", "failed", "INTERNAL")
    assert await reads.certificates(house.database.reads, account.id, [record.id]) == {record.id: record}
    await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE))


async def test_a_change_without_its_entry_cannot_be_committed(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)
    before = await house.log_of(account.id)

    with pytest.raises(Refusal) as raised:
        await house.perform(actor, Forgetful(record.id))

    assert raised.value.code == "AUDIT_UNAVAILABLE"
    assert await reads.certificates(house.database.reads, account.id, [record.id]) == {record.id: record}
    assert await house.log_of(account.id) == before
    await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE))


async def test_an_entry_that_cannot_be_written_leaves_no_effect(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)
    too_long = b"s" * 20_000
    mute = Door(house.database, clock=house.clock, node="test", software="anchorage/test", salt=lambda: too_long)

    with pytest.raises(Refusal) as raised:
        await mute.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE), ORIGIN)

    assert raised.value.code == "AUDIT_UNAVAILABLE"
    assert await reads.certificates(house.database.reads, account.id, [record.id]) == {record.id: record}
    assert len(await house.log_of(account.id)) == 1
    await house.perform(actor, SetCertificateStatus(record.id, Status.INACTIVE))


async def test_a_caller_that_goes_away_loses_the_answer_and_nothing_else(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    callers = [asyncio.create_task(house.upload(actor)) for _ in range(20)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await house.upload(actor)

    log = await house.log_of(account.id)
    page = await reads.certificates_page(house.database.reads, account.id, EVERYTHING, BY_ID, Window(100))
    assert len(page.rows) == len(log)
    assert len(log) >= 11


async def test_a_repeated_request_is_answered_as_the_first_time_and_done_once(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    upload = upload_of(fresh_ca(), name="Plant")

    first = await house.door.perform_once(actor, upload, ORIGIN, "key-1")
    await house.perform(actor, UpdateCertificate(first.value.id, name="Renamed since"))
    again = await house.door.perform_once(actor, upload, ORIGIN, "key-1")
    await house.perform(actor, DeleteCertificate(first.value.id))
    after_deletion = await house.door.perform_once(actor, upload, ORIGIN, "key-1")

    unshown = {"subject_key_sha256": b"", "search_text": ""}
    assert again.value == after_deletion.value == replace(first.value, **unshown)  # type: ignore[arg-type]
    assert again.entry_id == first.entry_id
    said = await house.last_entry(account.id)
    assert (said.action, said.result, said.code) == ("certificate.upload", "success", "IDEMPOTENT_REPLAY")


async def test_every_repeatable_command_recalls_its_first_answer(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    record = await house.upload(actor)
    key = await house.door.perform_once(
        actor, CreateApiKey("k", Role.VIEWER, fresh_credential(house.clock())), ORIGIN, "make"
    )
    recalled = await house.door.perform_once(
        actor, CreateApiKey("k", Role.VIEWER, fresh_credential(house.clock())), ORIGIN, "make"
    )
    assert key.value.text is not None
    assert recalled.value.text is None
    assert recalled.value.row.id == key.value.row.id
    commands: tuple[Repeatable[CertificateRow], ...] = (
        UpdateCertificate(record.id, name="New name"),
        SetCertificateStatus(record.id, Status.INACTIVE, "why"),
        DeleteCertificate(record.id),
    )
    for number, command in enumerate(commands):
        first = await house.door.perform_once(actor, command, ORIGIN, f"key-{number}")
        second = await house.door.perform_once(actor, command, ORIGIN, f"key-{number}")
        assert (second.value.version, second.value.name, second.value.status) == (
            first.value.version,
            first.value.name,
            first.value.status,
        )


async def test_an_idempotency_key_with_another_input_is_refused(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    await house.door.perform_once(actor, upload_of(fresh_ca()), ORIGIN, "key-1")

    with pytest.raises(IdempotencyKeyReused):
        await house.door.perform_once(actor, upload_of(fresh_ca()), ORIGIN, "key-1")

    assert (await house.last_entry(account.id)).code == "IDEMPOTENCY_KEY_REUSED"


async def test_an_idempotency_key_is_kept_for_a_day_and_no_longer(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    await house.door.perform_once(actor, upload_of(fresh_ca()), ORIGIN, "key-1")
    house.clock.advance(timedelta(hours=24))

    await house.door.perform_once(actor, upload_of(fresh_ca()), ORIGIN, "key-1")

    page = await reads.certificates_page(house.database.reads, account.id, EVERYTHING, BY_ID, Window(100))
    assert len(page.rows) == 2


async def test_a_refused_request_may_be_asked_again_with_its_key(house: House) -> None:
    account = await house.account()
    actor = actor_of(account)
    taken = await house.upload(actor, name="Plant")
    upload = upload_of(fresh_ca(), name="Plant")
    with pytest.raises(Refusal):
        await house.door.perform_once(actor, upload, ORIGIN, "key-1")
    await house.perform(actor, DeleteCertificate(taken.id))

    assert (await house.door.perform_once(actor, upload, ORIGIN, "key-1")).value.name == "Plant"


async def test_keys_of_two_accounts_never_meet(house: House) -> None:
    account, other = await house.account(), await house.account()

    one = await house.door.perform_once(actor_of(account), upload_of(fresh_ca()), ORIGIN, "same")
    two = await house.door.perform_once(actor_of(other), upload_of(fresh_ca()), ORIGIN, "same")

    assert one.value.id != two.value.id
