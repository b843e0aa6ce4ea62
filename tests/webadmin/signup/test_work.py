"""Proof of work: found by the bundle that browsers get, checked here, and nothing else passes."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.architecture.house import ROOT
from tests.seal.test_exchange import need_program
from webadmin.signup import work

KEY = bytes(range(32))
NOW = 1_900_000_000.0
BITS = 8


def made(bits: int = BITS, now: float = NOW) -> str:
    return work.challenge(bits, KEY, now=now, random_bytes=bytes(16))


def solved(text: str, bits: int = BITS) -> str:
    found = [next(n for n in itertools.count() if work.is_solved(text, part, n, bits)) for part in range(work.PARTS)]
    return ",".join(map(str, found))


def test_work_that_was_done_counts() -> None:
    text = made()
    digest = work.check(text, solved(text), KEY, now=NOW + 60)
    assert len(digest) == 32
    assert digest == work.check(text, solved(text), KEY, now=NOW)


def test_work_for_another_challenge_key_or_day_does_not_count() -> None:
    text, other = made(), work.challenge(BITS, KEY, now=NOW, random_bytes=bytes(15) + b"\1")
    with pytest.raises(work.BadWork):
        work.check(other, solved(text), KEY, now=NOW)
    with pytest.raises(work.BadWork):
        work.check(text, solved(text), bytes(32), now=NOW)
    with pytest.raises(work.BadWork):
        work.check(text, solved(text), KEY, now=NOW + work.LIFETIME + 1)


def test_a_challenge_made_easier_does_not_count() -> None:
    text = made(20)
    easier = text.replace("v1.20.", "v1.4.", 1)
    with pytest.raises(work.BadWork):
        work.check(easier, solved(easier, 4), KEY, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda _found: "",
        lambda found: found.rpartition(",")[0],
        lambda found: found + ",1",
        lambda found: found.replace(",", ";"),
        lambda found: "-1," + found.partition(",")[2],
        lambda _found: "9" * 2000,
        lambda _found: ",".join(["99999999999"] * 16),
    ],
)
def test_counters_in_another_shape_do_not_count(change: object) -> None:
    text = made()
    with pytest.raises(work.BadWork):
        work.check(text, change(solved(text)), KEY, now=NOW)  # type: ignore[operator]


@given(st.text(max_size=200), st.text(max_size=200))
def test_rubbish_is_refused_and_breaks_nothing(text: str, counters: str) -> None:
    with pytest.raises(work.BadWork):
        work.check(text, counters, KEY, now=NOW)


@pytest.mark.journey
def test_the_browsers_bundle_does_the_same_work(tmp_path: Path) -> None:
    need_program("node")
    shutil.copy(ROOT / "webadmin" / "static" / "js" / "work.js", tmp_path / "work.mjs")
    script = "import('./work.mjs').then(async ({ solve }) => console.log(await solve(process.argv[1])))"
    for bits in (0, 3, 12):
        text = made(bits)
        command = ["node", "-e", script, text]
        counters = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
        assert work.check(text, counters.strip(), KEY, now=NOW)
    assert json.loads(f"[{counters}]")
