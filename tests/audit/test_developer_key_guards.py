"""The database itself keeps a developer certificate's key with its record, and both as they were made.

Seen to fail without `certificate_developer_fixed`, `developer_key_new` and, where two hosts begin at once, without the
lock in it.
"""

import asyncio
from pathlib import Path

import pytest

from app.services.certificates import DeleteCertificate
from app.services.developer_certificates import CreateDeveloperCertificate
from app.store.connection import Engine, IntegrityViolation, Transaction
from app.store.database import Database, Role, open_database
from tests.audit.history import World
from tests.audit.owner import require_refused
from tests.checks import check_log
from tests.conftest import ENGINE

STATEMENTS = [
    "DELETE FROM developer_key",
    "UPDATE developer_key SET ciphertext = nonce",
    "UPDATE developer_key SET account_id = 'x'",
    "UPDATE developer_key SET secrets_key_id = 'x'",
    "INSERT INTO developer_key SELECT * FROM developer_key",
    (
        "INSERT INTO developer_key SELECT c.id, c.account_id, secrets_key_id, nonce, ciphertext"
        " FROM developer_key JOIN certificate AS c ON NOT c.is_developer"
    ),
    "INSERT INTO developer_key SELECT 'x', account_id, secrets_key_id, nonce, ciphertext FROM developer_key",
]
OWN = (
    [
        "INSERT OR REPLACE INTO developer_key SELECT * FROM developer_key",
        "UPDATE OR REPLACE developer_key SET certificate_id = 'x'",
        "DROP TRIGGER developer_key_no_delete",
    ]
    if ENGINE is Engine.SQLITE
    else [
        "TRUNCATE developer_key",
        "TRUNCATE certificate CASCADE",
        "INSERT INTO developer_key SELECT * FROM developer_key ON CONFLICT (certificate_id) DO UPDATE SET nonce = 'x'",
    ]
)


@pytest.mark.parametrize("statement", [*STATEMENTS, *OWN])
async def test_a_statement_that_would_part_a_key_from_its_record_is_refused(
    database: Database, migrated_url: str, tmp_path: Path, statement: str
) -> None:
    world = await World.open(database)
    await world.upload("Plant A")
    await world.act(CreateDeveloperCertificate("Bench 1", None, tmp_path / "secrets-key"))

    await require_refused(database, migrated_url, statement)


async def test_a_record_made_behind_the_door_can_be_given_no_key(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    world = await World.open(database)
    made = await world.act(CreateDeveloperCertificate("Bench 1", None, tmp_path / "secrets-key"))

    await require_refused(
        database,
        migrated_url,
        "UPDATE certificate SET version = version + 1, audit_id = 'new'",
        f"DELETE FROM certificate WHERE id = '{made.row.id}'",
    )


async def test_a_record_stays_what_it_was_made_also_where_an_entry_says_otherwise(
    database: Database, tmp_path: Path
) -> None:
    world = await World.open(database)
    await world.upload("Plant A")
    await world.act(CreateDeveloperCertificate("Bench 1", None, tmp_path / "secrets-key"))

    async def unit(transaction: Transaction) -> None:
        with pytest.raises(IntegrityViolation, match="certificate_fixed"):
            async with transaction.savepoint():
                await transaction.execute(
                    "UPDATE certificate SET is_developer = NOT is_developer, version = version + 1, audit_id = 'new'"
                )

    await database.write("tampering", unit)
    await check_log(database)


async def test_a_key_goes_with_its_record(database: Database, tmp_path: Path) -> None:
    world = await World.open(database)
    made = await world.act(CreateDeveloperCertificate("Bench 1", None, tmp_path / "secrets-key"))

    await world.act(DeleteCertificate(made.row.id))

    assert await database.reads.fetch("SELECT 1 AS one FROM developer_key") == []
    await check_log(database)


async def test_two_hosts_that_each_made_a_key_of_their_own_do_not_both_use_it(
    database: Database, migrated_url: str, tmp_path: Path
) -> None:
    other = open_database(migrated_url, role=Role.BESIDE)
    await other.start()
    worlds = [await World.open(database), await World.open(other, name="Southwind")]
    for number in range(5):
        paths = [tmp_path / f"{number}-{host}" for host in ("here", "there")]

        ended = await asyncio.gather(
            *(
                world.act(CreateDeveloperCertificate("Bench", None, path))
                for world, path in zip(worlds, paths, strict=True)
            ),
            return_exceptions=True,
        )

        used = await database.reads.fetch("SELECT DISTINCT secrets_key_id AS id FROM developer_key")
        assert (len(used), sum(isinstance(one, BaseException) for one in ended)) == (1, 1), ended
        for world, one in zip(worlds, ended, strict=True):
            if not isinstance(one, BaseException):
                await world.act(DeleteCertificate(one.row.id))
    await other.close()
    await check_log(database)
