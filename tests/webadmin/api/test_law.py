"""A program sets a policy, rule by rule, and asks what a change of the law would mean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.webadmin.api.conftest import Program

LAW = "/tenants/harbour/policy"
RULES: dict[str, Any] = {
    "allow": ["IS", "NO"],
    "backup_allow": ["IS"],
    "operator_allow": ["IS"],
    "deny_blocs": ["FVEY"],
    "deny_controller_blocs": ["FVEY", "9EYES"],
    "egress_plain_deny_blocs": ["14EYES"],
    "egress_rule": "link",
}


def test_a_policy_that_denies_blocs_is_put_in_force_as_it_was_sent(ada: Program) -> None:
    made = ada.do("PUT", LAW, {"policy": RULES})
    assert made["version"] == 2
    told = ada.ask(LAW)["policy"]
    assert {name: told[name] for name in RULES} == RULES


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_bloc_that_nobody_knows_is_refused_with_those_there_are(ada: Program, method: str) -> None:
    at = LAW if method == "PUT" else f"{LAW}/weigh"
    problem = ada.do(method, at, {"policy": RULES | {"deny_blocs": ["EYES"]}}, 422)
    assert "14EYES, 9EYES, EEA, EU, FVEY" in problem["detail"]


def test_what_if_the_country_joined_a_bloc_that_the_policy_denies(ada: Program) -> None:
    ada.do("PUT", LAW, {"policy": RULES})
    (effect,) = ada.ask(f"{LAW}/what-if?country=IS&bloc=FVEY&on=2027-07-01")
    assert (effect["before"], effect["after"], effect["because"]) == ("allow", "deny", ["BLOC_DENIED:FVEY"])
    assert effect["move_to"] == "NO"
    assert ada.ask(f"{LAW}/what-if?country=IS&bloc=EU&on=2027-07-01") == []
    assert "there is no bloc" in ada.ask(f"{LAW}/what-if?country=IS&bloc=EYES", 422)["detail"]


def test_days_to_keep_mail_come_back_as_a_wish(ada: Program) -> None:
    (warning,) = ada.do("PUT", LAW, {"policy": RULES | {"retention_days": 30, "allow": ["IS"]}})["warnings"]
    assert "30 days. That is a wish" in warning
