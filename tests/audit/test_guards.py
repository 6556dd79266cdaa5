"""T13: the database itself refuses to change the log, and to change the state without it, whatever code asks.

Seen to fail with the trigger `audit_entry_no_update` left out of the migration.
"""

from datetime import timedelta

import pytest

from app.audit import log
from app.audit.entry import Act, Result, account_stream, seal
from app.audit.states import Target
from app.errors import AuditUnavailable
from app.ids import new_id
from app.store.connection import Engine, Transaction
from app.store.database import Database
from tests.audit.history import START, World
from tests.audit.owner import dump, owning, require_refused
from tests.checks import check_log
from tests.conftest import ENGINE

LOG_TABLES = ("audit_entry", "audit_body", "audit_disclosure", "audit_stream")
KEPT_TABLES = (*LOG_TABLES, "x509_certificate", "certificate_tombstone", "job_error")
STATE_TABLES = ("account", "certificate", "api_key", "portal_user", "possession_challenge", "enrollment", "job")

EVERYWHERE = [
    *(f"DELETE FROM {table}" for table in (*KEPT_TABLES, *STATE_TABLES)),
    "UPDATE audit_entry SET action = 'x'",
    "UPDATE audit_entry SET seq = seq + 1000",
    "UPDATE audit_body SET body = body",
    "UPDATE audit_disclosure SET disclosures = 'x'",
    "UPDATE audit_stream SET aseq = aseq + 1",
    "UPDATE audit_stream SET aseq = aseq - 1",
    "UPDATE audit_stream SET hash = prev FROM audit_entry WHERE audit_entry.stream = audit_stream.stream",
    "UPDATE audit_stream SET account_id = 'x'",
    "UPDATE audit_append SET action = 'x'",
    "DELETE FROM audit_append",
    "INSERT INTO audit_stream SELECT 'x/0', 'x', 7, hash FROM audit_stream LIMIT 1",
    "INSERT INTO audit_stream SELECT * FROM audit_stream LIMIT 1",
    "INSERT INTO audit_body SELECT * FROM audit_body LIMIT 1",
    "INSERT INTO audit_disclosure SELECT * FROM audit_disclosure LIMIT 1",
    "UPDATE x509_certificate SET der = sha256",
    "UPDATE certificate_tombstone SET account_id = 'x'",
    "UPDATE account SET name = 'x'",
    "UPDATE account SET certificate_limit = 1000",
    "UPDATE account SET certificate_used = 1000",
    "UPDATE account SET certificate_kept = 1000",
    "UPDATE account SET version = version + 1, audit_id = (SELECT min(id) FROM audit_entry)",
    "UPDATE certificate SET status = 'ACTIVE'",
    "UPDATE certificate SET status = 'ACTIVE', version = version + 1, audit_id = (SELECT min(id) FROM audit_entry)",
    "UPDATE certificate SET version = version + 1, fingerprint = subject_key_sha256, audit_id = 'new'",
    "UPDATE api_key SET revoked_at = NULL",
    "UPDATE api_key SET role = 'admin', audit_id = (SELECT min(id) FROM audit_entry)",
    "UPDATE api_key SET secret_sha256 = fingerprint FROM certificate",
    "UPDATE enrollment SET superseded_audit_id = 'new' WHERE expires_at IS NULL",
    "UPDATE enrollment SET superseded_audit_id = (SELECT min(id) FROM audit_entry)",
    "UPDATE enrollment SET superseded_audit_id = NULL WHERE superseded_audit_id IS NOT NULL",
    "UPDATE enrollment SET claimed_at = 1",
    "UPDATE enrollment SET claimed_at = 1, version = version + 1, audit_id = (SELECT min(id) FROM audit_entry)",
    "UPDATE enrollment SET account_id = 'x'",
    "UPDATE enrollment SET expires_at = expires_at + 1",
    "UPDATE enrollment SET job_id = 'x' WHERE job_id IS NULL",
    "UPDATE enrollment SET fingerprint = input_sha256, version = version + 1, audit_id = 'new' FROM job",
    "UPDATE enrollment SET released_at = NULL, released_audit_id = NULL, release_job_id = NULL",
    (
        "UPDATE enrollment SET released_at = 1, released_audit_id = (SELECT min(id) FROM audit_entry)"
        " WHERE released_at IS NULL"
    ),
    "UPDATE job SET errors_count = 0",
    "UPDATE job SET status = 'RUNNING', completed_at = NULL, audit_id = 'new'",
    "UPDATE job SET cursor = 0, audit_id = 'new'",
    "UPDATE job_error SET text = 'x'",
    "UPDATE portal_user SET role = 'viewer'",
    "UPDATE portal_user SET password_hash = 'x'",
    "UPDATE portal_user SET password_hash = 'x', audit_id = (SELECT min(id) FROM audit_entry)",
    "UPDATE possession_challenge SET attempts_left = 4",
    "UPDATE possession_challenge SET attempts_left = 4, audit_id = (SELECT min(id) FROM audit_entry)",
]
"""What ordinary statements may not do. Those that touch no row would prove nothing: the past has rows in each table."""

SQLITE = [
    *(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" for table in (*KEPT_TABLES, *STATE_TABLES)),
    *(f"REPLACE INTO {table} SELECT * FROM {table}" for table in LOG_TABLES),
    "INSERT OR REPLACE INTO audit_append SELECT * FROM audit_append",
    "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE true ON CONFLICT DO UPDATE SET action = 'x'",
    "INSERT INTO audit_body SELECT * FROM audit_body WHERE true ON CONFLICT DO UPDATE SET body = 'xx'",
    "UPDATE OR REPLACE audit_entry SET seq = 1",
    "UPDATE OR REPLACE audit_body SET seq = 1",
    "UPDATE OR REPLACE audit_disclosure SET seq = 1, subject_id = 'x'",
    "UPDATE OR REPLACE audit_stream SET stream = 'sys/0'",
    "UPDATE OR REPLACE x509_certificate SET sha256 = zeroblob(32)",
    "UPDATE OR REPLACE certificate_tombstone SET certificate_id = 'x'",
    "UPDATE OR REPLACE certificate SET name = 'x', version = version + 1, audit_id = 'new'",
    "UPDATE OR REPLACE portal_user SET name = 'x', audit_id = 'new'",
    "UPDATE OR IGNORE audit_entry SET action = 'x'",
    "DROP TRIGGER audit_entry_no_update",
    "DROP TABLE audit_entry",
    "DROP INDEX audit_entry_place",
    "DROP VIEW audit_append",
    "ALTER TABLE audit_entry RENAME TO x",
    "ALTER TABLE audit_entry ADD COLUMN x",
    "CREATE TABLE x (y)",
    "CREATE TEMP TABLE audit_entry (y)",
    "CREATE TRIGGER x BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TEMP TRIGGER x BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END",
    "ATTACH ':memory:' AS x",
    "PRAGMA writable_schema = ON",
    "PRAGMA recursive_triggers = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA journal_mode = OFF",
    "PRAGMA query_only = ON",
    "DELETE FROM sqlite_schema",
    "UPDATE sqlite_schema SET sql = NULL",
]
POSTGRES = [
    *(f"TRUNCATE {table} CASCADE" for table in (*KEPT_TABLES, *STATE_TABLES)),
    "TRUNCATE audit_body_202606",
    "TRUNCATE account, certificate, api_key, portal_user",
    "DELETE FROM audit_body_202606",
    "UPDATE audit_body_202606 SET body = body",
    "DELETE FROM ONLY audit_entry",
    "INSERT INTO audit_entry OVERRIDING SYSTEM VALUE SELECT * FROM audit_entry",
    "INSERT INTO audit_entry OVERRIDING SYSTEM VALUE SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET id = ''",
    "INSERT INTO audit_body SELECT * FROM audit_body ON CONFLICT (seq, month) DO UPDATE SET body = 'xx'",
    "WITH gone AS (DELETE FROM audit_entry RETURNING 1) SELECT count(*) FROM gone",
    "MERGE INTO audit_entry AS e USING audit_stream AS s ON e.stream = s.stream WHEN MATCHED THEN DELETE",
]
OWN = SQLITE if ENGINE is Engine.SQLITE else POSTGRES


@pytest.mark.parametrize("statement", [*EVERYWHERE, *OWN])
async def test_a_statement_that_would_change_the_log_or_bypass_it_is_refused(
    lived_database: Database, lived_url: str, statement: str
) -> None:
    async with owning(lived_url) as owner:
        rows = await dump(owner)
    assert all(rows[table] for table in (*KEPT_TABLES, *STATE_TABLES)), "there is nothing to tamper with"

    await require_refused(lived_database, lived_url, statement)


@pytest.mark.parametrize("flaw", ["prev", "gap", "repeated", "account", "stream", "seq"])
async def test_an_entry_that_does_not_continue_its_stream_is_refused(
    lived_database: Database, lived_url: str, flaw: str
) -> None:
    values = {
        "prev": ("s.hash", "e.prev"),
        "gap": ("s.aseq + 1", "s.aseq + 2"),
        "repeated": ("s.aseq + 1", "s.aseq"),
        "account": ("s.account_id", "NULL"),
        "stream": ("s.stream", "'x/0'"),
        "seq": ("'new'", "e.id"),
    }
    good = (
        "INSERT INTO audit_append (id, account_id, stream, aseq, prev, body_sha256, hash, time, actor_type, action,"
        " result, month, body) SELECT 'new', s.account_id, s.stream, s.aseq + 1, s.hash, e.body_sha256, e.hash, e.time,"
        " 'system', 'x', 'success', 202606, b.body FROM audit_stream AS s JOIN audit_entry AS e ON e.stream = s.stream"
        " AND e.aseq = 2 JOIN audit_body AS b ON b.seq = e.seq WHERE s.account_id IS NOT NULL"
    )
    right, wrong = values[flaw]
    assert right in good

    await require_refused(lived_database, lived_url, good.replace(right, wrong, 1))


UNRECORDED = {
    "an account opened": [
        (
            "INSERT INTO account (id, version, name, tier, certificate_limit, require_possession, created_at,"
            " updated_at, audit_id) VALUES ('x', 1, 'x', 'DEVELOPER', 10, true, 1, 1, 'new')"
        )
    ],
    "an account changed": ["UPDATE account SET tier = 'COMMERCIAL', audit_id = 'new'"],
    "a record added": [
        (
            "INSERT INTO certificate SELECT 'x', account_id, 1, 'x', NULL, status, 'LWM2M', usage, possession,"
            " fingerprint, subject_key_sha256, chain, '', 1, 1, 1, 'user', NULL, 'new', 'new', false"
            " FROM certificate LIMIT 1"
        )
    ],
    "a record changed": ["UPDATE certificate SET status = 'ACTIVE', version = version + 1, audit_id = 'new'"],
    "a record deleted": [
        "UPDATE certificate SET version = version + 1, audit_id = 'new'",
        "DELETE FROM certificate",
    ],
    "an identity claimed": [
        (
            "INSERT INTO enrollment (id, account_id, version, fingerprint, created_at, created_audit_id,"
            " audit_id) SELECT 'x', account_id, 1, hash, 1, 'new', 'new' FROM audit_entry"
            " WHERE account_id IS NOT NULL LIMIT 1"
        )
    ],
    "a claim given up": ["UPDATE enrollment SET released_at = 1, released_audit_id = 'new' WHERE released_at IS NULL"],
    "a claim that gave way": [
        (
            "UPDATE enrollment SET superseded_audit_id = 'new'"
            " WHERE released_at IS NULL AND superseded_audit_id IS NULL AND expires_at IS NOT NULL"
        )
    ],
    "a claim used": [
        (
            "UPDATE enrollment SET claimed_at = 1, device_id = 'x', version = version + 1, audit_id = 'new'"
            " WHERE released_at IS NULL"
        )
    ],
    "a job made": [
        (
            "INSERT INTO job SELECT 'x', account_id, kind, 'QUEUED', 1, NULL, 1, 0, 0, input_sha256, 1, 1, 0, 'new'"
            " FROM job LIMIT 1"
        )
    ],
    "a key made": [
        (
            "INSERT INTO api_key (id, account_id, version, name, role, hint, secret_sha256, created_at, audit_id)"
            " SELECT 'x', account_id, 1, 'x', 'admin', 'x', secret_sha256, 1, 'new' FROM api_key"
        )
    ],
    "a key revived": ["UPDATE api_key SET revoked_at = NULL, audit_id = 'new'"],
    "a person added": [
        (
            "INSERT INTO portal_user (id, account_id, version, name, role, password_hash, created_at, updated_at,"
            " audit_id) SELECT 'x', account_id, 1, 'x', 'admin', 'x', 1, 1, 'new' FROM portal_user"
        )
    ],
    "a password replaced": ["UPDATE portal_user SET password_hash = 'x', audit_id = 'new'"],
    "a challenge made": [
        (
            "INSERT INTO possession_challenge SELECT 'x', account_id, 'x', fingerprint, nonce, 1, 1, 1, 5, NULL, NULL,"
            " 'new' FROM possession_challenge LIMIT 1"
        )
    ],
    "an attempt taken": [
        (
            "UPDATE possession_challenge SET attempts_left = attempts_left - 1, audit_id = 'new'"
            " WHERE used_at IS NULL AND voided_at IS NULL"
        )
    ],
    "an idempotency key made": [
        "INSERT INTO idempotency_key SELECT account_id, 'x', action, input_sha256, 'new', 1 FROM idempotency_key"
    ],
}


@pytest.mark.parametrize("change", UNRECORDED)
async def test_a_commit_whose_change_has_no_entry_is_refused(
    lived_database: Database, lived_url: str, change: str
) -> None:
    await require_refused(lived_database, lived_url, *UNRECORDED[change])


async def test_the_same_change_with_its_entry_is_committed(database: Database) -> None:
    """The guards refuse what has no entry, and not merely everything."""
    world = await World.open(database)
    record = await world.upload("Plant A")
    now = START + timedelta(days=1)
    entry_id = new_id(now)

    async def unit(transaction: Transaction) -> None:
        head = await log.lock(transaction, account_stream(world.account.id), world.account.id)
        await transaction.execute(
            "UPDATE certificate SET status = 'INACTIVE', version = version + 1, audit_id = $1 WHERE id = $2",
            entry_id,
            record.id,
        )
        act = Act(
            entry_id, now, world.admin, world.origin(), "x", Result.REFUSED, "X", Target("certificate", record.id)
        )
        await log.append(transaction, head, act, seal(act, node="n", software="s", salt=lambda: bytes(16)))

    await database.write("by hand", unit)

    row = await database.reads.fetch_one("SELECT status FROM certificate")
    assert row is not None
    assert row["status"] == "INACTIVE"
    # What no trigger can know, a verification does: the entry speaks of a refusal, and the state has changed.
    with pytest.raises(AssertionError, match="STATE_DIFFERS"):
        await check_log(database)


async def test_a_refused_commit_takes_nobody_elses_work_with_it(database: Database) -> None:
    world = await World.open(database)
    await world.upload("Plant A")

    async def unrecorded(transaction: Transaction) -> None:
        await transaction.execute("UPDATE certificate SET version = version + 1, audit_id = 'new'")

    with pytest.raises(AuditUnavailable):
        await database.write("alone", unrecorded)

    await world.upload("Plant B")
    await check_log(database)
