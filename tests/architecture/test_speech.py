"""The project speaks of itself alone, and says what is done, not what somebody means to do one day.

Where a line of this file names what it forbids, a character stands in brackets, so that it does not match itself.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.architecture import house

# What belongs to the desk a file was written at, not to the file.
# (Every pattern here begins with what few lines have: it is looked for in nine million characters.)
WORKPLACE = re.compile(r"/(?:(?<![\w.~-]/)(?:w[o]rk|f[a]rm)/|home/[a-z]+/|Users/[A-Z])", re.IGNORECASE)
JOBS = re.compile(r"_j[o]bs(?<=b[a]sh_j[o]bs)", re.IGNORECASE)
# An open point is an issue in the tracker; a comment that promises one ages without anybody seeing it.
PROMISES = re.compile(r"[TFXH](?<!\w.)(?:O[D]O|I[X]ME|X[X]|A[C]K)\b")
TRACKER = re.compile(r"[iItT](?<!\w.)(?i:ssue|icket) #?\d+\b")
# Packages come from the public registries; a private mirror in a lock file breaks everybody else's installation.
REGISTRIES = {"registry.npmjs.org", "pypi.org", "files.pythonhosted.org"}
URL = re.compile(r"https?://([^/\s\"'<>)\]:]+)")
LOCKS = ("package-lock.json", "constraints.txt", "requirements.txt", "uv.lock", "pyproject.toml")

# Published vectors and word lists are carried as they are.
CARRIED = ("tests/vectors", "tests/samples")


@cache
def _text(path: Path) -> str | None:
    """The file's text, or None for bytes that are no text."""
    data = path.read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _found(pattern: re.Pattern[str], *, carried: bool) -> list[str]:
    places = []
    for path in house.files():
        where = str(path.relative_to(house.ROOT))
        if not carried and where.startswith(CARRIED):
            continue
        text = _text(path)
        if text is not None:
            places += [
                f"{where}:{text.count('\n', 0, match.start()) + 1}: {match[0]}" for match in pattern.finditer(text)
            ]
    return places


def test_no_file_names_the_place_it_was_written_at() -> None:
    found = _found(WORKPLACE, carried=True) + _found(JOBS, carried=True)
    assert not found, "\n".join(found)


def test_no_file_promises() -> None:
    assert not (found := _found(PROMISES, carried=False)), "\n".join(found)


def test_no_file_needs_a_tracker_to_be_understood() -> None:
    assert not (found := _found(TRACKER, carried=False)), "\n".join(found)


def test_packages_come_from_public_registries() -> None:
    locks = [path for path in house.files() if path.name in LOCKS]
    assert locks
    hosts = {(path.name, host) for path in locks for host in URL.findall(path.read_text(encoding="utf-8"))}
    # A package's own funding and home pages stand in a lock as well; only what is fetched counts.
    fetched = {
        (path.name, host)
        for path in locks
        for line in path.read_text(encoding="utf-8").splitlines()
        if '"resolved"' in line or "index-url" in line or "find-links" in line
        for host in URL.findall(line) or ["a local path"]
    }
    assert not {(name, host) for name, host in fetched if host not in REGISTRIES}
    assert not {(name, host) for name, host in hosts if re.fullmatch(r"[\d.]+|localhost|.*\.(?:local|internal)", host)}


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (WORKPLACE, "see /w" + "ork/notes.txt"),
        (WORKPLACE, "open('/ho" + "me/ada/mail')"),
        (WORKPLACE, "/wo" + "rk/notes.txt"),
        (JOBS, "/tmp/ba" + "sh_jobs.0/stdout"),
        (PROMISES, "# TO" + "DO: later"),
        (PROMISES, "X" + "XX"),
        (TRACKER, "as iss" + "ue 12 asks"),
    ],
)
def test_what_is_forbidden_is_seen(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    "line", ["https://example.is/work/items", "src/work/x.py", "a method", "UIDVALIDITY 12", "SHA" + "CK"]
)
def test_ordinary_words_are_let_pass(line: str) -> None:
    assert not any(pattern.search(line) for pattern in (WORKPLACE, JOBS, PROMISES, TRACKER))


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((house.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert "version" in project["dynamic"]
