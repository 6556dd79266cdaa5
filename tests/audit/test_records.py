"""Rows for people and programs say what the entry says, and open safely wherever they are opened."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from app.audit.archive import line_of
from app.audit.records import (
    COLUMNS,
    Change,
    Record,
    csv_header,
    csv_line,
    json_line,
    neutral,
    record_of,
)
from app.audit.stored import StoredEntry
from app.clock import to_micros
from tests.audit.acts import VECTORS, Vector, acts

pytestmark = pytest.mark.once

PINNED: dict[str, Vector] = json.loads(VECTORS.read_text(encoding="utf-8"))
SIMPLE = Record(
    id="1", sequence=1, occurred_at=datetime(2026, 6, 1, tzinfo=UTC), action="a.b", outcome="success",
    actor_kind="user", hash="00",
)  # fmt: skip


def stored(name: str) -> StoredEntry:
    """The pinned entry of this name, as it would be stored."""
    vector, (_, act) = PINNED[name], acts()[name]
    return StoredEntry(
        stream=vector["stream"],
        aseq=vector["aseq"],
        id=act.id,
        account_id=act.actor.account_id,
        prev=bytes.fromhex(vector["prev"]),
        body_sha256=bytes.fromhex(vector["body_sha256"]),
        hash=bytes.fromhex(vector["hash"]),
        time=to_micros(act.time),
        actor_type=act.actor.type.value,
        actor_id=act.actor.id,
        action=act.action,
        result=act.result.value,
        code=act.code,
        target_type=act.target.type,
        target_id=act.target_id,
        body=vector["body"].encode(),
        disclosures={subject: "~".join(made) for subject, made in vector["disclosures"].items()},
    )


def test_a_record_says_what_the_entry_says() -> None:
    record = record_of(stored("certificate.set_status"))

    assert (record.action, record.outcome, record.code) == ("certificate.set_status", "success", None)
    assert (record.actor_name, record.actor_kind) == ("ada@example.test", "user")
    assert record.target_name == "Plant Zürich \u2028 “1”"
    assert record.reason == "The key leaked"
    assert Change("status", "ACTIVE", "INACTIVE") in record.changes
    assert {change.field for change in record.changes} == {"status", "version", "updated_at"}


@pytest.mark.parametrize("name", PINNED)
def test_the_exact_body_can_be_cut_out_of_a_line_of_evidence(name: str) -> None:
    line = line_of(stored(name))

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert line.partition(b',"body":')[2][:-2] == PINNED[name]["body"].encode()
    told = json.loads(line)
    assert rfc8785.dumps(told["body"]) == PINNED[name]["body"].encode()
    assert (told["stream"], told["aseq"]) == (PINNED[name]["stream"], PINNED[name]["aseq"])
    assert (told["prev"], told["hash"]) == (PINNED[name]["prev"], PINNED[name]["hash"])
    assert told["disclosures"] == PINNED[name]["disclosures"]


def test_a_body_that_was_archived_is_null_in_a_line_of_evidence() -> None:
    without = stored("certificate.upload")._replace(body=None)

    assert json.loads(line_of(without))["body"] is None
    assert record_of(without).target_name is None


@pytest.mark.parametrize("leading", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(leading: str) -> None:
    named = replace(SIMPLE, target_name=f"{leading}cmd|' /C calc'!A0", reason=f"{leading}1")

    rows = list(csv.reader(io.StringIO(csv_header() + csv_line(named), newline="")))

    cells = dict(zip(rows[0], rows[1], strict=True))
    assert cells["targetName"] == f"'{leading}cmd|' /C calc'!A0"
    assert cells["reason"] == f"'{leading}1"


@given(some.text(), some.text())
def test_every_text_comes_back_from_a_line_of_csv(reason: str, name: str) -> None:
    line = csv_line(replace(SIMPLE, reason=reason, target_name=name))

    assert line.endswith("\r\n")
    (row,) = csv.reader(io.StringIO(line, newline=""))
    cells = dict(zip(COLUMNS, row, strict=True))
    assert cells["reason"] == neutral(reason)
    assert cells["targetName"] == neutral(name)


def test_a_line_of_json_has_the_same_names_as_the_columns() -> None:
    assert set(json.loads(json_line(SIMPLE))) == set(COLUMNS)
