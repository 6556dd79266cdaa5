"""A chart of entries per day by outcome, as SVG that stands in a page by itself."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from app.audit.report import OUTCOMES

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 12, 34
LABELS = 10
WIDEST = 48.0


def chart(periods: Sequence[tuple[str, Counter[str]]]) -> Iterator[str]:
    """Stacked bars, one for each period; each says its figures when it is pointed at."""
    highest = max((sum(counts.values()) for _, counts in periods), default=0)
    step = _step(highest)
    top = max(step, -(-highest // step) * step)
    scale = (HEIGHT - TOP - BOTTOM) / top
    yield (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Entries by outcome, {len(periods)} bars,'
        f' at most {highest} entries in one">'
    )
    yield from _lines(top, step, scale)
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(periods))
    every = max(1, -(-len(periods) // LABELS))
    for place, (name, counts) in enumerate(periods):
        left = LEFT + place * slot
        width = min(WIDEST, slot * 0.8)
        yield from _bar(name, counts, left + (slot - width) / 2, width, scale)
        if place % every == 0:
            yield f'<text class="x" x="{left + slot / 2:.1f}" y="{HEIGHT - 12}">{escape(name)}</text>'
    yield "</svg>"


def _lines(top: int, step: int, scale: float) -> Iterator[str]:
    for value in range(0, top + 1, step):
        y = HEIGHT - BOTTOM - value * scale
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="y" x="{LEFT - 8}" y="{y + 4:.1f}">{value}</text>'


def _bar(name: str, counts: Counter[str], left: float, width: float, scale: float) -> Iterator[str]:
    base = float(HEIGHT - BOTTOM)
    figures = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES if counts[outcome])
    yield f"<g><title>{escape(name)}: {figures or 'none'}</title>"
    for outcome in OUTCOMES:
        height = counts[outcome] * scale
        if height:
            base -= height
            yield f'<rect class="{outcome}" x="{left:.1f}" y="{base:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    yield "</g>"


def _step(highest: int) -> int:
    """1, 2 or 5 times a power of ten, so that there are at most five lines."""
    step = 1
    while highest > step * 5:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step
