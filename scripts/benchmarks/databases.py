"""The databases that are measured, made in a folder of the run's own, and how fast each commits on its own."""

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from tests.store.cluster import Cluster, programs_folder

ROW = b"x" * 400
"""As long as a short entry of the log."""

_PLAIN_TABLE = "CREATE TABLE IF NOT EXISTS plain (id {key}, row {bytes} NOT NULL)"


class PlainSqlite:
    """A file with one table, committed to as SQLite commits with the settings of the program and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_PLAIN_TABLE.format(key="INTEGER PRIMARY KEY", bytes="BLOB"))

    def commits_per_second(self, seconds: float) -> float:
        """BEGIN IMMEDIATE, INSERT of one row, COMMIT, over and over, by one caller: more callers would only queue."""
        execute = self._connection.execute
        count, start = 0, perf_counter()
        while (taken := perf_counter() - start) < seconds:
            for _ in range(20):
                execute("BEGIN IMMEDIATE")
                execute("INSERT INTO plain (row) VALUES (?)", (ROW,))
                execute("COMMIT")
            count += 20
        return count / taken

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class PlainPostgres:
    """pgbench on the same server: one INSERT of one row a transaction."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._script = folder / "insert.sql"
        self._script.write_text(f"INSERT INTO plain (row) VALUES (decode('{ROW.hex()}', 'hex'));\n")  # noqa: S608  # ours
        self._script.chmod(0o644)
        self._table_is_there = False

    def commits_per_second(self, seconds: float, clients: int) -> float:
        """Transactions a second that pgbench reports."""
        if not self._table_is_there:
            key = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
            self._psql("psql", "-q", "-c", _PLAIN_TABLE.format(key=key, bytes="BYTEA"))
            self._table_is_there = True
        said = self._psql(
            *("pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1"),
            *("-T", str(max(1, round(seconds))), "-f", str(self._script)),
        )
        found = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"pgbench did not say how fast it was: {said}")
        return float(found[1])

    def _psql(self, program: str, *arguments: str) -> str:
        beside = programs_folder() / program
        command = [str(beside) if beside.exists() else program, "-h", "127.0.0.1", "-U", "postgres"]
        command += ["-p", str(self._cluster.port), *arguments, "-d", "postgres"]
        if program == "pgbench":
            command.remove("-d")
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def has_pgbench() -> bool:
    """Whether pgbench can be had."""
    return (programs_folder() / "pgbench").exists() or shutil.which("pgbench") is not None


@contextmanager
def postgres_server(folder: Path) -> Iterator[Cluster]:
    """A server of the run's own; fsync and synchronous_commit are on."""
    with Cluster.running(folder) as cluster:
        yield cluster
