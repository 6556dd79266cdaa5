"""Roles that own nothing do all the work of a server and of a notary, and cannot touch what guards the log."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from app.services.certificates import DeleteCertificate, SetCertificateStatus
from app.services.developer_certificates import CreateDeveloperCertificate
from app.services.retention import DropArchived, Month
from app.store import denials, leftovers
from app.store.connection import Transaction
from app.store.database import Database, open_database
from app.store.schema import require_guards
from app.terms import Service, Status, Usage
from tests.audit.erasing import Person
from tests.audit.faithful import require_faithful
from tests.audit.history import World, live
from tests.audit.notaries import sign_all, started
from tests.audit.owner import require_refused
from tests.checks import check_log
from tests.house import House, actor_of
from tests.looking import look, stands
from tests.rules.authority import AT

PAPER = (Path(__file__).parents[2] / "docs" / "log.md").read_text(encoding="utf-8")
SERVER, NOTARY = "anchorage_server", "anchorage_notary"


@pytest.fixture
async def owner(migrated_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The owner's connection, who has made the paper's roles."""
    owner = await asyncpg.connect(migrated_url)
    for grants in re.findall(r"```postgres\n(.*?)```", PAPER, re.DOTALL):
        await owner.execute(grants)
    yield owner
    for role in (SERVER, NOTARY):
        await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await owner.close()


@pytest.fixture
async def modest(owner: object, migrated_url: str) -> AsyncIterator[Database]:
    """The database as the paper's role for servers sees it."""
    del owner
    database = await _as(SERVER, migrated_url)
    yield database
    await database.close()


@pytest.fixture
async def notarial(owner: object, migrated_url: str) -> AsyncIterator[Database]:
    """The database as the paper's role for the notary sees it."""
    del owner
    database = await _as(NOTARY, migrated_url)
    yield database
    await database.close()


async def _as(role: str, url: str) -> Database:
    database = open_database(re.sub(r"//\w+@", f"//{role}@", url))
    await database.start()
    return database


async def test_it_can_do_everything_that_a_server_does(modest: Database) -> None:
    await live(await World.open(modest))

    await require_guards(modest.reads)
    await check_log(modest)


async def test_it_makes_and_deletes_developer_certificates(modest: Database, tmp_path: Path) -> None:
    world = await World.open(modest)
    made = await world.act(CreateDeveloperCertificate("Bench 1", None, tmp_path / "secrets-key"))
    await world.act(DeleteCertificate(made.row.id))

    assert await modest.reads.fetch("SELECT 1 AS one FROM developer_key") == []
    await check_log(modest)


async def test_it_counts_and_forgets_denials(modest: Database) -> None:
    async def unit(transaction: Transaction) -> None:
        async with transaction.savepoint():
            denied = denials.Denied("account", "record", "device", Service.LWM2M)
            await denials.count(transaction, {denied: denials.Attempts(1, AT, AT, bytes(32))})
            await denials.forget(transaction, "account", "record")

    await modest.write("test", unit)

    assert await modest.reads.fetch("SELECT 1 AS one FROM denial") == []


async def test_it_looks_for_findings_and_lets_them_go(modest: Database) -> None:
    house = House(modest)
    account = await house.account()
    made = await house.upload(actor_of(account), usage=Usage.CREDENTIALS)
    await look(house)
    assert await stands(house, account) == {made.id: ["BLOCKED_BY"]}
    await house.perform(actor_of(account), SetCertificateStatus(made.id, Status.INACTIVE))
    await look(house)

    assert await stands(house, account) == {}
    await check_log(modest)


async def test_it_can_remove_what_may_go_and_says_who_clears_the_files(modest: Database, migrated_url: str) -> None:
    world = await World.open(modest)
    person = await Person.join(world)
    await person.work()
    month = Month(2026, 6)
    world.clock.now = month.end + timedelta(days=2)

    await person.erase()
    await world.door.perform(world.operator_of_all, DropArchived(month, "0" * 64, 0, 1_000_000), world.origin())

    await check_log(modest)
    left = await leftovers.clear(re.sub(r"//\w+@", f"//{SERVER}@", migrated_url))
    assert left is not None
    assert "VACUUM (FULL) audit_disclosure, portal_user" in left
    assert await leftovers.clear(migrated_url) is None


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER audit_entry_no_change ON audit_entry",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change",
        "DROP TABLE audit_disclosure",
        "TRUNCATE audit_entry",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "DELETE FROM audit_entry",
        "UPDATE audit_body SET body = body",
        "INSERT INTO audit_body VALUES (9999, 202606, 'xx')",
        (
            "INSERT INTO audit_entry (id, stream, aseq, prev, body_sha256, hash, time, actor_type, action, result)"
            " SELECT 'x', stream, aseq + 1, hash, hash, hash, 1, 'system', 'x', 'success' FROM audit_stream LIMIT 1"
        ),
        "UPDATE audit_stream SET aseq = aseq + 1",
        "INSERT INTO audit_tree VALUES (1, 'x', 'x', NULL, 0, sha256('x'), 0, 0)",
        "INSERT INTO audit_leaf VALUES (1, 0, 1)",
        "INSERT INTO audit_sequenced VALUES (1, 'x', 1, 'x')",
        "INSERT INTO audit_tile VALUES (1, 0, 0, sha256('x'))",
        "INSERT INTO audit_checkpoint VALUES (1, 0, 'x', 'x', 1)",
        "INSERT INTO audit_cosignature VALUES (1, 0, 'x', 'x')",
        "TRUNCATE audit_leaf",
        "DELETE FROM audit_disclosure",
        "DELETE FROM audit_body",
        "TRUNCATE audit_disclosure",
        "UPDATE audit_removal SET state = 'recorded'",
        (
            "INSERT INTO audit_removal (audit_id, kind, target_id, state)"
            " VALUES ('x', 'audit.erasure', 'command-line', 'recorded')"
        ),
        "INSERT INTO audit_removal (audit_id, kind, target_id) VALUES ('x', 'audit.erasure', 'command-line')",
    ],
)
async def test_it_cannot_touch_the_log_or_its_guards(modest: Database, migrated_url: str, statement: str) -> None:
    await World.open(modest)

    await require_refused(modest, migrated_url, statement)


async def test_the_notarys_role_signs_what_the_servers_role_writes_and_reads(
    modest: Database, notarial: Database, tmp_path: Path
) -> None:
    await live(await World.open(modest))
    notary = await started(notarial, tmp_path)
    await sign_all(notary)
    await (await World.open(modest, name="Southwind")).upload("Plant A")
    await sign_all(notary)
    await started(notarial, tmp_path)

    await require_faithful(modest.reads)


async def test_a_server_that_was_given_the_notarys_role_signs_too(
    owner: "asyncpg.Connection[asyncpg.Record]", modest: Database, tmp_path: Path
) -> None:
    await owner.execute(f"GRANT {NOTARY} TO {SERVER}")
    await live(await World.open(modest))

    await sign_all(await started(modest, tmp_path))

    await require_faithful(modest.reads)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER audit_leaf_next ON audit_leaf",
        "ALTER TABLE audit_leaf DISABLE TRIGGER ALL",
        "DROP TABLE audit_cosignature",
        "TRUNCATE audit_leaf",
        "DELETE FROM audit_leaf",
        "UPDATE audit_leaf SET seq = seq + 1",
        "UPDATE audit_checkpoint SET note = 'x'",
        "UPDATE audit_tile SET hashes = sha256('x')",
        "UPDATE audit_tree SET size = size - 1, published = 0",
        "INSERT INTO audit_checkpoint SELECT generation, size + 1, root, 'x', 1 FROM audit_tree",
        "CREATE OR REPLACE FUNCTION audit_leaf_next() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "INSERT INTO audit_append SELECT * FROM audit_append",
        "UPDATE account SET name = 'x'",
        "DELETE FROM certificate",
        "UPDATE audit_stream SET aseq = aseq + 1",
    ],
)
async def test_the_notarys_role_can_touch_neither_the_guards_nor_anything_but_the_tree(
    modest: Database, notarial: Database, migrated_url: str, tmp_path: Path, statement: str
) -> None:
    await live(await World.open(modest))
    await sign_all(await started(notarial, tmp_path))

    await require_refused(notarial, migrated_url, statement)
