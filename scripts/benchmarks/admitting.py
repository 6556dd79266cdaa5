"""What the measurements of trust decisions say: figures, ratios and aims."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.store.connection import Engine
from scripts.benchmarks import decisions
from scripts.benchmarks.asking import Answered
from scripts.benchmarks.dear_chains import dear_chains, dearest
from scripts.benchmarks.decisions import CALLERS, PROCESSES, Decided
from scripts.benchmarks.effect import PROCESSES as SERVERS
from scripts.benchmarks.effect import measure_effect
from scripts.benchmarks.figures import Report
from scripts.benchmarks.loops import in_loop
from scripts.benchmarks.storm import CONNECTIONS, measure_storm


@dataclass(frozen=True, slots=True)
class Admitting:
    """How long it takes: see `decisions.measure`, `measure_storm` and `measure_effect`."""

    anchors: tuple[int, ...]
    devices: int
    rounds: int
    seconds: float
    attempts: int
    blacklistings: int


FULL_ADMITTING = Admitting(
    anchors=(10, 100, 1_000, 10_000), devices=400, rounds=5, seconds=2.0, attempts=50_000, blacklistings=20
)
QUICK_ADMITTING = Admitting(anchors=(10, 1_000), devices=200, rounds=3, seconds=0.6, attempts=5_000, blacklistings=4)


def report_decisions(
    report: Report, engine: Engine, folder: Path, url: Callable[[str], str], length: Admitting
) -> None:
    """Measure on new databases of an engine, each served from a folder of its own."""
    measuring = decisions.measure(
        _inside(folder, f"decided-{engine}"),
        url("decided"),
        anchors=length.anchors,
        devices=length.devices,
        rounds=length.rounds,
        seconds=length.seconds,
    )
    decided = in_loop(measuring)
    _from_memory(report, f"{engine}: trust decisions from memory over HTTP, {CALLERS} callers", decided)
    _made(report, f"{engine}: trust decisions that must be made, over HTTP, {CALLERS} callers", decided)
    _anchors(report, f"{engine}: trust decisions by the anchors of the account", decided)
    _storm(report, engine, _inside(folder, f"storm-{engine}"), url("storm"), length.attempts)
    if engine is Engine.SQLITE:
        # No database has a part in it.
        _dear(report, decided.signature)
    else:
        _effect(report, _inside(folder, "effect"), url("effect"), length.blacklistings)


def _inside(folder: Path, name: str) -> Path:
    # The server keeps its folder to itself, and the database's own user must pass through the one around it.
    made = folder / name
    made.mkdir()
    return made


def _from_memory(report: Report, group: str, decided: Decided) -> None:
    cached = next(iter(decided.fleets.values())).cached
    _rate(report, group, "a device that was asked about before", cached)
    _rate(report, group, "  a bare ASGI answer to the same requests", decided.bare)
    report.ratio(group, "  ours to bare, requests/s", _per_second(cached), _per_second(decided.bare), "≥ 0.8")
    report.ratio(group, "  ours to bare, processor time", _cpu(cached), _cpu(decided.bare))


def _made(report: Report, group: str, decided: Decided) -> None:
    fleet = next(iter(decided.fleets.values()))
    _rate(report, group, "a new device, let in with its entry", fleet.new)
    _rate(report, group, "a known device, asked about for the first time since the start", fleet.uncached)
    taken, cpu = _micros(fleet.uncached), _cpu(fleet.uncached)
    report.add(group, "one P-256 signature by itself, processor time", "µs", decided.signature)
    for name, ours, others in (("", taken, _micros(decided.bare)), (", processor time", cpu, _cpu(decided.bare))):
        least = [signature + other for signature, other in zip(decided.signature, others, strict=True)]
        report.ratio(group, f"  a known device to a signature and a bare answer{name}", ours, least, "≤ 2")
    report.add(group, "the library's own verifier, in process, processor time", "µs", decided.library)
    report.ratio(group, "  a known device to it, processor time", cpu, decided.library)
    if decided.openssl:
        report.add(group, f"openssl verify, {PROCESSES} processes one after another", "µs", decided.openssl)
        report.ratio(group, "  a known device to it", taken, decided.openssl)


def _anchors(report: Report, group: str, decided: Decided) -> None:
    few, many = min(decided.fleets), max(decided.fleets)
    for count, fleet in decided.fleets.items():
        report.add(group, f"{count:,} anchors, from memory", "µs", _micros(fleet.cached))
        report.add(group, f"{count:,} anchors, to be made", "µs", _micros(fleet.uncached))
        report.add(group, f"{count:,} anchors, until the first device is let in", "s", [fleet.load_seconds])
    for name, of in (("from memory", "cached"), ("to be made", "uncached")):
        above, below = (_micros(getattr(decided.fleets[count], of)) for count in (many, few))
        report.ratio(group, f"  growth from {few:,} to {many:,}, {name}", above, below, "≤ 1.2")


def _dear(report: Report, signature: Sequence[float]) -> None:
    measured = dear_chains(len(signature))
    name, rounds = dearest(measured)
    group = f"the {len(measured)} dearest kinds of chains, decided about for the first time, in process"
    report.add(group, f"the dearest: {name}, processor time", "ms", rounds)
    report.ratio(group, "  to one P-256 signature", rounds, [each / 1e3 for each in signature])


def _storm(report: Report, engine: Engine, folder: Path, url: str, attempts: int) -> None:
    storm = in_loop(measure_storm(folder, url, attempts))
    group = f"{engine}: a storm of {attempts:,} attempts of blacklisted devices, {CONNECTIONS} connections"
    report.add(group, "refused, every one with 403", "requests/s", [storm.answered.per_second])
    report.add(group, "the server's processor time", "ms/request", [storm.answered.cpu_micros / 1000])
    report.add(group, "counted in the table while the server runs", "attempts", [storm.counted_before_end])
    report.add(group, "counted in the table after its end", "attempts", [storm.counted], f"{attempts:,}")
    report.add(group, "audit entries written", "entries", [storm.entries])
    report.add(group, "the server's peak memory before", "MiB", [storm.memory_before])
    report.add(group, "the server's peak memory after", "MiB", [storm.memory_after])


def _effect(report: Report, folder: Path, url: str, blacklistings: int) -> None:
    effect = in_loop(measure_effect(folder, url, blacklistings))
    group = (
        f"{Engine.POSTGRES}: from a blacklisting's answer to the first refusal, {SERVERS} servers asked all the time"
    )
    for name, seconds in (("of the server that was told", effect.here), ("of each other", effect.elsewhere)):
        report.add(group, name, "ms", [each * 1000 for each in seconds], "≤ 1,000")
    report.add(group, "enabled again, to the first admission", "ms", [each * 1000 for each in effect.back])


def _rate(report: Report, group: str, name: str, answers: Sequence[Answered]) -> None:
    report.add(group, name, "requests/s", _per_second(answers))
    report.add(group, f"{name}, the server's processor time", "µs/request", _cpu(answers))


def _per_second(answers: Sequence[Answered]) -> list[float]:
    return [each.per_second for each in answers]


def _micros(answers: Sequence[Answered]) -> list[float]:
    return [each.micros for each in answers]


def _cpu(answers: Sequence[Answered]) -> list[float]:
    return [each.cpu_micros for each in answers]
