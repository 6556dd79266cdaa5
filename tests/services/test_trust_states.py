"""The next state of an account's trust is made of the last one and of what has changed since."""

from time import monotonic
from typing import Any

import pytest

from app.reasons import Reason
from app.services import asked as reading
from app.services.certificates import DeleteCertificate, SetCertificateStatus, UpdateCertificate
from app.services.trust_states import TrustState, load
from app.store import trust_reads
from app.store.connection import Connection
from app.store.rows import CertificateRow
from app.terms import Service, Status, Usage
from tests.fleet import Device
from tests.house import House, actor_of, upload_of
from tests.rules.authority import make
from tests.services.gateways import GatewayProcess


class Listening:
    """Hears which records are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        self._some_records = trust_reads.some_records
        monkeypatch.setattr(trust_reads, "some_records", self)

    async def __call__(self, connection: Connection, account_id: str, ids: set[str]) -> list[CertificateRow]:
        self.read = sorted(ids)
        return await self._some_records(connection, account_id, ids)


async def test_only_what_has_changed_is_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    account = await house.account()
    actor, reads = actor_of(account), house.database.reads
    uploads = [upload_of(make(f"CA {n}"), usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M) for n in range(5)]
    first, second, third, _ = [(await house.perform(actor, each)).id for each in uploads[:4]]
    listening = Listening(monkeypatch)
    state = await load(reads, account.id)

    changes: list[tuple[Any, list[str] | None]] = [
        (SetCertificateStatus(second, Status.INACTIVE), [second]),
        (UpdateCertificate(third, name="another"), [third]),
        (DeleteCertificate(first), []),
        (uploads[4], None),
        (SetCertificateStatus(second, Status.ACTIVE), [second]),
    ]
    for command, expected in changes:
        before = {record.id for record in state.store.records}
        await house.perform(actor, command)

        state = await load(reads, account.id, state)

        assert listening.read == (sorted(set(state.records) - before) if expected is None else expected)
        afresh = await load(reads, account.id)
        assert state.store.records == afresh.store.records
        assert (state.version, state.records) == (afresh.version, afresh.records)
        assert [record.id for record in state.store.records] == sorted(state.records)


async def test_a_state_that_does_not_know_its_records_versions_is_made_afresh(house: House) -> None:
    account = await house.account()
    actor, reads = actor_of(account), house.database.reads
    one = await house.upload(actor, make("CA"), usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    known = await load(reads, account.id)
    await house.perform(actor, DeleteCertificate(one.id))

    state = await load(reads, account.id, TrustState(account.id, known.version, known.store))

    assert state.store.records == ()


async def test_who_is_decided_about_again_is_not_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of trust ends every answer; what the devices present is the same as before."""
    account = await house.account()
    trusted = make("CA")
    record = await house.upload(actor_of(account), trusted, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M)
    device = Device(make("d", issuer=trusted, is_ca=None, key_usage=("digital_signature",)))
    process = GatewayProcess(house.database, house.clock, monotonic)
    assert await process.reason(account, device) == Reason.TRUSTED

    read = list[bytes]()
    monkeypatch.setattr(reading, "parse", lambda der, **_: read.append(der))
    for status, reason in ((Status.INACTIVE, Reason.BLACKLISTED), (Status.ACTIVE, Reason.TRUSTED)):
        await house.perform(actor_of(account), SetCertificateStatus(record.id, status))
        assert await process.reason(account, device) == reason
    assert read == []
    await process.flush()
