"""The lines that a job refused, as CSV (RFC 4180) that a spreadsheet may open."""

import csv
import io
from collections.abc import AsyncIterator, Iterable

from app.audit.records import neutral
from app.store import jobs
from app.store.connection import Connection

COLUMNS = ("line", "code", "text")


async def report(connection: Connection, job_id: str) -> AsyncIterator[str]:
    """The heading, then the refused lines in the order of the file, some at a time.

    What came with the file and would be taken for a formula has an apostrophe before it. Raises StoreUnavailable.
    """
    yield _written([COLUMNS])
    line = 0
    while found := await jobs.errors_after(connection, job_id, line):
        yield _written((error.line, error.code, neutral(error.text)) for error in found)
        line = found[-1].line


def _written(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
