"""Policies on record: adopted only where they allow their cell, versioned, signed, in the ledger, and forgettable."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jurisdiction.bundle import RollbackRefused, accept
from jurisdiction.ledger.entries import Placement
from jurisdiction.ledger.entries import PolicyVersion as PolicyEntry
from jurisdiction.models import DecisionRecord, LedgerEntry, PolicyVersion
from jurisdiction.policy import Policy, PolicyForged
from jurisdiction.presets import from_preset, home_policy
from jurisdiction.records import facts, ledger, policies
from tests.notaries import atlas, notary

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)
IS1 = notary()


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    return


def test_a_policy_is_signed_versioned_and_entered_in_the_ledger() -> None:
    policies.adopt("harbour", home_policy("IS"), IS1, NOW)
    second = policies.adopt("harbour", from_preset("iceland-only", atlas(), NOW.date()), IS1, NOW)
    assert second.version == 2
    assert policies.in_force("harbour", IS1.key.verify_key) == second
    assert [row.version for row in policies.history("harbour")] == [2, 1]
    tag = IS1.tag("tenant", "harbour")
    entries = [placed.entry for placed in ledger.entries_of(tag)]
    assert [type(one) for one in entries] == [PolicyEntry, Placement, PolicyEntry, Placement]
    assert isinstance(entries[2], PolicyEntry)
    assert (entries[2].policy, entries[2].version) == (second.digest(), 2)
    assert isinstance(entries[3], Placement)
    assert entries[3].verdict == "allow"
    assert DecisionRecord.objects.filter(tenant="harbour", point=1, verdict="allow").count() == 2


def test_no_tenant_is_named_in_the_ledger() -> None:
    policies.adopt("harbour", home_policy("IS"), IS1, NOW)
    assert not any(b"harbour" in bytes(row.leaf) or "harbour" in row.subject for row in LedgerEntry.objects.all())


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        (home_policy("NO"), "not among those the policy allows"),
        (Policy(allow=("NO",), deny_blocs=("9EYES",)), "not among"),
        (Policy(), "not among"),
        (Policy(allow=("IS",), deny_facts=("telecom_retention",)), "traffic"),
        (Policy(allow=("IS",), deny_facts=("mail_metadata_retention_duty",)), "verified"),
    ],
)
def test_a_policy_that_excludes_its_own_cell_is_refused_with_the_explanation(policy: Policy, word: str) -> None:
    with pytest.raises(policies.Excluded, match="This policy does not let mail lie in the cell is-1") as refused:
        policies.adopt("harbour", policy, IS1, NOW)
    assert word in str(refused.value)
    assert not PolicyVersion.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_an_owner_from_a_denied_bloc_excludes_the_cell() -> None:
    policy = Policy(allow=("IS",), deny_controller_blocs=("FVEY",))
    policies.refuse_exclusion(policy, IS1, NOW)
    with pytest.raises(policies.Excluded, match="Five Eyes"):
        policies.refuse_exclusion(policy, notary(controllers=("IS", "US")), NOW)
    with pytest.raises(policies.Excluded, match="not known who controls"):
        policies.refuse_exclusion(policy, notary(controllers=("IS", "??")), NOW)


def test_a_policy_changed_in_the_database_is_not_believed() -> None:
    policies.adopt("harbour", home_policy("IS"), IS1, NOW)
    row = PolicyVersion.objects.get()
    PolicyVersion.objects.update(document=row.document.replace('"IS"', '"US"'))
    with pytest.raises(PolicyForged):
        policies.in_force("harbour", IS1.key.verify_key)


def test_a_tenant_without_a_policy_is_said_to_have_none() -> None:
    with pytest.raises(policies.NoPolicy, match="skerry init"):
        policies.in_force("nobody", IS1.key.verify_key)


def test_a_deleted_tenant_is_forgotten_but_its_versions_are_never_counted_anew() -> None:
    policies.adopt("harbour", home_policy("IS"), IS1, NOW)
    policies.forget("harbour", NOW)
    assert not PolicyVersion.objects.exists()
    assert not DecisionRecord.objects.filter(tenant="harbour").exists()
    assert policies.adopt("harbour", home_policy("IS"), IS1, NOW).version == 2


def test_a_new_facts_bundle_is_entered_once_and_an_older_one_is_refused() -> None:
    facts.accept(IS1, NOW)
    facts.accept(IS1, NOW)
    assert LedgerEntry.objects.filter(kind="facts").count() == 1
    newer = replace(IS1, atlas=replace(atlas(), serial=atlas().serial + 1, digest="cd" * 32))
    facts.accept(newer, NOW)
    assert LedgerEntry.objects.filter(kind="facts").count() == 2
    with pytest.raises(RollbackRefused, match="never taken"):
        accept(atlas(), facts.accepted())
