"""Rows for other programs, read back by other people's readers; each form names the checkpoint it was made from."""

import csv
import io
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it brings no types

from app.audit.coverage import NOT_AUDITED
from app.audit.parquet import ROWS_AT_ONCE, SCHEMA
from app.store.database import open_database
from tests.audit.history import World
from tests.commands.auditing import Anchorage, Exported, fill


def asked(query: str) -> list[Any]:
    """What DuckDB answers."""
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def of_checkpoint(told: dict[str, object]) -> int:
    """The size of the checkpoint that a header names, or the text of one."""
    return int(str(told["checkpoint"]).split("\n")[1])


async def test_csv_is_read_by_another_reader_and_named_by_the_file_beside_it(signed: Anchorage) -> None:
    output = await signed.export("log.csv", form="csv")

    whole = output.read_bytes()
    rows = list(csv.DictReader(io.StringIO(whole.decode(), newline="")))
    assert [int(row["sequence"]) for row in rows] == list(range(1, len(rows) + 1))
    assert (rows[-1]["action"], rows[-1]["targetName"]) == ("audit.export", "csv")
    beside = json.loads((signed.folder / "log.csv.meta.json").read_bytes())
    assert (beside["format"], beside["form"], beside["file"]) == ("anchorage-audit-rows/1", "csv", "log.csv")
    assert (beside["rows"], beside["sha256"]) == (len(rows), sha256(whole).hexdigest())
    assert of_checkpoint(beside) >= len(rows)
    assert [gap["what"] for gap in beside["not_audited"]] == [gap.what for gap in NOT_AUDITED]
    (counted,) = asked(f"SELECT count(*), max(sequence) FROM read_csv('{output}', header = true)")
    assert counted == (len(rows), len(rows))


async def test_parquet_has_real_types_and_names_its_checkpoint_itself(signed: Anchorage) -> None:
    evidence = Exported.read(await signed.export("log.jsonl"))
    output = await signed.export("log.parquet", form="parquet")

    table = pq.read_table(output)
    header = json.loads(table.schema.metadata[b"anchorage.audit"])
    assert table.schema.remove_metadata() == SCHEMA
    assert table.column("sequence").to_pylist() == list(range(1, table.num_rows + 1))
    assert [one.hex() for one in table.column("hash").to_pylist()][:-1] == [one["hash"] for one in evidence.entries]
    bodies = [json.loads(body) for body in evidence.bodies]
    moments = [moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for moment in table.column("occurred_at").to_pylist()]
    assert moments[:-1] == [body["time"] for body in bodies]
    assert all(moment.tzinfo is not None for moment in table.column("occurred_at").to_pylist())
    assert of_checkpoint(header) >= table.num_rows
    assert not (signed.folder / "log.parquet.meta.json").exists()


async def test_parquet_is_read_by_somebody_elses_reader(signed: Anchorage) -> None:
    output = await signed.export("log.parquet", form="parquet")

    kinds = dict(asked(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{output}')"))
    assert kinds["sequence"] == "BIGINT"
    assert kinds["occurred_at"] == "TIMESTAMP WITH TIME ZONE"
    assert kinds["hash"] == "BLOB"
    assert kinds["changes"].endswith("[]")
    (found,) = asked(
        f"SELECT count(*), count(*) FILTER (outcome = 'refused'), epoch_us(min(occurred_at)) FROM '{output}'"
    )
    first = Exported.read(await signed.export("log.jsonl"))
    refused = sum(json.loads(body)["outcome"]["result"] == "refused" for body in first.bodies)
    start = datetime.strptime(json.loads(first.bodies[0])["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert found[1:] == (refused, int(start.timestamp() * 1_000_000))


async def test_parquet_keeps_a_row_group_in_memory_and_no_more(migrated_url: str, tmp_path: Path) -> None:
    database = open_database(migrated_url)
    await database.start()
    world = await World.open(database)
    await fill(database, world.account.id, ROWS_AT_ONCE + 500)
    await database.close()
    log = Anchorage(migrated_url, world.account.id, tmp_path)

    file = pq.ParquetFile(await log.export("log.parquet", form="parquet"))

    sizes = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
    assert sizes == [ROWS_AT_ONCE, 501]


async def test_ocsf_is_an_event_a_line_of_the_same_entries(signed: Anchorage) -> None:
    output = await signed.export("log.ocsf.jsonl", form="ocsf")

    events = [json.loads(line) for line in output.read_bytes().split(b"\n")[:-1]]
    assert [event["metadata"]["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert {event["class_uid"] for event in events} == {6003}
    assert {event["action_id"] for event in events} == {1, 2}
    beside = json.loads((signed.folder / "log.ocsf.jsonl.meta.json").read_bytes())
    assert {event["unmapped"]["checkpoint"]["size"] for event in events} == {of_checkpoint(beside)}


async def test_rows_of_one_certificate_are_its_own_and_rows_without_personal_data_name_nobody(
    signed: Anchorage,
) -> None:
    whole = Exported.read(await signed.export("whole.jsonl"))
    about = next(
        body["target"]["id"] for body in map(json.loads, whole.bodies) if body["action"] == "certificate.upload"
    )

    one = await signed.export("one.csv", "--certificate", about, form="csv")
    nobody = await signed.export("nobody.csv", "--without-personal-data", form="csv")

    rows = list(csv.DictReader(io.StringIO(one.read_text(encoding="utf-8"), newline="")))
    assert {row["targetId"] for row in rows} == {about}
    assert json.loads((signed.folder / "one.csv.meta.json").read_bytes())["selection"]["id"] == about
    rows = list(csv.DictReader(io.StringIO(nobody.read_text(encoding="utf-8"), newline="")))
    assert {row["actorName"] for row in rows} == {""}


async def test_a_report_names_its_checkpoint_and_is_covered_by_it(signed: Anchorage) -> None:
    output = signed.folder / "report.html"

    said = await signed.audit("report", "--account", signed.account, "--format", "html", "--output", str(output))

    written = output.read_text(encoding="utf-8")
    note = (signed.folder / "checkpoint").read_text(encoding="utf-8")
    origin, size, root = note.split("\n")[:3]
    assert f"{origin}, {size} entries, root {root}" in written
    assert "The last one stands in the signed tree." in written
    assert f"{origin}, {size} entries, root {root}" in said.err
    assert "<script" not in written.replace("&lt;script", "")
