"""Policies as people write them, as they are signed, and the presets."""

import json
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from jurisdiction.atlas import Atlas
from jurisdiction.homing import Home, excludes
from jurisdiction.policy import (
    MAX_RETENTION_DAYS,
    Policy,
    PolicyErrors,
    PolicyForged,
    SignedPolicy,
    read,
    sign,
    verify,
    warnings,
)
from jurisdiction.presets import PRESETS, UNWANTED, from_preset, home_policy
from jurisdiction.sentences import in_english

TODAY = date(2026, 11, 21)
CELL, MALLORY = SigningKey(b"c" * 32), SigningKey(b"m" * 32)
TABLE: dict[str, Any] = {
    "allow": ["IS", "NO"],
    "deny_blocs": ["FVEY"],
    "backup_allow": ["IS"],
    "operator_allow": ["IS"],
    "deny_facts": ["provider_decryption_duty"],
    "egress_rule": "link",
    "retention_days": 365,
}


def test_a_policy_is_read_as_written(atlas: Atlas) -> None:
    assert read(TABLE, atlas) == Policy(
        allow=("IS", "NO"),
        deny_blocs=("FVEY",),
        backup_allow=("IS",),
        operator_allow=("IS",),
        deny_facts=("provider_decryption_duty",),
        egress_rule="link",
        retention_days=365,
    )


def test_a_policy_comes_back_from_its_canonical_form(atlas: Atlas) -> None:
    policy = read(TABLE, atlas)
    assert read(json.loads(policy.canonical()), atlas) == policy


def test_all_problems_are_reported_at_once(atlas: Atlas) -> None:
    broken = {
        "allow": ["IS", False, "no", "XX"],
        "deny_blocs": ["SIXEYES"],
        "backup_allow": [],
        "operator_allow": "IS",
        "deny_facts": ["witchcraft"],
        "egress_rule": "burn",
        "access": ["session"],
        "consent": "yes",
        "retention_days": MAX_RETENTION_DAYS + 1,
        "version": 0,
        "colour": "blue",
    }
    with pytest.raises(PolicyErrors) as caught:
        read(broken, atlas)
    message = str(caught.value)
    for complaint in (
        "allow holds false. Write country codes in quotes",
        'Write "NO"',
        "unknown country 'XX'",
        "unknown bloc 'SIXEYES'",
        "backup_allow is empty",
        "operator_allow is 'IS'",
        "unknown key 'witchcraft'",
        "egress_rule is 'burn'",
        "access leaves out sealed",
        "consent is 'yes'",
        "retention_days is 36501",
        "version is 0",
        "colour is not a key",
    ):
        assert complaint in message


@pytest.mark.parametrize("name", ["allow", "backup_allow", "operator_allow"])
def test_norway_without_quotes_is_explained_in_every_list(atlas: Atlas, name: str) -> None:
    with pytest.raises(PolicyErrors, match="Without them Norway becomes the value false"):
        read(TABLE | {name: ["IS", False]}, atlas)


def test_a_signed_policy_is_the_tenants() -> None:
    policy = Policy(allow=("IS",))
    assert verify(sign(policy, CELL), CELL.verify_key) == policy


policies = st.builds(
    Policy,
    allow=st.sampled_from([("IS",), ("IS", "NO"), ()]),
    deny_blocs=st.sampled_from([("FVEY",), ("FVEY", "EU"), ("EU", "FVEY")]),
    egress_rule=st.sampled_from(["refuse", "hold", "link"]),
    consent=st.booleans(),
    retention_days=st.integers(0, 9),
    version=st.integers(1, 9),
)


@given(policies, policies)
def test_a_signature_does_not_serve_another_policy(one: Policy, other: Policy) -> None:
    signed = sign(one, CELL)
    assert (one.digest() == other.digest()) == (one == other)
    if one != other:
        with pytest.raises(PolicyForged, match="not signed by this cell"):
            verify(SignedPolicy(other, signed.signature), CELL.verify_key)


@pytest.mark.parametrize("signature", [b"", b"x" * 64, b"x" * 63])
def test_a_forged_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(PolicyForged):
        verify(SignedPolicy(Policy(), signature), CELL.verify_key)
    with pytest.raises(PolicyForged):
        verify(sign(Policy(), MALLORY), CELL.verify_key)


def test_every_field_is_under_the_signature() -> None:
    values = json.loads(Policy().canonical())
    assert set(values) == {field.name for field in fields(Policy)}


def test_a_change_makes_the_next_version() -> None:
    policy = Policy(allow=("IS",), version=4)
    assert policy.successor(allow=("IS", "NO")) == Policy(allow=("IS", "NO"), version=5)


def test_a_policy_that_excludes_its_own_cell_is_found_with_its_reasons(atlas: Atlas) -> None:
    exclusion = excludes(from_preset("iceland-only", atlas, TODAY), Home("no-1", "NO", ("NO",)), atlas, TODAY)
    assert exclusion is not None
    assert exclusion.decision.because == ("NOT_IN_ALLOWLIST", "BLOC_DENIED:14EYES")
    assert exclusion.sentence.startswith("This policy does not let mail lie in the cell no-1 in Norway.")
    assert "Fourteen Eyes" in exclusion.sentence


def test_a_policy_that_holds_everything_in_its_cell_is_found_too(atlas: Atlas) -> None:
    policy = Policy(allow=("IS",), deny_facts=("provider_decryption_duty",))
    exclusion = excludes(policy, Home("is-1", "IS", ("IS",)), atlas, TODAY)
    assert exclusion is not None
    assert "Nobody has verified" in exclusion.sentence


def test_an_unknown_owner_excludes_the_cell(atlas: Atlas) -> None:
    assert excludes(home_policy("IS"), Home("is-1", "IS", ("IS", "??")), atlas, TODAY) is not None
    assert excludes(home_policy("IS"), Home("is-1", "IS", ("IS",)), atlas, TODAY) is None


def test_contradictions_are_warned_of_but_not_refused(atlas: Atlas) -> None:
    policy = read(TABLE | {"deny_blocs": ["14EYES"], "deny_controller_blocs": ["EEA"]}, atlas)
    found = [in_english([one], atlas) for one in warnings(policy, atlas, TODAY)]
    assert any("Norway is allowed and at the same time denied" in warning for warning in found)
    assert any("owners from the European Economic Area are denied" in warning for warning in found)
    assert warnings(home_policy("IS"), atlas, TODAY) == ()


def test_days_to_keep_mail_are_called_a_wish_wherever_warnings_are_shown(atlas: Atlas) -> None:
    (said,) = warnings(read({**TABLE, "deny_blocs": []}, atlas), atlas, TODAY)
    assert "365 days. That is a wish: nothing here deletes mail by its age" in in_english([said], atlas)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid_policies_and_say_what_they_do(atlas: Atlas, preset: str) -> None:
    policy = from_preset(preset, atlas, TODAY)
    assert read(json.loads(policy.canonical()), atlas) == policy
    assert warnings(policy, atlas, TODAY) == ()
    assert PRESETS[preset].sentence.endswith(".")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_country_a_preset_allows_is_allowed_today(atlas: Atlas, preset: str) -> None:
    policy = from_preset(preset, atlas, TODAY)
    for country in policy.allow:
        assert excludes(policy, Home("x-1", country, (country,)), atlas, TODAY) is None


def test_presets_name_a_law_only_where_it_is_known_everywhere(atlas: Atlas) -> None:
    assert from_preset("iceland-only", atlas, TODAY).deny_facts == ()
    looked_up = [
        replace(
            atlas.fact("NZ.provider_decryption_duty"),
            id="IS.provider_decryption_duty",
            jurisdiction="IS",
            value="no",
            state="no",
        )
    ]
    verified = atlas.replacing(looked_up)
    assert from_preset("iceland-only", verified, TODAY).deny_facts == ("provider_decryption_duty",)
    assert from_preset("outside-fourteen-eyes", verified, TODAY).deny_facts == ()
    everywhere = verified.replacing([replace(looked_up[0], state="yes", value="yes")])
    assert from_preset("iceland-only", everywhere, TODAY).deny_facts == ()  # or it would exclude all it allows
    assert all(key in atlas.keys for key in UNWANTED)


def test_outside_fourteen_eyes_means_what_it_says(atlas: Atlas) -> None:
    allowed = set(from_preset("outside-fourteen-eyes", atlas, TODAY).allow)
    assert not allowed & set(atlas.members("14EYES", TODAY))
    assert not set(from_preset("outside-five-eyes", atlas, TODAY).allow) & set(atlas.members("FVEY", TODAY))
    assert set(from_preset("eea-deliverability", atlas, TODAY).allow) == set(atlas.members("EEA", TODAY))
