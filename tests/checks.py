"""What must hold after every test that writes.

Call it last, with the test's own database:

    await check_log(database)
"""

from app.services.verification import verify_database
from app.store.database import Database


async def check_log(database: Database) -> None:
    """Rebuild the whole log and compare it with the state. Raises AssertionError that names what differs."""
    verification = await verify_database(database)
    assert not verification.findings, "\n".join(
        f"{finding.code} {finding.stream}#{finding.aseq}: {finding.message}" for finding in verification.findings
    )
