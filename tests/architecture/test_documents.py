"""What the documents say exists, exists: files, functions, commands, settings; and every claim names its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.architecture import house
from webadmin.cli import NOUNS

DOCS = house.ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(house.ROOT / name for name in ("README.md", "SECURITY.md"))])
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
# `path/to/file.py::Class.method`, or a path alone.
PLACE = re.compile(r"`((?:[\w.@-]+/)+[\w.@-]+\.[a-z]{2,10})(?:::([\w.]+))?`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CLAIM = re.compile(r"^- \*\*(yes|not yet|no)\*\* (.+)$", re.MULTILINE)
ONE_PAGE = 60


def _name(page: Path) -> str:
    return str(page.relative_to(house.ROOT))


def _places(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2] or "") for match in PLACE.finditer(text)]


def _is_there(path: str, symbol: str) -> bool:
    if not (house.ROOT / path).is_file():
        return False
    if not symbol:
        return True
    return symbol in house.symbols(house.read(house.ROOT / path))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_place_in_the_code_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # A place inside the cell's data folder or on a host is not a place in the code.
    wrong = [
        f"{path}::{symbol}" if symbol else path
        for path, symbol in _places(text)
        if path.partition("/")[0] in {*house.PRODUCT, "tests", "infra", "docs"} and not _is_there(path, symbol)
    ]
    assert not wrong, f"{_name(page)} names what is not there: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    wrong = [link for link in links if not (page.parent / link).exists()]
    assert not wrong, f"{_name(page)} links to {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_a_page_shows_can_be_typed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    ours = {name for name, app in get_commands().items() if str(app) in house.PRODUCT} | {"migrate", "shell"}
    nouns = set(re.findall(r"(?:`|^ *|/bin/|sudo )skerry ([a-z][a-z-]+)", text, re.MULTILINE))
    assert nouns <= set(NOUNS), f"`skerry` has no {nouns - set(NOUNS)}"
    commands = set(re.findall(r"manage\.py ([a-z]+)", text))
    assert commands <= ours, f"manage.py has no {commands - ours}"
    targets = set(re.findall(r"`make ([a-z-]+)", text))
    known = set(re.findall(r"^([a-z-]+):", (house.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= known, f"make has no {targets - known}"


def _claims() -> list[tuple[str, str]]:
    return CLAIM.findall((DOCS / "threat-model.md").read_text(encoding="utf-8"))


def test_every_line_of_the_threat_model_is_a_claim_with_a_mark() -> None:
    text = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    lines = [line for line in text[text.index("\n## ") :].splitlines() if line and not line.startswith("## ")]
    assert [line for line in lines if not CLAIM.match(line)] == []


def test_a_claim_that_is_true_names_the_code_that_makes_it_true() -> None:
    bare = [sentence for mark, sentence in _claims() if mark == "yes" and not _places(sentence)]
    assert not bare, "name a file, and a function where there is one: " + "; ".join(bare)


def test_a_claim_is_a_sentence() -> None:
    for _mark, claim in _claims():
        sentence = PLACE.sub("", claim).strip()
        assert sentence.endswith("."), sentence


@pytest.mark.parametrize(("path", "symbol", "there"), [
    ("webadmin/environ.py", "Environ.cell", True),
    ("webadmin/environ.py", "Environ.phone_number", False),
    ("webadmin/nowhere.py", "", False),
    ("mailhost/migrations/0002_guards.py", "put_up", True),
])  # fmt: skip
def test_a_place_that_is_not_there_is_seen(path: str, symbol: str, there: bool) -> None:
    assert _is_there(path, symbol) is there


def test_decisions_are_numbered_without_gaps_and_fit_a_page() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for page in DECISIONS:
        text = page.read_text(encoding="utf-8")
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
        assert text.startswith(f"# {int(page.name[:4])}. ")
        assert [line for line in text.splitlines() if line.startswith("## ")] == [
            "## Why",
            "## Decision",
            "## What follows",
        ], page.name
        assert re.search(r"^Status: (accepted|superseded by \d{4})$", text, re.MULTILINE), page.name
        assert text.count("\n") <= ONE_PAGE, page.name
