"""Entries as rows for other programs, in files that stream: CSV, JSON, Parquet, and events of OCSF."""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

import orjson

from app.audit.export import FORMAT, Header
from app.audit.ocsf import ocsf_line
from app.audit.records import Record, csv_header, csv_line, json_line
from app.audit.stored import StoredEntry

Write = Callable[[bytes], object]

BESIDE = "anchorage-audit-rows/1"
"""The format of the file that lies beside rows which can name no checkpoint themselves."""


class RowForm(StrEnum):
    """What the rows are written as."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    OCSF = "ocsf"


class Rows(Protocol):
    """A file of rows that is being written."""

    def add(self, entry: StoredEntry, record: Record) -> None:
        """One more row."""

    def end(self) -> None:
        """There are no more."""


class TextRows:
    """A row is a line, or in CSV a record of RFC 4180."""

    def __init__(self, write: Write, line: Callable[[StoredEntry, Record], bytes], first: bytes = b"") -> None:
        self._write = write
        self._line = line
        if first:
            write(first)

    def add(self, entry: StoredEntry, record: Record) -> None:
        """See `Rows.add`."""
        self._write(self._line(entry, record))

    def end(self) -> None:
        """See `Rows.end`."""


def rows_of(form: RowForm, write: Write, header: Header) -> Rows:
    """Rows of this form, written as they come; a header's file names what the export is made from."""
    match form:
        case RowForm.CSV:
            return TextRows(write, lambda _, record: csv_line(record).encode(), csv_header().encode())
        case RowForm.JSONL:
            return TextRows(write, lambda _, record: json_line(record).encode())
        case RowForm.OCSF:
            return TextRows(write, lambda entry, _: ocsf_line(entry, header))
        case RowForm.PARQUET:
            # Forty megabytes that nothing else needs.
            from app.audit.parquet import ParquetRows  # noqa: PLC0415

            return ParquetRows(write, header)


class Beside:
    """What a file of rows is made from, for a file beside it: the export's header, and the rows by number and hash."""

    def __init__(self, form: RowForm, header: Header) -> None:
        self._form = form
        self._header = header
        self._hash = hashlib.sha256()
        self.rows = 0

    def take(self, data: bytes) -> None:
        """Some of the file's bytes, in their order."""
        self._hash.update(data)

    def text(self, name: str) -> bytes:
        """As JSON, for the file of this name."""
        told: Mapping[str, object] = {
            **self._header.as_json(),
            "format": BESIDE,
            "evidence_format": FORMAT,
            "file": name,
            "form": self._form.value,
            "rows": self.rows,
            "sha256": self._hash.hexdigest(),
        }
        return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
