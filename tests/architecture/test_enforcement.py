"""Every enforcement point that exists names its code and has a test that tries to get round it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from jurisdiction.enforcement import POINTS, Point
from tests.architecture import house

BUILT = [point for point in POINTS if point.built]


def _marks(tree: ast.AST) -> Iterator[int]:
    """The numbers of `pytest.mark.guards(n)` on tests, their classes, or the whole module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "guards":
            yield from (
                word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, int)
            )


@cache
def guarded() -> dict[int, list[str]]:
    """Where each point is guarded."""
    found: dict[int, list[str]] = {}
    for module in house.modules():
        if module.name.startswith("tests.") and ".guards(" in module.source:
            for number in _marks(module.tree):
                found.setdefault(number, []).append(module.where)
    return found


def test_the_points_are_numbered_as_in_the_design() -> None:
    assert [point.number for point in POINTS] == list(range(1, 16))


@pytest.mark.parametrize("point", BUILT, ids=lambda point: point.name)
def test_a_point_that_exists_has_a_guard_test(point: Point) -> None:
    assert guarded().get(point.number), f"nothing tries to get round point {point.number}, {point.name}"


@pytest.mark.parametrize("point", BUILT, ids=lambda point: point.name)
def test_a_point_that_exists_names_code_that_is_there(point: Point) -> None:
    for place in point.where:
        path, _, symbol = place.partition("::")
        file = house.ROOT / path
        assert file.is_file(), place
        assert symbol in house.symbols(house.read(file)), place


def test_no_guard_is_for_a_point_that_does_not_exist() -> None:
    numbers = {point.number for point in BUILT}
    assert set(guarded()) <= numbers, "build the point or remove the mark"


def test_a_point_without_a_guard_is_seen() -> None:
    assert list(_marks(ast.parse("@pytest.mark.guards(4)\ndef test_x(): ..."))) == [4]
    assert list(_marks(ast.parse("pytestmark = [pytest.mark.guards(2), pytest.mark.guards(7)]"))) == [2, 7]
    assert list(_marks(ast.parse("@pytest.mark.slow\ndef test_x(): ..."))) == []
