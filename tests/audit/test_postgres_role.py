"""A server whose role owns nothing does all its work, and cannot touch what guards the log."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from app.services.retention import DropArchived, Month
from app.store import leftovers
from app.store.database import Database, open_database
from app.store.schema import require_guards
from tests.audit.erasing import Person
from tests.audit.history import World, live
from tests.audit.owner import require_refused
from tests.checks import check_log

PAPER = (Path(__file__).parents[2] / "docs" / "log.md").read_text(encoding="utf-8")
ROLE = "anchorage_server"


@pytest.fixture
async def modest(migrated_url: str) -> AsyncIterator[Database]:
    """The database as the paper's role sees it."""
    (grants,) = re.findall(r"```postgres\n(.*?)```", PAPER, re.DOTALL)
    owner = await asyncpg.connect(migrated_url)
    await owner.execute(grants)
    database = open_database(re.sub(r"//\w+@", f"//{ROLE}@", migrated_url))
    await database.start()
    yield database
    await database.close()
    await owner.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")
    await owner.close()


async def test_it_can_do_everything_that_a_server_does(modest: Database) -> None:
    await live(await World.open(modest))

    await require_guards(modest.reads)
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
    left = await leftovers.clear(re.sub(r"//\w+@", f"//{ROLE}@", migrated_url))
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
