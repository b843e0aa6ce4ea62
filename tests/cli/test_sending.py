"""`skerry sending`: grants stay inside a tenant, limits replace the usual ones and can be given back."""

from __future__ import annotations

from mailhost.models import SenderGrant, SendingLimit
from tests.cli.conftest import Skerry
from tests.provision import house


def test_a_grant_is_given_listed_and_taken_back(skerry: Skerry, cell: None) -> None:
    house.invite("ben@example.is")
    made = skerry("sending", "grant", "ben@example.is", "Board@example.is", "--json").json
    assert made == {"mailbox": "ben@example.is", "sends_as": "board@example.is"}
    assert skerry("sending", "grants", "--json").json == [made]
    assert "already" in skerry("sending", "grant", "ben@example.is", "board@example.is").err
    assert skerry("sending", "grant", "ben@example.is", "other@example.is", "--dry-run").code == 0
    assert SenderGrant.objects.count() == 1
    assert skerry("sending", "revoke", "ben@example.is", "board@example.is", "--json").json == made
    assert skerry("sending", "revoke", "ben@example.is", "board@example.is").code == 1
    assert skerry("sending", "grants", "--json").json == []


def test_nobody_is_granted_an_address_of_another_tenant_or_of_nobody(skerry: Skerry, cell: None) -> None:
    house.invite("ben@example.is")
    for address in ("cleo@example.no", "cleo@other.test"):
        assert skerry("sending", "grant", "ben@example.is", address).code == 1
    assert not SenderGrant.objects.exists()


def test_limits_of_a_mailbox_and_of_a_tenant(skerry: Skerry, cell: None) -> None:
    house.invite("ben@example.is")
    of_ben = skerry("sending", "limit", "ben@example.is", "--recipients", "10", "--new", "2", "--json").json
    assert of_ben == {"tenant": "harbour", "mailbox": "ben@example.is", "recipients": 10, "new": 2}
    for recipients in ("100", "200"):
        skerry("sending", "limit", "harbour", "--recipients", recipients, "--new", "20")
    of_all = {"tenant": "harbour", "mailbox": "", "recipients": 200, "new": 20}
    assert sorted(skerry("sending", "limits", "--json").json, key=str) == sorted([of_ben, of_all], key=str)
    assert skerry("sending", "limit", "harbour").code == 2
    assert skerry("sending", "limit", "harbour", "--usual").code == 0
    assert skerry("sending", "limit", "harbour", "--usual").code == 1
    assert SendingLimit.objects.count() == 1
