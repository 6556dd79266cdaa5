"""`anchorage gateway sync` beside a terminator: a real server, a real file, a real command."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.rules import pem
from app.rules.credential import Credential
from app.rules.placeholder import placeholder
from app.terms import Status
from tests.fleet import fleet
from tests.serving import Served, serving

# What differs between the engines lies below, and is tested there on both.
pytestmark = pytest.mark.once

GATEWAYS = "{ viewer { account { id } } }"
UPLOAD = """mutation Upload($pem: PEM!) {
  uploadCertificate(input: {name: "I", source: {pem: $pem}, usage: THIRD_PARTY_CA, service: LWM2M}) {
    certificate { id } errors { __typename }
  }
}"""
SET_STATUS = """mutation Set($id: ID!, $status: CertificateStatus!) {
  setCertificateStatus(input: {id: $id, status: $status}) { errors { __typename } }
}"""
RENAME = """mutation Rename($id: ID!) {
  updateCertificate(input: {id: $id, name: "another"}) { errors { __typename } }
}"""
SECONDS = 30


@dataclass
class Beside:
    """The folder beside a terminator."""

    served: Served
    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.pem"

    @property
    def changes(self) -> int:
        """How often the command ran."""
        told = self.folder / "changes"
        return len(told.read_text().splitlines()) if told.exists() else 0

    def words(self, *more: str, command: str = "echo applied >> changes", url: str | None = None) -> list[str]:
        where = ["gateway", "sync", url or self.served.url, "--service", "lwm2m", "--format", "pem"]
        files = ["--output", str(self.bundle), "--key-file", str(self.folder / "key"), "--on-change", command]
        return [*where, *files, *more]

    async def run(self, *more: str, command: str = "echo applied >> changes", url: str | None = None) -> "Ran":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app",
            *self.words(*more, command=command, url=url),
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=asyncio.subprocess.PIPE,
        )
        return Ran(process)


@dataclass
class Ran:
    """A command that runs, or ran."""

    process: asyncio.subprocess.Process

    async def end(self) -> tuple[int, str]:
        """Its status, and what it said."""
        async with asyncio.timeout(SECONDS):
            _, said = await self.process.communicate()
        return self.process.returncode or 0, said.decode()


@pytest.fixture
async def beside(database_url: str, tmp_path: Path) -> AsyncIterator[Beside]:
    async with serving(database_url, tmp_path / "data") as served:
        folder = tmp_path / "terminator"
        folder.mkdir()
        account = (await served.operate(GATEWAYS))["viewer"]["account"]["id"]
        key = await served.command("key", "create", "--account", account, "--role", "gateway", "--name", "edge")
        (folder / "key").write_text(f"{key}\n")
        yield Beside(served, folder)


async def trust(served: Served) -> str:
    """Upload I; its id."""
    made = (await served.operate(UPLOAD, {"pem": fleet().upload}))["uploadCertificate"]
    identity: str = made["certificate"]["id"]
    return identity


async def test_a_bundle_is_fetched_applied_once_and_acknowledged(beside: Beside) -> None:
    await trust(beside.served)

    first = await (await beside.run("--once")).end()
    again = await (await beside.run("--once")).end()

    assert (first[0], again[0], beside.changes) == (0, 0, 1)
    assert pem.tokenise(beside.bundle.read_text()) == (fleet().trusted.der, placeholder().der)
    notes = json.loads((beside.folder / "bundle.pem.json").read_text())
    assert notes["is_applied"] is True


async def test_a_blacklisting_reaches_the_file_while_it_runs(beside: Beside) -> None:
    record = await trust(beside.served)
    running = await beside.run("--interval", "0.1")
    await until(lambda: beside.changes == 1)

    await beside.served.operate(SET_STATUS, {"id": record, "status": Status.INACTIVE.value})

    await until(lambda: beside.changes == 2)
    assert pem.tokenise(beside.bundle.read_text()) == (placeholder().der,)
    running.process.terminate()
    assert (await running.end())[0] == 0


async def test_a_version_that_leaves_the_bundle_as_it_is_is_applied_as_well(beside: Beside) -> None:
    """Else an administrator would see a gateway that lags behind for ever."""
    record = await trust(beside.served)
    await (await beside.run("--once")).end()
    assert await lag(beside) == 0
    await beside.served.operate(RENAME, {"id": record})
    assert await lag(beside) == 1

    await (await beside.run("--once")).end()

    assert (await lag(beside), beside.changes) == (0, 1)


async def test_the_command_runs_for_every_version_where_that_is_asked(beside: Beside) -> None:
    """For what ends open connections: the suspension of one device changes no bundle."""
    record = await trust(beside.served)
    await (await beside.run("--once", "--every-version")).end()
    await beside.served.operate(RENAME, {"id": record})

    failed = await (await beside.run("--once", "--every-version", command="exit 3")).end()
    mended = await (await beside.run("--once", "--every-version")).end()
    await (await beside.run("--once", "--every-version")).end()

    assert (failed[0], mended[0], beside.changes) == (1, 0, 2)


async def lag(beside: Beside) -> int:
    """By how many versions the gateway is behind, as an administrator sees it."""
    (gateway,) = (await beside.served.operate("{ gateways { nodes { lag } } }"))["gateways"]["nodes"]
    return int(gateway["lag"])


async def test_a_command_that_fails_is_tried_again_and_nothing_is_acknowledged(beside: Beside) -> None:
    await trust(beside.served)

    failed = await (await beside.run("--once", command="exit 3")).end()
    mended = await (await beside.run("--once")).end()

    assert (failed[0], mended[0], beside.changes) == (1, 0, 1)
    assert "ended with 3" in failed[1]


async def test_through_an_outage_the_last_good_file_stays_and_its_age_is_said(beside: Beside) -> None:
    await trust(beside.served)
    await (await beside.run("--once")).end()
    kept = beside.bundle.read_bytes()
    await beside.served.stop()

    status, said = await (await beside.run("--once")).end()

    assert (status, beside.bundle.read_bytes()) == (1, kept)
    assert "was the newest" in said
    assert "stays" in said


async def test_what_was_fetched_before_a_death_is_applied_though_the_server_is_away(beside: Beside) -> None:
    await trust(beside.served)
    killed = await (await beside.run("--once", command="kill -9 $PPID")).end()
    await beside.served.stop()

    status, said = await (await beside.run("--once")).end()

    assert (killed[0], status, beside.changes) == (-signal.SIGKILL, 1, 1)
    assert "is applied." in said


async def test_a_folder_that_is_not_there_yet_ends_nothing(beside: Beside) -> None:
    await trust(beside.served)
    mounted = beside.folder / "mounted"
    running = await beside.run("--interval", "0.1", "--output", str(mounted / "bundle.pem"))
    assert running.process.stderr is not None
    async with asyncio.timeout(SECONDS):
        assert b"bundle.pem cannot be kept: No such file or directory." in await running.process.stderr.readline()

    mounted.mkdir()

    await until(lambda: beside.changes == 1)
    running.process.terminate()
    assert (await running.end())[0] == 0


async def test_a_file_that_somebody_changed_is_written_anew(beside: Beside) -> None:
    await trust(beside.served)
    await (await beside.run("--once")).end()
    beside.bundle.write_text(pem.encode([fleet().root.der]))

    await (await beside.run("--once")).end()

    assert pem.tokenise(beside.bundle.read_text()) == (fleet().trusted.der, placeholder().der)


async def test_an_older_bundle_is_not_taken(beside: Beside) -> None:
    await trust(beside.served)
    await (await beside.run("--once")).end()
    newer = pem.encode([fleet().sibling.der])
    beside.bundle.write_text(newer)
    notes = beside.folder / "bundle.pem.json"
    held = json.loads(notes.read_text())
    more = {"sequence": held["sequence"] + 1, "tag": '"newer"', "sha256": hashlib.sha256(newer.encode()).hexdigest()}
    notes.write_text(json.dumps(held | more))

    status, said = await (await beside.run("--once")).end()

    assert (status, beside.changes, beside.bundle.read_text()) == (1, 1, newer)
    assert "was here already" in said


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:8000", "http://user:s3cret@127.0.0.1"])
async def test_a_wrong_address_is_said_at_once(beside: Beside, url: str) -> None:
    status, said = await (await beside.run("--once", url=url)).end()

    assert status == 2
    assert "is not allowed" in said
    assert "s3cret" not in said


async def test_a_wrong_key_is_said_and_never_repeated(beside: Beside) -> None:
    wrong = Credential(key_id="0" * 32, secret=bytes(32)).text
    (beside.folder / "key").write_text(wrong)

    status, said = await (await beside.run("--once")).end()

    assert (status, "401" in said, wrong in said) == (1, True, False)


@pytest.mark.parametrize("text", ["", "ak_wrong"])
async def test_what_is_no_key_is_said_at_once(beside: Beside, text: str) -> None:
    (beside.folder / "key").write_text(text)

    status, said = await (await beside.run("--once")).end()

    assert (status, "holds no key" in said, "ak_wrong" in said) == (2, True, False)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110  # a file that another process writes rings no bell
            await asyncio.sleep(0.02)
