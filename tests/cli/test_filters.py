"""`skerry filters`: an owner's rules as a file, with the account password."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jurisdiction.models import OperatorAct
from mailhost.models import ForwardAgreement, OwnerWishes, QueueItem
from tests.cli.conftest import Skerry
from tests.provision import house

RULES: dict[str, Any] = {
    "version": 1,
    "rules": [
        {
            "name": "lists",
            "when": [{"about": "list", "asks": "contains", "value": "tides"}],
            "then": [{"does": "folder", "value": "Lists"}, {"does": "stop"}],
        }
    ],
}
TYPED = house.ADAS_PASSWORD + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(RULES))
    return path


def test_what_is_set_is_shown_in_the_same_form(skerry: Skerry, ada: Any, file: Path) -> None:
    words = ("ada@example.is", "--password-stdin")
    assert skerry("filters", "show", *words, "--json", typed=TYPED).json == {"version": 1, "rules": []}
    made = skerry("filters", "set", *words, "--file", str(file), "--json", typed=TYPED).json
    assert made == {"address": "ada@example.is", "rules": 1, "asked": 0, "ended": 0}
    assert skerry("filters", "show", *words, "--json", typed=TYPED).json == RULES
    assert json.loads(skerry("filters", "show", *words, typed=TYPED).out) == RULES


def test_a_dry_run_says_what_would_be_and_changes_nothing(skerry: Skerry, ada: Any, file: Path) -> None:
    words = ("ada@example.is", "--password-stdin", "--file", str(file), "--dry-run")
    assert skerry("filters", "set", *words, typed=TYPED).out.startswith("1 rules would be")
    assert not OwnerWishes.objects.exists()


def test_nobody_reads_or_changes_them_without_the_account_password(skerry: Skerry, ada: Any, file: Path) -> None:
    for words in (("show", "ada@example.is"), ("set", "ada@example.is", "--file", str(file))):
        refused = skerry("filters", *words, "--password-stdin", "--json", typed="guess\n")
        assert refused.code == 1
        assert "not the account password" in refused.json["error"]
    assert not OwnerWishes.objects.exists()


@pytest.mark.parametrize(
    ("text", "why"), [("{", "not JSON"), ('{"version": 1, "rules": [{}]}', "rule 1:"), ("x" * 300_000, "longer than")]
)
def test_a_file_that_is_no_rules_is_refused_with_the_place(
    skerry: Skerry, ada: Any, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "bad.json").write_text(text)
    words = ("ada@example.is", "--password-stdin", "--file", str(tmp_path / "bad.json"), "--json")
    refused = skerry("filters", "set", *words, typed=TYPED)
    assert refused.code == 1
    assert why in refused.json["error"]


@pytest.mark.django_db(transaction=True)
def test_addresses_elsewhere_are_asked_unless_the_operator_says_that_they_have_agreed(
    skerry: Skerry, ada: Any, tmp_path: Path
) -> None:
    file = tmp_path / "on.json"
    on = RULES["rules"][0] | {"then": [{"does": "forward", "value": "mo@elsewhere.test"}]}
    file.write_text(json.dumps(RULES | {"rules": [on]}))
    words = ("filters", "set", "ada@example.is", "--password-stdin", "--file", str(file), "--json")
    assert skerry(*words, "--dry-run", typed=TYPED).json["asked"] == 0
    assert not ForwardAgreement.objects.exists()
    assert skerry(*words, typed=TYPED).json["asked"] == 1
    assert skerry(*words, typed=TYPED).json["asked"] == 0, "it was asked"
    assert ForwardAgreement.objects.get().agreed is None
    assert QueueItem.objects.count() == 1
    assert skerry(*words, "--agreed", typed=TYPED).json["asked"] == 0
    assert ForwardAgreement.objects.get().agreed is not None
    assert OperatorAct.objects.filter(act="filters set --agreed").exists()


@pytest.mark.django_db(transaction=True)
def test_an_operator_ends_forwards_for_a_reader_and_no_later_word_of_theirs_undoes_it(
    skerry: Skerry, ada: Any, tmp_path: Path
) -> None:
    file = tmp_path / "on.json"
    on = RULES["rules"][0] | {"then": [{"does": "forward", "value": "mo@elsewhere.test"}]}
    file.write_text(json.dumps(RULES | {"rules": [on]}))
    words = ("filters", "set", "ada@example.is", "--password-stdin", "--file", str(file), "--agreed", "--json")
    assert skerry(*words, typed=TYPED).json["ended"] == 0
    end = ("filters", "end", "ada@example.is", "Mo@Elsewhere.test", "--json")
    assert skerry(*end, "--dry-run").json == {"address": "ada@example.is", "ended": True, "dry_run": True}
    assert ForwardAgreement.objects.get().ended is None
    assert skerry(*end).json == {"address": "ada@example.is", "ended": True}
    assert ForwardAgreement.objects.get().agreed is None
    assert skerry(*words, typed=TYPED).json["ended"] == 1
    assert ForwardAgreement.objects.get().agreed is None
    # Whether anything ever went to an address is not told.
    never = skerry("filters", "end", "ada@example.is", "cleo@elsewhere.test", "--json")
    assert never.json == {"address": "ada@example.is", "ended": True}
    refused = skerry("filters", "end", "ada@example.is", "no address", "--json")
    assert (refused.code, refused.json["error"][:20]) == (1, "the reader's address")
    assert OperatorAct.objects.filter(act="filters end").count() == 3
