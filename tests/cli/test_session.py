"""Operators at the command line: an own box needs no ceremony, a real host asks for a reason and a second person."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.utils import timezone

from jurisdiction.models import LedgerEntry, OperatorSession
from jurisdiction.records import proposals
from tests.cli.conftest import Skerry

Setting = Callable[..., None]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A host that others can reach, and whatever settings else."""

    def be(**changed: str) -> None:
        environ = settings.ENVIRON.model_copy(update={"bind": "::", "operator": "mo", **changed})
        monkeypatch.setattr(settings, "ENVIRON", environ)

    return be


def test_on_an_own_box_a_session_opens_by_itself_and_is_written_down(skerry: Skerry, cell: None) -> None:
    skerry("tenant", "suspend", "harbour", "--yes")
    skerry("tenant", "resume", "harbour")
    acts = skerry("session", "acts", "harbour", "--json").json
    assert [act["act"] for act in acts] == ["tenant resume", "tenant suspend"]
    assert OperatorSession.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="operator").count() == 1


def test_on_a_host_nothing_is_done_without_a_reason(skerry: Skerry, cell: None, host: Setting) -> None:
    host()
    refused = skerry("tenant", "suspend", "harbour", "--yes", "--json")
    assert (refused.code, "skerry session open --reason" in refused.json["error"]) == (1, True)
    opened = skerry("session", "open", "--reason", "complaint 4711", "--json").json
    assert (opened["operator"], opened["country"], opened["reason"]) == ("mo", "IS", "complaint 4711")
    assert "second person has to agree" in skerry("tenant", "suspend", "harbour", "--yes", "--json").json["error"]
    assert skerry("tenant", "trust", "harbour").code == 0
    skerry("session", "close", opened["session"][:8])
    assert skerry("tenant", "resume", "harbour").code == 1


def test_deleting_needs_somebody_else_to_agree(skerry: Skerry, cell: None, host: Setting) -> None:
    host()
    one = skerry("session", "open", "--reason", "complaint 4711", "--json").json["session"]
    for words in (("tenant", "delete", "harbour"), ("policy", "set", "harbour", "--preset", "iceland-only")):
        assert "second person has to agree" in skerry(*words, "--yes", "--json").json["error"]
    assert skerry("tenant", "delete", "harbour", "--dry-run").code == 0, "to ask what would happen is no danger"
    assert "not the one who opened" in skerry("session", "approve", one[:8], "--json").json["error"]
    host(operator="ada")
    assert skerry("session", "approve", one[:8], "--json").json["second"] == "ada"
    host()
    assert skerry("policy", "set", "harbour", "--preset", "iceland-only", "--yes").code == 0


def test_where_there_is_one_operator_an_hour_passes_first(skerry: Skerry, cell: None, host: Setting) -> None:
    host(second_person="delay")
    skerry("session", "open", "--reason", "complaint 4711", "--json")
    assert "one operator: wait until" in skerry("tenant", "suspend", "harbour", "--yes", "--json").json["error"]
    OperatorSession.objects.update(opened=timezone.now() - proposals.ALONE_AFTER)
    assert skerry("tenant", "suspend", "harbour", "--yes").code == 0


@pytest.mark.slow
def test_from_a_country_the_tenant_does_not_allow_it_is_neither_shown_nor_touched(
    skerry: Skerry, cell: None, host: Setting
) -> None:
    skerry("policy", "set", "fjord", "--preset", "outside-five-eyes", "--yes")
    host(operator_country="NO", operator_reason="standing order 1")
    assert [row["slug"] for row in skerry("tenant", "list", "--json").json] == ["fjord"]
    assert skerry("mailbox", "list", "--json").json == []
    assert [row["domain"] for row in skerry("domain", "list", "--json").json] == ["example.no"]
    for words in (
        ("tenant", "show", "harbour"),
        ("tenant", "suspend", "harbour", "--yes"),
        ("policy", "explain", "harbour"),
        ("ledger", "show", "harbour"),
        ("domain", "delete", "example.is", "--yes"),
        ("mailbox", "add", "ada@example.is", "--invite"),
        ("session", "open", "--tenant", "harbour", "--reason", "complaint 1"),
    ):
        refused = skerry(*words, "--json")
        assert refused.code == 1, words
        assert "may not sign in from this country" in refused.json["error"], words
    assert skerry("tenant", "show", "fjord").code == 0
    refused_acts = [act for act in skerry("session", "acts", "harbour", "--json").json if act["refused"]]
    assert {act["refused"] for act in refused_acts} == {"OPERATOR_LOC_DENIED"}


def test_sessions_are_listed_and_an_unknown_one_is_said(skerry: Skerry, cell: None, host: Setting) -> None:
    host()
    skerry("session", "open", "--reason", "complaint 1", "--tenant", "harbour", "--hours", "1")
    assert [row["tenant"] for row in skerry("session", "list", "--tenant", "harbour", "--json").json] == ["harbour"]
    assert skerry("session", "list", "--tenant", "fjord", "--json").json == []
    assert "no such session" in skerry("session", "close", "00000000").err
    assert "at most 12 hours" in skerry("session", "open", "--reason", "complaint 1", "--hours", "13").err
    assert "'XX' is no country code" in skerry("session", "open", "--reason", "complaint 1", "--country", "XX").err
