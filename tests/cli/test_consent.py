"""`skerry consent`: readers that a mailbox's owner writes to whatever the policy advises, known to the owner alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailhost.models import Consent
from tests.cli.conftest import Skerry
from tests.provision import house

ALLOWING = """
allow = ["IS"]
backup_allow = ["IS"]
operator_allow = ["IS"]
consent = true
"""
READER = "cleo@other.test"


@pytest.fixture
def allowing(skerry: Skerry, ada: Any, tmp_path: Path) -> None:
    """Tenant harbour with a policy that leaves consent to authors."""
    rules = tmp_path / "policy.toml"
    rules.write_text(ALLOWING)
    assert skerry("policy", "set", "harbour", "--file", str(rules), "--yes").code == 0


def test_a_consent_is_given_listed_without_names_and_taken_back(skerry: Skerry, allowing: None) -> None:
    given = skerry("consent", "add", "ada@example.is", READER, "--days", "10", "--json").json
    assert set(given) == {"address", "until"}
    listed = skerry("consent", "list", "ada@example.is", "--json")
    assert [set(row) for row in listed.json] == [{"id", "made", "until"}]
    assert "cleo" not in listed.out
    assert skerry("consent", "revoke", "ada@example.is", READER, "--json").json["revoked"] is True
    assert skerry("consent", "list", "ada@example.is", "--json").json == []
    assert skerry("consent", "revoke", "ada@example.is", READER, "--json").code == 1


def test_a_dry_run_gives_and_takes_nothing(skerry: Skerry, allowing: None) -> None:
    assert skerry("consent", "add", "ada@example.is", READER, "--dry-run", "--json").json["dry_run"] is True
    assert not Consent.objects.exists()
    skerry("consent", "add", "ada@example.is", READER)
    skerry("consent", "revoke", "ada@example.is", READER, "--dry-run")
    assert Consent.objects.count() == 1


def test_where_the_policy_does_not_leave_it_to_authors_it_says_what_else_there_is(skerry: Skerry, ada: Any) -> None:
    refused = skerry("consent", "add", "ada@example.is", READER, "--json")
    assert refused.code == 1
    assert "[link]" in refused.json["error"]


def test_what_is_no_address_is_refused(skerry: Skerry, allowing: None) -> None:
    refused = skerry("consent", "add", "ada@example.is", "cleo", "--json")
    assert refused.code == 1
    assert "no mail address" in refused.json["error"]


def test_the_account_password_opens_the_list_and_nothing_else_does(skerry: Skerry, allowing: None) -> None:
    skerry("consent", "add", "ada@example.is", READER)
    words = ("consent", "list", "ada@example.is", "--open", "--password-stdin", "--json")
    assert skerry(*words, typed="guess\n").code == 1
    assert [row["reader"] for row in skerry(*words, typed=f"{house.ADAS_PASSWORD}\n").json] == [READER]
