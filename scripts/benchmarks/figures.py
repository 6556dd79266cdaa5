"""What was measured: figures with their units, each the median of its rounds with the least and the most."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured in several rounds. `aim` is a bound in words, where there is one."""

    group: str
    name: str
    unit: str
    rounds: tuple[float, ...]
    aim: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return median(self.rounds)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "group": self.group,
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.rounds),
            "max": max(self.rounds),
            "rounds": list(self.rounds),
            "aim": self.aim or None,
        }


@dataclass(slots=True)
class Report:
    """The figures of a run, in the order of their making."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, group: str, name: str, unit: str, rounds: Iterable[float], aim: str = "") -> None:
        """One more figure."""
        self.figures.append(Figure(group, name, unit, tuple(rounds), aim))

    def ratio(self, group: str, name: str, above: Sequence[float], below: Sequence[float], aim: str = "") -> None:
        """How often the one holds the other, round by round: neighbours in time have had the same machine."""
        self.add(group, name, "times", [a / b for a, b in zip(above, below, strict=True)], aim)

    def table(self) -> Table:
        """For a person."""
        table = Table(title="Medians, with the least and the most of the rounds", title_justify="left")
        for heading in ("what", "median", "unit", "least", "most", "aim"):
            table.add_column(heading, justify="left" if heading in {"what", "unit", "aim"} else "right")
        group = ""
        for figure in self.figures:
            if figure.group != group:
                group = figure.group
                table.add_section()
                table.add_row(f"[bold]{group}[/bold]")
            spread = [number(value) for value in (figure.median, min(figure.rounds), max(figure.rounds))]
            table.add_row(f"  {figure.name}", spread[0], figure.unit, spread[1], spread[2], figure.aim)
        return table


def number(value: float) -> str:
    """Three digits that count, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Each measure once a round, one after another, so that what else the machine does meets all of them alike."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, values in zip(measures, taken, strict=True):
            values.append(measure())
    return taken
