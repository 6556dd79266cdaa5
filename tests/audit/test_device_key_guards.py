"""The database itself keeps for ever which certificates a device was let in with, and takes none without its entry.

Seen to fail without each of the triggers of `device_key`.
"""

import pytest

from app.store.connection import Engine
from app.store.device_rows import DeviceRow
from app.store.migrate import statements
from app.store.schema import MIGRATIONS
from app.terms import Service, Usage
from tests.audit.owner import owning, require_refused
from tests.conftest import ENGINE
from tests.connecting import Gateway, device
from tests.house import House, actor_of
from tests.rules.authority import make

STATEMENTS = [
    "DELETE FROM device_key",
    "UPDATE device_key SET device_id = device_id",
    "UPDATE device_key SET key_sha256 = fingerprint FROM device_credential",
    "UPDATE device_key SET audit_id = 'new'",
    "INSERT INTO device_key SELECT * FROM device_key",
    # Under an entry of somebody else's, and under none.
    "INSERT INTO device_key SELECT account_id, fingerprint, device_id, audit_id FROM device_credential",
    "INSERT INTO device_key SELECT account_id, fingerprint, device_id, 'new' FROM device_credential",
]
OWN = (
    [
        "INSERT OR REPLACE INTO device_key SELECT * FROM device_key",
        "INSERT OR REPLACE INTO device_key SELECT account_id, key_sha256, device_id, 'new' FROM device_key",
        "UPDATE OR REPLACE device_key SET account_id = 'x'",
    ]
    if ENGINE is Engine.SQLITE
    else [
        "TRUNCATE device_key",
        (
            "INSERT INTO device_key SELECT * FROM device_key"
            " ON CONFLICT (account_id, key_sha256, device_id) DO UPDATE SET audit_id = 'new'"
        ),
    ]
)


async def let_in(house: House) -> DeviceRow:
    """A device that came in at both services, each time with another certificate."""
    account, issuer = await house.account(), make("I")
    await house.upload(actor_of(account), issuer, usage=Usage.THIRD_PARTY_CA, service=Service.LWM2M, name="I")
    gateway = Gateway(house, account.id)
    await gateway.let_in(device("before", issuer), service=Service.LWM2M, name="pump")
    return await gateway.let_in(device("now", issuer), service=Service.LWM2M, name="pump")


@pytest.mark.parametrize("statement", [*STATEMENTS, *OWN])
async def test_a_statement_that_would_change_what_a_device_was_let_in_with_is_refused(
    house: House, migrated_url: str, statement: str
) -> None:
    await let_in(house)

    await require_refused(house.database, migrated_url, statement)


async def test_every_certificate_is_kept_once_with_the_entry_that_let_it_in(house: House) -> None:
    pump = await let_in(house)

    rows = await house.database.reads.fetch(
        "SELECT k.device_id, e.action FROM device_key AS k JOIN audit_entry AS e ON e.id = k.audit_id"
    )

    assert [(row["device_id"], row["action"]) for row in rows] == [(pump.id, "device.connect")] * 2


async def test_the_devices_of_an_older_database_keep_what_they_came_with_last(house: House, migrated_url: str) -> None:
    pump = await let_in(house)
    last = {each.key_sha256 for each in pump.credentials}
    script = (MIGRATIONS / f"0009_device_keys.{ENGINE.value}.sql").read_text(encoding="utf-8")
    undone = ["DROP TABLE device_key", "ALTER TABLE intermediate DROP COLUMN subject_sha256"]
    async with owning(migrated_url) as owner:
        for statement in [*undone, *statements(script)] if ENGINE is Engine.SQLITE else [*undone, script]:
            await owner.execute(statement)

    rows = await house.database.reads.fetch("SELECT device_id, key_sha256, audit_id FROM device_key")
    assert {(row["device_id"], bytes(row["key_sha256"])) for row in rows} == {(pump.id, key) for key in last}
    assert await house.database.reads.fetch("SELECT 1 AS one FROM audit_entry WHERE id = $1", rows[0]["audit_id"])
