"""`skerry voucher`: a code is shown once, counts as often as it says, and can be taken back."""

from __future__ import annotations

import re

from tests.cli.conftest import Skerry


def test_a_voucher_is_made_listed_and_revoked(skerry: Skerry) -> None:
    made = skerry("voucher", "make", "--uses", "3", "--days", "10", "--note", "the choir", "--json").json
    assert re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", made["code"])
    [listed] = skerry("voucher", "list", "--json").json
    assert listed == {name: value for name, value in made.items() if name != "code"}
    assert listed["uses_left"] == 3
    assert made["code"] not in str(listed)
    assert skerry("voucher", "revoke", str(listed["number"])).code == 0
    assert skerry("voucher", "list", "--json").json == []


def test_a_dry_run_makes_nothing_and_shows_no_code(skerry: Skerry) -> None:
    assert "code" not in skerry("voucher", "make", "--dry-run", "--json").json
    assert skerry("voucher", "list", "--json").json == []
