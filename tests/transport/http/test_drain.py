"""T16: what is in flight is finished, nothing that was counted is lost, and the process ends in time."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

import httpx

from app.serving import CLOSE_SECONDS
from app.store.connection import Engine
from app.store.database import open_database
from app.watchdog import EXIT_STATUS

START_SECONDS = 60
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Served:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def stop(self) -> int:
        """Tell it to stop, and wait until it is gone; answers with its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def _started(environment: dict[str, str], log: IO[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.transport.http.served"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANCHORAGE_")}
    return subprocess.Popen(command, cwd=ROOT, env=kept | environment, stdout=subprocess.PIPE, stderr=log, text=True)


@contextmanager
def served(url: str, folder: Path, **given: str) -> Iterator[Served]:
    """A server with these settings, once it listens; ended by its number if it is still there."""
    environment = {
        "ANCHORAGE_DATABASE_URL": url,
        "ANCHORAGE_DATA_DIR": str(folder),
        "ANCHORAGE_PORT": "0",
        "ANCHORAGE_LOG_FORMAT": "json",
        "ANCHORAGE_DRAIN_SECONDS": "3",
        **{f"ANCHORAGE_{name.upper()}": value for name, value in given.items()},
    }
    path = folder / "server.log"
    with path.open("w", encoding="utf-8") as log:
        process = _started(environment, log)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, path.read_text(encoding="utf-8")
            yield Served(process, address, path)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def operate(url: str, operation: str) -> "Future[httpx.Response]":
    """Send an operation, and wait until the server has it."""
    sent = Event()

    def body() -> Iterator[bytes]:
        yield json.dumps({"operationName": operation}).encode()
        sent.set()

    pool = ThreadPoolExecutor(1)
    answer = pool.submit(httpx.post, f"{url}/graphql", content=body(), timeout=30)
    pool.shutdown(wait=False)
    assert sent.wait(30)
    while "http_requests_running 2.0" not in httpx.get(f"{url}/metrics").text:
        time.sleep(0.02)
    return answer


def test_a_request_in_flight_is_answered_and_the_process_ends(migrated_url: str, tmp_path: Path) -> None:
    with served(migrated_url, tmp_path) as server:
        slow = operate(server.url, "Slow")
        status = server.stop()
        assert slow.result().status_code == 200
    assert status == -signal.SIGTERM


async def test_what_was_counted_is_written_at_the_end(migrated_url: str, tmp_path: Path) -> None:
    with served(migrated_url, tmp_path) as server:
        async with httpx.AsyncClient() as client:
            for _ in range(25):
                await client.post(f"{server.url}/graphql", headers={"authorization": "Bearer wrong"})
        server.stop()
    database = open_database(migrated_url)
    await database.start()
    rows = await database.reads.fetch("SELECT code FROM audit_entry")
    await database.close()
    assert [row["code"] for row in rows] == ["UNAUTHENTICATED"] * 21


def test_a_stream_does_not_hold_up_the_end(migrated_url: str, tmp_path: Path) -> None:
    with served(migrated_url, tmp_path, drain_seconds="60") as server:
        with httpx.stream("GET", f"{server.url}/graphql", timeout=30) as stream:
            chunks = stream.iter_raw()
            assert next(chunks) == b":\n\n"
            server.process.send_signal(signal.SIGTERM)
            assert b"".join(chunks) == b"event: complete\n\n"
        assert server.process.wait(timeout=30) == -signal.SIGTERM


def test_a_process_that_is_wedged_ends_within_its_deadline(migrated_url: str, tmp_path: Path) -> None:
    with served(migrated_url, tmp_path) as server:
        operate(server.url, "Wedge")
        started = time.monotonic()
        status = server.stop()
        took = time.monotonic() - started
        log = server.log.read_text(encoding="utf-8")
    assert status == EXIT_STATUS
    assert "The end of the application does not come." in log
    # The deadline is the promise; the rest of the sum is what a loaded machine takes to notice.
    assert took < 3 + CLOSE_SECONDS + 10


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refused_start(tmp_path, ANCHORAGE_PORT=str(port))
    assert f"Port {port} of 127.0.0.1 is in use: set ANCHORAGE_PORT" in sentence


def test_several_processes_need_postgresql(tmp_path: Path) -> None:
    sentence = refused_start(tmp_path, ANCHORAGE_WORKERS="2")
    assert "ANCHORAGE_WORKERS is 2" in sentence
    assert "PostgreSQL" in sentence


def test_a_second_server_on_one_file_is_told_of_postgresql(migrated_url: str, tmp_path: Path, engine: Engine) -> None:
    with served(migrated_url, tmp_path) as server:
        if engine is Engine.POSTGRES:
            with served(migrated_url, tmp_path) as second:
                assert httpx.get(f"{second.url}/readyz").status_code == 200
        else:
            assert "move to PostgreSQL" in refused_start(tmp_path, ANCHORAGE_DATABASE_URL=migrated_url)
        assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_several_processes_serve_one_address_and_end_together(
    migrated_url: str, tmp_path: Path, engine: Engine
) -> None:
    if engine is Engine.SQLITE:
        assert "ANCHORAGE_WORKERS" in refused_start(tmp_path, ANCHORAGE_WORKERS="3")
        return
    with served(migrated_url, tmp_path, workers="2") as server:
        slow = operate_somewhere(server.url)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        status = server.stop()
        assert slow.result().status_code == 200
    assert status == 0


def operate_somewhere(url: str) -> "Future[httpx.Response]":
    """A slow operation on whichever process gets it."""
    pool = ThreadPoolExecutor(1)
    answer = pool.submit(httpx.post, f"{url}/graphql", json={"operationName": "Slow"}, timeout=30)
    pool.shutdown(wait=False)
    time.sleep(0.3)
    return answer


def refused_start(folder: Path, **given: str) -> str:
    """What a server says that cannot start, on standard error."""
    environment = {"ANCHORAGE_DATA_DIR": str(folder), "ANCHORAGE_PORT": "0", **given}
    log = folder / "refused.log"
    with log.open("w", encoding="utf-8") as stream:
        process = _started(environment, stream)
        output, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 2
    assert output == ""
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    (sentence,) = [line for line in said.splitlines() if line.startswith("SENTENCE: ")]
    return sentence
