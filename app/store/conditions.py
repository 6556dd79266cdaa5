"""The condition of a statement, made of several."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Conditions:
    """A WHERE that grows, with its values, which the other parts of a statement share."""

    values: list[object]
    texts: list[str] = field(default_factory=list)

    def add(self, text: str, *values: object) -> None:
        """One more; `{}` stands for each value."""
        places = [f"${len(self.values) + number}" for number in range(1, len(values) + 1)]
        self.texts.append(text.format(*places))
        self.values.extend(values)

    @property
    def text(self) -> str:
        """All of them, after the first."""
        return "".join(f" AND {each}" for each in self.texts)
