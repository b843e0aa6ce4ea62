"""Charts: every value has its place inside the picture, and the round number above is the next one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webadmin.web import charts

VALUES = st.lists(st.floats(min_value=0, max_value=1e12, allow_nan=False), max_size=50)


@given(VALUES)
def test_a_line_stays_inside_its_picture(values: list[float]) -> None:
    made = charts.line(values, "messages a day")
    places = [tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+),(-?[\d.]+)", made.line)]
    assert bool(places) == bool(values)
    assert all(0 <= x <= charts.WIDTH + 0.1 and -0.1 <= y <= charts.HEIGHT + 0.1 for x, y in places)


@given(VALUES)
def test_bars_stand_on_the_ground_beside_each_other(values: list[float]) -> None:
    made = charts.bars([(str(place), value) for place, value in enumerate(values)], "messages an hour")
    assert len(made.bars) == len(values)
    for left, right in zip(made.bars, made.bars[1:], strict=False):
        assert left.x + left.width <= right.x + 0.2
    assert all(abs(bar.y + bar.height - charts.HEIGHT) < 0.2 for bar in made.bars)


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (1, 1), (1.5, 2), (3, 5), (7, 10), (10, 10), (11, 20), (499, 500)]
)
def test_the_number_above_is_round(highest: float, top: float) -> None:
    assert charts.ceiling([highest]) == top
