"""`python -m scripts.benchmarks`: one run, one table. Its databases lie in a temporary folder, removed at the end."""

import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from app.services.verification import WORTH_SHARING
from app.store.connection import Engine
from scripts.benchmarks import exports, lists
from scripts.benchmarks.admitting import FULL_ADMITTING, QUICK_ADMITTING, Admitting, report_decisions
from scripts.benchmarks.databases import PlainPostgres, PlainSqlite, has_pgbench, postgres_server
from scripts.benchmarks.doors import Alone, measure_door, measure_share
from scripts.benchmarks.enrolling import report_enrollment
from scripts.benchmarks.figures import Report
from scripts.benchmarks.houses import SEVERAL_ACCOUNTS
from scripts.benchmarks.loops import in_loop
from scripts.benchmarks.notarising import measure_notary
from scripts.benchmarks.pages import measure_pages
from scripts.benchmarks.verifying import measure_verify
from tests.store.cluster import Cluster

say = Console(stderr=True)


class Part(StrEnum):
    """What can be measured."""

    LISTS = "lists"
    DOOR = "door"
    SHARE = "share"
    EXPORT = "export"
    VERIFY = "verify"
    NOTARY = "notary"
    PAGES = "pages"
    DECISIONS = "decisions"
    ENROLLMENT = "enrollment"


@dataclass(frozen=True, slots=True)
class Length:
    """How long the parts take."""

    rounds: int
    seconds: float
    exported: dict[Engine, int]
    verified: dict[Engine, int]
    notarised: dict[Engine, int]
    paged: dict[Engine, tuple[int, int]]
    admitting: Admitting
    enrolled: int


FULL = Length(
    rounds=5,
    seconds=2.0,
    exported={Engine.SQLITE: 1_000_000, Engine.POSTGRES: 1_000_000},
    verified={Engine.SQLITE: 1_000_000, Engine.POSTGRES: 200_000},
    notarised={Engine.SQLITE: 300_000, Engine.POSTGRES: 200_000},
    paged={Engine.SQLITE: (1_000_000, 10_000_000), Engine.POSTGRES: (1_000_000, 10_000_000)},
    admitting=FULL_ADMITTING,
    enrolled=1_000_000,
)
QUICK = Length(
    rounds=3,
    seconds=0.6,
    exported={Engine.SQLITE: 20_000, Engine.POSTGRES: 20_000},
    verified={Engine.SQLITE: 50_000, Engine.POSTGRES: 10_000},
    notarised={Engine.SQLITE: 30_000, Engine.POSTGRES: 15_000},
    paged={Engine.SQLITE: (5_000, 50_000), Engine.POSTGRES: (3_000, 30_000)},
    admitting=QUICK_ADMITTING,
    enrolled=50_000,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """One engine's part of a run."""

    engine: Engine
    folder: Path
    cluster: Cluster | None
    length: Length
    report: Report

    def url(self, name: str) -> str:
        """A database that is not there yet."""
        return f"sqlite://{self.folder}/{name}.db" if self.cluster is None else self.cluster.url(name)

    def run(self, parts: list[Part]) -> None:
        """Measure what is asked for."""
        mutation: list[float] | None = None
        if Part.LISTS in parts:
            mutation = self._lists()
        if Part.DOOR in parts:
            self._door()
        if Part.SHARE in parts:
            self._share(mutation)
        if Part.EXPORT in parts:
            self._exports()
        if Part.VERIFY in parts:
            self._verify()
        if Part.NOTARY in parts:
            self._notary()
        if Part.PAGES in parts:
            self._pages()
        if Part.DECISIONS in parts:
            report_decisions(self.report, self.engine, self.folder, self.url, self.length.admitting)
        if Part.ENROLLMENT in parts:
            folder = self.folder / f"enrolled-{self.engine}"
            report_enrollment(self.report, self.engine, folder, self.url("enrolled"), self.length.enrolled)

    def _lists(self) -> list[float]:
        folder = self.folder / f"served-{self.engine}"
        folder.mkdir()
        measured = in_loop(
            lists.measure(folder, self.url("served"), rounds=self.length.rounds, seconds=self.length.seconds)
        )
        group = f"{self.engine}: over HTTP, {lists.CALLERS} callers"
        for name, ours, bare in (
            ("a page of 50 certificates", measured.plain, measured.bare_plain),
            ("the same with chains and findings", measured.chains, measured.bare_chains),
        ):
            self.report.add(group, name, "requests/s", (each[0] for each in ours))
            self.report.add(group, f"{name}, the server's processor time", "ms/request", (each[1] for each in ours))
            self.report.add(group, "  a bare ASGI answer of its bytes", "requests/s", (each[0] for each in bare))
            self.report.add(group, "  its processor time", "ms/request", (each[1] for each in bare))
            self.report.ratio(
                group, "  ours to bare, processor time", [each[1] for each in ours], [each[1] for each in bare]
            )
        self.report.add(group, "setCertificateStatus", "requests/s", (each[0] for each in measured.change))
        cpu = [each[1] for each in measured.change]
        self.report.add(group, "setCertificateStatus, the server's processor time", "ms/request", cpu)
        return cpu

    def _door(self) -> None:
        alone = in_loop(measure_door(self.url("door"), self._plain(), self.length.rounds, self.length.seconds))
        group = f"{self.engine}: through the door alone"
        for name in alone.plain:
            self.report.add(group, name, "commits/s", alone.plain[name])
        for name, rates in alone.rates.items():
            self.report.add(group, name, "commands/s", (rate.per_second for rate in rates))
            self.report.add(group, f"{name}, processor time", "µs/command", (rate.cpu_micros for rate in rates))
        self._ratios(group, alone)

    def _ratios(self, group: str, alone: Alone) -> None:
        aims = {"plain SQLite, one commit a row": "≥ 1.2", "pgbench, 32 clients": "≥ 0.6"}
        for plain_name, plain in alone.plain.items():
            aim = aims.get(plain_name, "")
            for name in ("SetCertificateStatus, 32 callers", "UploadCertificate, 32 callers"):
                if name in alone.rates:
                    above = [rate.per_second for rate in alone.rates[name]]
                    self.report.ratio(group, f"{name} : {plain_name}", above, plain, aim)

    def _share(self, mutation: list[float] | None) -> None:
        share = in_loop(measure_share(self.url("share"), self.length.rounds, self.length.seconds))
        group = f"{self.engine}: the audit's share of a mutation"
        self.report.add(group, "SetCertificateStatus with its entry", "µs/command", share.recorded)
        self.report.add(group, "SetCertificateStatus without", "µs/command", share.unrecorded)
        self.report.add(group, "of the door alone", "%", share.of(share.recorded), "")
        if mutation is not None:
            whole = [each * 1000 for each in mutation]
            self.report.add(group, "of a GraphQL mutation over HTTP", "%", share.of(whole), "< 20")

    def _exports(self) -> None:
        url, count = self.url("export"), self.length.exported[self.engine]
        if not exports.has_own_program(url):
            say.print(f"The program of {self.engine} itself is not here: exports are left out.")
            return
        measured = in_loop(exports.measure(url, self.folder, count, self.length.rounds))
        group = f"{self.engine}: export of {count:,} entries, {measured.megabytes:,.0f} MB"
        own = "sqlite3 in its JSON mode" if self.engine is Engine.SQLITE else "psql with COPY"
        self.report.add(group, "the evidence, to the byte", "s", measured.ours)
        self.report.add(group, f"{own}, of the same rows", "s", measured.own)
        self.report.ratio(group, "  ours to it", measured.ours, measured.own, "≤ 1.0")
        for form, seconds in measured.forms.items():
            self.report.add(group, form, "rows/s", [count / seconds])

    def _verify(self) -> None:
        count = self.length.verified[self.engine]
        rates = in_loop(
            measure_verify(self.url("verify"), self.folder / f"verify-{self.engine}", count, min(3, self.length.rounds))
        )
        group = f"{self.engine}: verification of {count:,} entries"
        aim = "≥ 50,000" if self.engine is Engine.SQLITE and count >= WORTH_SHARING else ""
        self.report.add(group, "a process for each processor", "entries/s", rates.several, aim)
        self.report.add(group, "one process", "entries/s", rates.alone)
        self.report.add(group, "reading the rows and hashing the bodies alone", "entries/s", rates.raw)
        self.report.ratio(group, "  reading and hashing to verifying, by one process", rates.raw, rates.alone)

    def _notary(self) -> None:
        count, urls = self.length.notarised[self.engine], (self.url("signed"), self.url("writers"))
        folder = self.folder / f"kept-{self.engine}"
        measured = in_loop(measure_notary(urls, folder, count, self.length.rounds, self.length.seconds))
        group = f"{self.engine}: the notary, {count:,} entries of {SEVERAL_ACCOUNTS} accounts"
        self.report.add(group, "put into the tree and signed", "entries/s", measured.leaves)
        self.report.add(group, "SetCertificateStatus, 32 callers in as many accounts", "commands/s", measured.commands)
        self.report.ratio(group, "  the notary to its writers", measured.leaves, measured.commands, "≥ 3")
        self.report.add(group, "waiting for a receipt while nobody else acts", "ms", measured.waits, "< 100")

    def _pages(self) -> None:
        few, many = (
            in_loop(measure_pages(self.url(f"pages_{count}"), count, self.length.rounds)).pages
            for count in self.length.paged[self.engine]
        )
        lengths = " and ".join(f"{count:,}" for count in self.length.paged[self.engine])
        group = f"{self.engine}: a page of 50 entries, of {lengths}"
        for name in few:
            self.report.add(group, f"{name}, of the fewer", "ms", few[name])
            self.report.add(group, f"{name}, of the more", "ms", many[name])
            self.report.ratio(group, "  growth", many[name], few[name], "≤ 1.3")

    def _plain(self) -> dict[str, Callable[[float], float]]:
        if self.cluster is None:
            plain = PlainSqlite(self.folder)
            return {"plain SQLite, one commit a row": plain.commits_per_second}
        if not has_pgbench():
            say.print("pgbench is not here: the raw rate of PostgreSQL is left out.")
            return {}
        bench = PlainPostgres(self.cluster, self.folder)
        return {
            "pgbench, 1 client": lambda seconds: bench.commits_per_second(seconds, 1),
            "pgbench, 32 clients": lambda seconds: bench.commits_per_second(seconds, 32),
        }


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Under two minutes, for a first look.")] = False,
    in_json: Annotated[bool, typer.Option("--json", help="For programs, on standard output.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where the databases are made: it decides the disk.")
    ] = None,
    only: Annotated[list[Part] | None, typer.Option("--only", help="Only this part; may be given again.")] = None,
    engines: Annotated[list[Engine] | None, typer.Option("--engine", help="Only this engine.")] = None,
) -> None:
    """Measure this program against the bare database and the bare server, in one run, as ratios."""
    length, parts, report = QUICK if quick else FULL, only or list(Part), Report()
    with tempfile.TemporaryDirectory(prefix="anchorage-bench-", dir=folder) as made:
        place = Path(made)
        # The server's own user reads a script from here.
        place.chmod(0o755)
        for engine in engines or list(Engine):
            say.print(f"Measuring {engine} …")
            if engine is Engine.SQLITE:
                Bench(engine, place, None, length, report).run(parts)
                continue
            with postgres_server(place) as cluster:
                Bench(engine, place, cluster, length, report).run(parts)
    show(report, in_json=in_json)


def show(report: Report, *, in_json: bool) -> None:
    """Print it, with what it was measured on."""
    machine = {
        "processors": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
    }
    if in_json:
        figures = [figure.as_json() for figure in report.figures]
        sys.stdout.write(orjson.dumps({"machine": machine, "figures": figures}, option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(width=120) if not sys.stdout.isatty() else Console()
    console.print(report.table())
    console.print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in machine.items()))


if __name__ == "__main__":
    typer.run(main)
