"""Bodies lie in a table for each month, and whoever writes first in a month makes it, also when several do at once.

Seen to fail with an advisory lock around the making: whoever had waited for it made the table again, in vain.
"""

import asyncio
from datetime import UTC, datetime

from app.store.database import Database
from tests.audit.notaries import entries
from tests.checks import check_log


async def test_the_first_writers_of_a_month_all_get_their_entries(database: Database) -> None:
    for month in range(1, 13):
        at = datetime(2031, month, 1, tzinfo=UTC)
        await asyncio.gather(*(database.write(f"sys/{writer}", entries(f"sys/{writer}", 1, at)) for writer in range(6)))

    months = await database.reads.fetch("SELECT month, count(*) AS n FROM audit_body GROUP BY month ORDER BY month")
    assert [(row["month"], row["n"]) for row in months] == [(203_100 + month, 6) for month in range(1, 13)]
    await check_log(database)
