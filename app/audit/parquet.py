"""Rows as Apache Parquet, with real types; the file itself says what it was made from.

Its key-value metadata hold, under `anchorage.audit`, the header of the export as JSON.
"""

import io
from collections.abc import Callable

import orjson
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # as above

from app.audit.export import Header
from app.audit.records import Record
from app.audit.stored import StoredEntry

METADATA_KEY = b"anchorage.audit"
ROWS_AT_ONCE = 10_000
"""A row group: all that is in memory at once."""

_CHANGE = pa.struct([("field", pa.string()), ("before", pa.string()), ("after", pa.string())])
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("code", pa.string()),
        pa.field("actor_kind", pa.string(), nullable=False),
        pa.field("actor_name", pa.string()),
        pa.field("actor_id", pa.string()),
        pa.field("target_type", pa.string()),
        pa.field("target_name", pa.string()),
        pa.field("target_id", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("changes", pa.list_(_CHANGE), nullable=False),
        pa.field("request_id", pa.string()),
        pa.field("id", pa.string(), nullable=False),
        pa.field("stream", pa.string(), nullable=False),
        pa.field("prev", pa.binary(32), nullable=False),
        pa.field("body_sha256", pa.binary(32), nullable=False),
        pa.field("hash", pa.binary(32), nullable=False),
    ]
)


class ParquetRows:
    """See `app.audit.row_forms.Rows`. One row group at a time is in memory."""

    def __init__(self, write: Callable[[bytes], object], header: Header) -> None:
        self._schema = SCHEMA.with_metadata({METADATA_KEY: orjson.dumps(header.as_json())})
        self._writer = pq.ParquetWriter(_Sink(write), self._schema, compression="zstd")
        self._waiting: list[dict[str, object]] = []

    def add(self, entry: StoredEntry, record: Record) -> None:
        """See `Rows.add`."""
        self._waiting.append(
            {
                "sequence": record.sequence,
                "occurred_at": record.occurred_at,
                "action": record.action,
                "outcome": record.outcome,
                "code": record.code,
                "actor_kind": record.actor_kind,
                "actor_name": record.actor_name,
                "actor_id": record.actor_id,
                "target_type": record.target_type,
                "target_name": record.target_name,
                "target_id": record.target_id,
                "reason": record.reason,
                "changes": [{"field": one.field, "before": one.before, "after": one.after} for one in record.changes],
                "request_id": record.request_id,
                "id": record.id,
                "stream": entry.stream,
                "prev": entry.prev,
                "body_sha256": entry.body_sha256,
                "hash": entry.hash,
            }
        )
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def end(self) -> None:
        """See `Rows.end`."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting.clear()


class _Sink(io.RawIOBase):
    """A file for the library that only passes on what is written to it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._pass_on = write

    def writable(self) -> bool:
        """See the class."""
        return True

    def write(self, data: object) -> int:
        """See the class."""
        whole = bytes(data)  # type: ignore[call-overload]  # the library's buffers are bytes-like
        self._pass_on(whole)
        return len(whole)
