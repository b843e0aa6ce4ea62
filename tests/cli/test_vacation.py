"""`skerry vacation`: the answer while an owner is away, from a text file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailhost.models import OwnerWishes
from tests.cli.conftest import Skerry
from tests.provision import house

TYPED = house.ADAS_PASSWORD + "\n"
ADA = ("ada@example.is", "--password-stdin")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "answer.txt"
    path.write_text("I am at sea.\nÁda\n", encoding="utf-8")
    return str(path)


def test_what_is_set_is_shown_and_can_be_switched_off(skerry: Skerry, ada: Any, file: str) -> None:
    assert skerry("vacation", "show", *ADA, typed=TYPED).out == "nobody is answered\n"
    words = ("--file", file, "--since", "2027-03-14", "--until", "2027-04-01", "--days", "3", "--subject", "Away")
    skerry("vacation", "set", *ADA, *words, typed=TYPED)
    assert skerry("vacation", "show", *ADA, "--json", typed=TYPED).json == {
        "address": "ada@example.is",
        "answer": {
            "text": "I am at sea.\nÁda",
            "subject": "Away",
            "since": "2027-03-14",
            "until": "2027-04-01",
            "days": 3,
        },
    }
    assert OwnerWishes.objects.get().in_force
    skerry("vacation", "off", *ADA, typed=TYPED)
    assert skerry("vacation", "show", *ADA, "--json", typed=TYPED).json["answer"]["off"] is True
    assert not OwnerWishes.objects.get().in_force


def test_filters_and_answer_do_not_push_each_other_out(skerry: Skerry, ada: Any, file: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(
        '{"version": 1, "rules": [{"name": "x", "when": [{"about": "junk", "asks": "yes"}], "then": [{"does": "stop"}]}]}'
    )
    skerry("vacation", "set", *ADA, "--file", file, typed=TYPED)
    skerry("filters", "set", *ADA, "--file", str(rules), typed=TYPED)
    skerry("vacation", "set", *ADA, "--file", file, "--days", "9", typed=TYPED)
    assert len(skerry("filters", "show", *ADA, "--json", typed=TYPED).json["rules"]) == 1
    assert skerry("vacation", "show", *ADA, "--json", typed=TYPED).json["answer"]["days"] == 9


@pytest.mark.parametrize(
    ("words", "content", "why"),
    [
        (("--days", "0"), b"x", "1 to 60 days"),
        (("--since", "2027-03-02", "--until", "2027-03-01"), b"x", "before the first"),
        ((), b"\xff", "not a text file"),
        ((), b"x" * 20_000, "1 to 4000"),
        ((), b"", "1 to 4000"),
    ],
)
def test_what_is_no_answer_is_refused(
    skerry: Skerry, ada: Any, tmp_path: Path, words: tuple[str, ...], content: bytes, why: str
) -> None:
    (tmp_path / "answer.txt").write_bytes(content)
    refused = skerry("vacation", "set", *ADA, *words, "--file", str(tmp_path / "answer.txt"), "--json", typed=TYPED)
    assert refused.code == 1
    assert why in refused.json["error"]
    assert not OwnerWishes.objects.exists()


def test_a_dry_run_changes_nothing(skerry: Skerry, ada: Any, file: str) -> None:
    skerry("vacation", "set", *ADA, "--file", file, "--dry-run", typed=TYPED)
    assert not OwnerWishes.objects.exists()
