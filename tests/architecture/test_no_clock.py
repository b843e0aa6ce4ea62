"""Time, randomness and settings are passed in: below the edge nothing asks a clock, a die or the environment.

A function that is told the moment can be asked about any moment: a certificate's last day, the hour before a law
changes, a clock that steps back. What is checked is the syntax tree, so a comment may speak of `now()`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture import house

# Doors and wiring are the edge: they look at the clock once and hand the moment on.
EDGE = ("mailhost.management", "mailhost.wiring", "mailhost.tasks", *house.JURISDICTION_WITH_DJANGO)
CLOCK = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "timezone.now",
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.localtime",
}  # fmt: skip
DIE = {
    "secrets.token_bytes", "secrets.token_hex", "secrets.token_urlsafe", "secrets.randbelow", "secrets.choice",
    "os.urandom", "uuid.uuid4", "uuid4", "random.random", "random.randint", "random.choice", "random.randbytes",
}  # fmt: skip
ENVIRONMENT = {"os.environ", "os.getenv", "django.conf.settings", "settings.ENVIRON"}


def _dotted(node: ast.AST) -> str:
    """`a.b.c` for an attribute of an attribute of a name, else nothing."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}".removeprefix(".")
    return node.id if isinstance(node, ast.Name) else ""


def _asked(tree: ast.AST, forbidden: set[str]) -> Iterator[tuple[int, str]]:
    """Line and name of everything forbidden that is called. A default such as `random_bytes=token_bytes` is no call."""
    for node in house.nodes(tree):
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            if any(name == one or name.endswith("." + one) for one in forbidden):
                yield node.lineno, name


def _read(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every use of the environment or of Django's settings."""
    for node in house.nodes(tree):
        if isinstance(node, ast.Attribute) and _dotted(node) in ENVIRONMENT:
            yield node.lineno, _dotted(node)
        elif isinstance(node, ast.ImportFrom) and node.module == "django.conf":
            yield node.lineno, "django.conf"


def _problems(*parents: str, forbidden: set[str]) -> list[str]:
    return [
        f"{module.where}:{line} asks {name}"
        for module in house.within(*parents, without=EDGE)
        for line, name in _asked(module.tree, forbidden)
    ]


def test_below_the_edge_nothing_looks_at_the_clock() -> None:
    found = _problems("mailhost", "jurisdiction", "directory.claims", forbidden=CLOCK)
    assert not found, "pass the moment in:\n" + "\n".join(found)


def test_pure_parts_throw_no_dice_of_their_own() -> None:
    found = _problems(*house.PURE, forbidden=DIE)
    assert not found, "pass the source of randomness in:\n" + "\n".join(found)


def test_below_the_edge_nothing_reads_the_environment_or_the_settings() -> None:
    found = [
        f"{module.where}:{line} reads {name}"
        for module in house.within("mailhost", "jurisdiction", without=EDGE)
        for line, name in _read(module.tree)
    ]
    assert not found, "pass the value in:\n" + "\n".join(found)


def test_pure_parts_open_no_socket_and_start_no_program() -> None:
    outside = ("socket", "ssl", "subprocess", "sqlite3", "http", "urllib.request", "smtplib", "dns.resolver")
    found = [
        f"{module.where}:{line} imports {name}"
        for module in house.within(*house.PURE, without=house.JURISDICTION_WITH_DJANGO)
        for name, line in house.imports(module.tree)
        if house.is_within(name, outside)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import datetime\ndatetime.datetime.now(datetime.UTC)", True),
        ("from django.utils import timezone\ntimezone.now()", True),
        ("import time\ntime.monotonic()", True),
        ("def f(clock=time.monotonic): return clock()", False),
        ("# time.time() would be wrong here", False),
        ("loop.time()", False),
    ],
)
def test_a_look_at_the_clock_is_seen(source: str, caught: bool) -> None:
    assert bool(list(_asked(ast.parse(source), CLOCK))) is caught


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("import os\nos.environ['HOME']", True),
        ("import os\nos.getenv('HOME')", True),
        ("from django.conf import settings", True),
        ("def f(settings): return settings.size", False),
    ],
)
def test_a_look_at_the_environment_is_seen(source: str, caught: bool) -> None:
    assert bool(list(_read(ast.parse(source)))) is caught
