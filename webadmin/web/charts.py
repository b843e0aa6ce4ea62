"""Charts as inline SVG, drawn on the server: numbers in, coordinates for `parts/chart.html` out.

No script and no style is needed, so a chart passes the content policy, prints, and is read aloud by its sentence. Two
kinds: a line for a course over time, bars for counts by name or hour. Values are not negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import escape
from django.utils.safestring import SafeString

WIDTH: Final = 640
HEIGHT: Final = 160
_TOP: Final = 18  # room for the highest line's number
_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class GridLine:
    """A level line and its number."""

    y: float
    text_y: float
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `words` is what a pointer over it says. `drawn` is its element, made here and not by a template: a page
    of graphs has hundreds, with four numbers each that are the same in every language."""

    x: float
    y: float
    width: float
    height: float
    words: str

    @property
    def drawn(self) -> SafeString:
        place = f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"'
        # Four numbers, and a text that is escaped here.
        return SafeString(f'<rect class="bar" {place}><title>{escape(self.words)}</title></rect>')


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws; `words` says the same to who cannot see it."""

    words: str
    grid: tuple[GridLine, ...]
    line: str = ""
    area: str = ""
    bars: tuple[Bar, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT


def line(values: Sequence[float], words: str) -> Chart:
    """A course over time, oldest first, evenly spaced."""
    top = ceiling(values)
    if not values:
        return Chart(words, ())
    step = WIDTH / max(len(values) - 1, 1)
    points = [f"{place * step:.1f},{_y(value, top):.1f}" for place, value in enumerate(values)]
    course = "M" + "L".join(points if len(points) > 1 else [*points, f"{WIDTH},{points[0].partition(',')[2]}"])
    return Chart(words, _grid(top), line=course, area=f"{course}V{HEIGHT}H0Z")


def bars(values: Sequence[tuple[str, float]], words: str) -> Chart:
    """Counts by name, in the order given."""
    top = ceiling([value for _name, value in values])
    slot = WIDTH / max(len(values), 1)
    drawn = tuple(
        Bar(
            x=round(place * slot + slot * 0.1, 1),
            y=round(_y(value, top), 1),
            width=round(slot * 0.8, 1),
            height=round(HEIGHT - _y(value, top), 1),
            words=f"{name}: {value:g}",
        )
        for place, (name, value) in enumerate(values)
    )
    return Chart(words, _grid(top) if values else (), bars=drawn)


def ceiling(values: Sequence[float]) -> float:
    """A round number that is not below any value: 1, 2 or 5 times a power of ten."""
    highest = max(values, default=0)
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= highest)


def _y(value: float, top: float) -> float:
    return HEIGHT - value / top * (HEIGHT - _TOP)


def _grid(top: float) -> tuple[GridLine, ...]:
    levels = [top * number / _LINES for number in range(1, _LINES + 1)] if top % _LINES == 0 else [top / 2, top]
    return tuple(GridLine(round(_y(level, top), 1), round(_y(level, top) - 3, 1), f"{level:g}") for level in levels)
