"""A server whose role owns nothing does all its work, and cannot touch what guards the log."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.store.database import Database, open_database
from app.store.schema import require_guards
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
    ],
)
async def test_it_cannot_touch_the_log_or_its_guards(modest: Database, migrated_url: str, statement: str) -> None:
    await World.open(modest)

    await require_refused(modest, migrated_url, statement)
