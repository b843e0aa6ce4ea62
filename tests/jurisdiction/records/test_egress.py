"""Egress decisions on record, in batches of the log, and in a tenant's receipt."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jurisdiction.ledger import entries
from jurisdiction.ledger.batches import MAX_BATCH, Leaf, batch
from jurisdiction.ledger.tree import leaf_hash, verify_inclusion
from jurisdiction.models import EgressDecision, LedgerEntry
from jurisdiction.presets import home_policy
from jurisdiction.questions import Decision, Verdict
from jurisdiction.records import egress, ledger, policies
from tests.notaries import notary
from tests.provision import house

NOTARY, NOW = notary("is-1"), house.NOW
TODAY = NOW.date()
POLICY = home_policy("IS")
HELD = Decision(Verdict.HOLD, ("LOC_UNKNOWN", "OFFER_E2E_OR_PORTAL"))

pytestmark = pytest.mark.django_db


def decided(number: int, tenant: str = "harbour", domain: str = "example.com", on: date = TODAY) -> str:
    return egress.record(f"{number:032x}", tenant, domain, "tls", HELD, POLICY, NOTARY, on)


def test_the_same_answer_on_the_same_day_is_one_record() -> None:
    first = decided(1)
    assert decided(2) == first
    assert decided(3, domain="EXAMPLE.com") == first
    assert decided(4, domain="example.org") != first
    assert decided(5, on=TODAY + timedelta(days=1)) != first
    assert decided(6, tenant="reef") != first


def test_the_newest_about_a_destination_is_found_and_nobody_elses() -> None:
    decided(1)
    newest = decided(2, on=TODAY + timedelta(days=1))
    decided(3, domain="example.org", on=TODAY + timedelta(days=2))
    decided(4, tenant="reef", on=TODAY + timedelta(days=2))
    assert egress.newest("harbour", "Example.com", NOTARY) == newest
    assert egress.newest("harbour", "example.net", NOTARY) == ""


def test_a_batch_enters_one_root_and_nothing_about_anybody() -> None:
    for number in range(5):
        decided(number, domain=f"{number}.example.com")
    before = ledger.size()
    assert egress.close_batch(NOTARY, NOW) == 5
    assert egress.close_batch(NOTARY, NOW) == 0
    assert ledger.size() == before + 1
    row = LedgerEntry.objects.get(kind="egress")
    entry = entries.decode(bytes(row.leaf))
    assert isinstance(entry, entries.EgressBatch)
    assert (entry.count, row.subject) == (5, "")
    for one in egress.batched("harbour", NOTARY):
        verify_inclusion(leaf_hash(one.leaf.encode()), one.position, 5, one.proof, bytes.fromhex(entry.root))
        assert one.batch == row.pk


def test_the_order_of_a_batch_is_not_the_order_of_the_days_work() -> None:
    for number in (9, 3, 7):
        decided(number, domain=f"{number}.example.com")
    egress.close_batch(NOTARY, NOW)
    assert [one.leaf.id[-1] for one in egress.batched("harbour", NOTARY)] == ["3", "7", "9"]


def test_each_tenant_has_its_own_under_its_tag() -> None:
    decided(1)
    decided(2, tenant="reef")
    egress.close_batch(NOTARY, NOW)
    [own] = egress.batched("reef", NOTARY)
    assert own.leaf.tenant == NOTARY.tag(policies.TENANT, "reef")


def test_records_go_after_a_while_but_never_before_the_log_has_them() -> None:
    decided(1)
    late = NOW + egress.KEPT + timedelta(days=1)
    assert egress.sweep(late) == 0
    egress.close_batch(NOTARY, NOW)
    assert egress.sweep(NOW + egress.KEPT) == 0
    assert egress.sweep(late) == 1


def test_a_tenant_that_is_deleted_takes_its_records_and_leaves_others_their_proofs() -> None:
    decided(1)
    decided(2, tenant="reef")
    egress.close_batch(NOTARY, NOW)
    policies.forget("harbour", NOW)
    assert EgressDecision.objects.filter(tenant="harbour").count() == 0
    [own] = egress.batched("reef", NOTARY)
    entry = entries.decode(bytes(LedgerEntry.objects.get(kind="egress").leaf))
    assert isinstance(entry, entries.EgressBatch)
    verify_inclusion(leaf_hash(own.leaf.encode()), own.position, 2, own.proof, bytes.fromhex(entry.root))


@pytest.mark.slow  # makes too much
def test_a_batch_of_nothing_or_of_too_much_is_no_batch() -> None:
    leaf = Leaf("1", "2026-11-22", "t", "tls", "hold", (), "p", 1)
    for leaves in ([], [replace(leaf, id=str(number)) for number in range(MAX_BATCH + 1)]):
        with pytest.raises(ValueError, match="a batch holds"):
            batch(leaves)


def test_a_tenants_receipt_holds_its_decisions_with_the_entries_they_rest_on() -> None:
    decided(1)
    decided(2, tenant="reef")
    egress.close_batch(NOTARY, NOW)
    head = ledger.checkpoint(NOTARY, NOW)
    made = json.loads(ledger.receipt([], head, None, egress.batched("reef", NOTARY)))
    [shown] = made["decisions"]
    assert shown["batch"] in [one["index"] for one in made["entries"]]
    assert f"{2:032x}" in shown["decision"]
    assert f"{1:032x}" not in json.dumps(made)
