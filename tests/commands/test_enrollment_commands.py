"""`anchorage enrollment`: files that are claimed beside a server, or without one, and what the lines came to."""

from pathlib import Path

from tests.commands.running import anchorage
from tests.enrolling import csv_of, identities
from tests.serving import Served, start

JOB = "query($id: ID!) { job(id: $id) { status processedCount errorsCount } }"


async def account_of(served: Served) -> str:
    """The administrator's account."""
    data = await served.operate("{ viewer { account { id } } }")
    return str(data["viewer"]["account"]["id"])


async def test_a_file_is_claimed_beside_a_server_which_works_it_off(served: Served, tmp_path: Path) -> None:
    account = await account_of(served)
    file = tmp_path / "devices.csv"
    file.write_bytes(csv_of([*identities(3_000), "=1+1"]))
    words = ("--account", account)

    said = await anchorage(served.environment, "enrollment", "claim", str(file), *words, "--wait", "--json")

    assert {name: said.json[name] for name in ("status", "total", "processed", "errors")} == {
        "status": "DONE",
        "total": 3_001,
        "processed": 3_001,
        "errors": 1,
    }
    assert "3001 of 3001 lines are done, 1 of them refused." in said.err
    shown = (await served.operate(JOB, {"id": f"job_{said.json['id']}"}))["job"]
    assert shown == {"status": "DONE", "processedCount": 3_001, "errorsCount": 1}
    report = await anchorage(served.environment, "enrollment", "errors", said.json["id"], *words)
    assert report.out == "line,code,text\r\n3002,INVALID_IDENTITY,'=1+1\r\n"
    assert (await served.command("audit", "verify")).startswith("verified")


async def test_without_a_server_whoever_waits_does_it(database_url: str, tmp_path: Path) -> None:
    served = await start(database_url, tmp_path / "data")
    account = await account_of(served)
    await served.stop()
    words, typed = ("-", "--account", account), csv_of(identities(5)).decode()

    waits = await anchorage(served.environment, "enrollment", "claim", *words, "--wait", "--json", typed=typed)
    assert (waits.json["status"], waits.json["errors"]) == ("DONE", 0)

    queued = await anchorage(served.environment, "enrollment", "release", *words, typed=typed)
    assert (await anchorage(served.environment, "enrollment", "work")).status == 0
    report = await anchorage(served.environment, "enrollment", "errors", queued.word, "--account", account)
    assert report.out == "line,code,text\r\n"
    again = await anchorage(served.environment, "enrollment", "claim", *words, "--wait", "--json", typed=typed)
    assert again.json["errors"] == 0


async def test_what_cannot_be_done_is_said(served: Served, tmp_path: Path) -> None:
    account = await account_of(served)
    for words, typed, code in (
        (("claim", "-", "--account", account), "", "INVALID_INPUT"),
        (("claim", "-", "--account", "f" * 32), "heading\n", "NOT_FOUND"),
        (("claim", "-", "--account", "nobody"), "heading\n", "INVALID_INPUT"),
        (("errors", "f" * 32, "--account", account), "", "NOT_FOUND"),
    ):
        said = await anchorage(served.environment, "enrollment", *words, typed=typed)
        assert said.refused == code, words
    said = await anchorage(served.environment, "enrollment", "claim", str(tmp_path / "none"), "--account", account)
    assert said.status == 2
