"""A module or a function that does not fit in a head does too much; `mox` and `go-smtp` show that it can be done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture import house

MODULE = 500
FUNCTION = 70


def test_no_module_is_longer_than_500_lines() -> None:
    long = sorted(((module.lines, module.where) for module in house.modules() if module.lines > MODULE), reverse=True)
    assert not long, "split these:\n" + "\n".join(f"{lines:5} {where}" for lines, where in long)


def _too_long(modules: Iterable[house.Module]) -> list[str]:
    found = [
        (function.lines, f"{module.where}: {function.name}")
        for module in modules
        for function in house.functions(module)
        if function.lines > FUNCTION
    ]
    return [f"{lines:5} {where}" for lines, where in sorted(found, reverse=True)]


def test_no_function_is_longer_than_70_lines() -> None:
    assert not (long := _too_long(house.product())), "split these:\n" + "\n".join(long)


@pytest.mark.slow  # parses as much again as the product
def test_no_function_of_the_tests_is_longer_either() -> None:
    assert not (long := _too_long(house.modules())), "split these:\n" + "\n".join(long)


def test_functions_are_found_wherever_they_hide(tmp_path: Path) -> None:
    source = "class A:\n    def b(self):\n        def c(): pass\n        return c\nif True:\n    async def d(): pass\n"
    (tmp_path / "m.py").write_text(source)
    found = house.functions(house.Module("m", tmp_path / "m.py", "m.py"))
    assert [(function.name, function.lines) for function in found] == [("A.b", 3), ("A.b.c", 1), ("d", 1)]
