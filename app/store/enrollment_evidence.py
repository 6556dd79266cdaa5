"""What a verification reads of claims: those that entries of their own tell of, and all others by their batches."""

from collections.abc import AsyncIterator

from app.store.connection import Connection, Engine, Row

ROWS_BATCH = 1_000
GROUPS_BATCH = 50
"""So many batches of a thousand claims are held at a time."""

_ALONE = "released_audit_id IS NOT NULL AND release_job_id IS NULL"
# Left out: what batches alone made and ended, and what was made by itself and ended by itself, which is gone.
_TOLD_SINGLY = (
    "SELECT id, version, fingerprint, created_at, expires_at, claimed_at, device_id,"
    " CASE WHEN job_id IS NOT NULL THEN created_audit_id END AS batch,"
    f" CASE WHEN {_ALONE} THEN released_audit_id ELSE audit_id END AS audit_id,"
    f" CASE WHEN {_ALONE} THEN 1 ELSE 0 END AS is_ended"
    " FROM enrollment WHERE account_id = $1 AND id > $2"
    f" AND NOT (job_id IS NULL AND {_ALONE})"
    f" AND (job_id IS NULL OR audit_id <> created_audit_id OR ({_ALONE}))"
    f" ORDER BY id LIMIT {ROWS_BATCH}"
)
_FINGERPRINTS = {
    Engine.SQLITE: "group_concat(hex(fingerprint), '')",
    Engine.POSTGRES: "string_agg(encode(fingerprint, 'hex'), '')",
}
_CLAIMED = (
    "SELECT created_audit_id AS entry_id, count(*) AS n, {fingerprints} AS fingerprints,"
    " min(created_at) AS first_created, max(created_at) AS last_created,"
    " min(expires_at) AS first_expiry, max(expires_at) AS last_expiry, count(expires_at) AS expiries,"
    " sum(CASE WHEN audit_id = created_audit_id"
    " AND (version <> 1 OR claimed_at IS NOT NULL OR device_id IS NOT NULL) THEN 1 ELSE 0 END) AS changed"
    " FROM enrollment WHERE account_id = $1 AND job_id IS NOT NULL AND created_audit_id > $2"
    f" GROUP BY created_audit_id ORDER BY created_audit_id LIMIT {GROUPS_BATCH}"
)
_RELEASED = (
    "SELECT released_audit_id AS entry_id, count(*) AS n, {fingerprints} AS fingerprints"
    " FROM enrollment WHERE account_id = $1 AND release_job_id IS NOT NULL AND released_audit_id > $2"
    f" GROUP BY released_audit_id ORDER BY released_audit_id LIMIT {GROUPS_BATCH}"
)


async def told_singly(connection: Connection, account_id: str) -> AsyncIterator[Row]:
    """The claims that entries of their own tell of, and that are there, or that only such an entry ended."""
    last = ""
    while found := await connection.fetch(_TOLD_SINGLY, account_id, last):
        for row in found:
            yield row
        last = found[-1]["id"]


async def claimed(connection: Connection, account_id: str) -> AsyncIterator[Row]:
    """The claims that jobs made, by the entries that their rows name."""
    async for row in _groups(connection, _CLAIMED, account_id):
        yield row


async def released(connection: Connection, account_id: str) -> AsyncIterator[Row]:
    """The claims that jobs ended, by the entries that their rows name."""
    async for row in _groups(connection, _RELEASED, account_id):
        yield row


async def _groups(connection: Connection, query: str, account_id: str) -> AsyncIterator[Row]:
    query = query.format(fingerprints=_FINGERPRINTS[connection.engine])
    last, found = "", list[Row]()
    while found := list[Row](await connection.fetch(query, account_id, last)):
        for row in found:
            yield row
        last = found[-1]["entry_id"]
