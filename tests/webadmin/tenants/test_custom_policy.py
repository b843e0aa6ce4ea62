"""A policy rule by rule: explained and compared before anything happens, refused with every reason at once."""

from __future__ import annotations

from typing import Any

from django.test import Client

from jurisdiction.models import PolicyVersion
from jurisdiction.policy import Policy
from jurisdiction.presets import PRESETS, from_preset
from jurisdiction.records import policies
from tests.provision import house
from tests.webadmin import people
from webadmin.accounts.models import Account
from webadmin.cell import notarial
from webadmin.tenants.forms import CustomPolicyForm

AT = "/tenants/harbour/law/custom/"
WISH: dict[str, Any] = {
    "allow": "is, no",
    "backup_allow": "IS",
    "operator_allow": "IS",
    "deny_controller_blocs": ["FVEY"],
    "egress_rule": "hold",
    "consent": "on",
    "retention_days": "90",
}


def in_force() -> Policy:
    return policies.in_force("harbour", house.NOTARY.key.verify_key)


def test_the_form_begins_with_the_policy_in_force(ada: Client) -> None:
    page = ada.get(AT).content.decode()
    assert 'value="IS"' in page
    assert "What would change" not in page


def test_looking_changes_nothing_and_sending_decides(ada: Client) -> None:
    page = ada.get(AT, WISH).content.decode()
    assert "90 days" in page
    assert "Norway" in page
    assert PolicyVersion.objects.filter(tenant="harbour").count() == 1
    assert ada.post(AT, WISH).status_code == 302
    found = in_force()
    assert (found.version, found.allow, found.deny_controller_blocs) == (2, ("IS", "NO"), ("FVEY",))
    assert (found.egress_rule, found.consent, found.access, found.retention_days) == ("hold", True, ("sealed",), 90)
    assert "this is the policy that is in force" in ada.get(AT, WISH).content.decode()


def test_every_problem_is_said_and_nothing_happens(ada: Client) -> None:
    page = ada.post(AT, WISH | {"allow": "XX, Iceland, is IS"})
    assert page.status_code == 422
    assert "XX, ICELAND: no country code such as IS." in page.content.decode()
    excluded = ada.post(AT, WISH | {"allow": "NO"})
    assert excluded.status_code == 422
    assert "does not let mail lie in the cell" in excluded.content.decode()
    assert ada.post(AT, WISH | {"deny_controller_blocs": ["MOON"]}).status_code == 422
    assert in_force().version == 1


def test_it_asks_for_proof(ada: Client) -> None:
    tired = people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER))
    assert tired.post(AT, WISH).headers["Location"].startswith("/account/prove-again/")


def test_every_law_that_a_preset_denies_can_be_denied_by_hand() -> None:
    atlas = notarial.installed()
    offered = {value for value, _words in CustomPolicyForm(atlas=atlas).fields["deny_facts"].choices}  # type: ignore[attr-defined]  # Django's field of choices
    for preset in PRESETS:
        assert set(from_preset(preset, atlas, people.TODAY).deny_facts) <= offered
    assert len(offered) > 10
