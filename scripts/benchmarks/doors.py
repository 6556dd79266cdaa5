"""Behind HTTP: commands through the door, and what recording them costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from app.clock import system_clock
from scripts.benchmarks.houses import Rate, furnished, submissions
from scripts.benchmarks.unrecorded import UnrecordedDoor, ask_for_no_entries

UPLOADS = 9_500
"""Made beforehand: signing and examining a certificate is not the door's work."""

UPLOAD_SECONDS = 0.2
MANY = 32


@dataclass(slots=True)
class Alone:
    """Round by round: how fast the database commits by itself, and what callers of the door got."""

    plain: dict[str, list[float]] = field(default_factory=dict)
    rates: dict[str, list[Rate]] = field(default_factory=dict)


@dataclass(slots=True)
class Share:
    """Processor time per command in µs, round by round, with the entry and without."""

    recorded: list[float] = field(default_factory=list)
    unrecorded: list[float] = field(default_factory=list)

    def of(self, whole: list[float]) -> list[float]:
        """What recording takes, in per cent of each of these."""
        costs = [with_it - without for with_it, without in zip(self.recorded, self.unrecorded, strict=True)]
        return [cost / each * 100 for cost, each in zip(costs, whole, strict=True)]


async def measure_door(url: str, plain: Mapping[str, Callable[[float], float]], rounds: int, seconds: float) -> Alone:
    """Statuses and uploads, by 1 caller and by 32, in turn with the database by itself."""
    async with furnished(url) as house:
        alone = Alone()
        uploads = iter(list(islice(submissions(), UPLOADS)))
        await house.change(MANY, seconds / 4, accounts=1)
        for _ in range(rounds):
            for name, commits_per_second in plain.items():
                alone.plain.setdefault(name, []).append(commits_per_second(seconds))
            for callers, accounts in ((1, 1), (MANY, 1), (MANY, len(house.actors))):
                rate = await house.change(callers, seconds, accounts=accounts)
                alone.rates.setdefault(_name("SetCertificateStatus", callers, accounts), []).append(rate)
            for callers in (1, MANY):
                rate = await house.upload(callers, min(seconds, UPLOAD_SECONDS), uploads)
                alone.rates.setdefault(_name("UploadCertificate", callers, 1), []).append(rate)
        return alone


async def measure_share(url: str, rounds: int, seconds: float) -> Share:
    """The same commands with their entries and without, each on a database of its own, in turn."""
    async with furnished(url) as recorded, furnished(f"{url.removesuffix('.db')}-unrecorded{_suffix(url)}") as other:
        await ask_for_no_entries(f"{url.removesuffix('.db')}-unrecorded{_suffix(url)}")
        unrecorded = UnrecordedDoor(other.database, clock=system_clock, node="bench-1", software="anchorage/bench")
        share = Share()
        for _ in range(rounds):
            share.recorded.append((await recorded.change(MANY, seconds, accounts=1)).cpu_micros)
            share.unrecorded.append((await other.change(MANY, seconds, accounts=1, door=unrecorded)).cpu_micros)
        return share


def _name(command: str, callers: int, accounts: int) -> str:
    spread = "" if accounts == 1 else f" in {accounts} accounts"
    return f"{command}, {callers} caller{'s' if callers > 1 else ''}{spread}"


def _suffix(url: str) -> str:
    return ".db" if url.endswith(".db") else ""
