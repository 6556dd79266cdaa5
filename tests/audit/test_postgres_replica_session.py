"""PostgreSQL skips ordinary triggers in a session that plays a replica; ours are of the kind that it does not skip."""

import pytest

from app.store.database import Database
from tests.audit.owner import require_refused


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_entry",
        "UPDATE audit_body SET body = body",
        "TRUNCATE audit_disclosure",
        "TRUNCATE audit_body_202606",
        "UPDATE audit_stream SET aseq = aseq + 1",
        "DELETE FROM x509_certificate",
        "UPDATE certificate SET status = 'ACTIVE'",
        "DELETE FROM certificate",
        "TRUNCATE audit_leaf",
        "TRUNCATE audit_tile",
        "TRUNCATE audit_checkpoint",
        "TRUNCATE audit_cosignature",
        "INSERT INTO audit_leaf VALUES (1, 7, 7)",
        "INSERT INTO audit_tree SELECT 7, 'x', 'x', id, 0, hash, 0, 0 FROM audit_entry LIMIT 1",
        "UPDATE account SET tier = 'COMMERCIAL', audit_id = 'new'",
    ],
)
async def test_a_session_that_plays_a_replica_is_refused_too(
    lived_database: Database, lived_url: str, statement: str
) -> None:
    await require_refused(lived_database, lived_url, "SET LOCAL session_replication_role = replica", statement)
