"""A cell that an older version made: policies, leases and key entries are made up for, once."""

from __future__ import annotations

import pytest

from jurisdiction.models import LeaseRow, LedgerEntry, LedgerHead, LedgerNode, PolicyVersion
from jurisdiction.records import keys, ledger, policies
from mailhost.models import Tenant
from mailhost.provision import completing
from tests.provision import house

pytestmark = pytest.mark.usefixtures("cell")


def forget() -> None:
    """As if this version had never run."""
    for model in (PolicyVersion, LeaseRow, LedgerEntry, LedgerNode, LedgerHead):
        model.objects.all().delete()


def test_what_is_missing_is_made_once_and_what_is_there_stays() -> None:
    ada = house.add_ada()
    forget()
    completing.complete(house.NOTARY, house.NOW)
    for slug in ("harbour", "fjord"):
        assert policies.in_force(slug, house.NOTARY.key.verify_key).allow == ("IS",)
        assert LeaseRow.objects.filter(tenant=slug, kind="primary").exists()
    [record] = keys.records_of(keys.label_of(ada.address, house.NOTARY))
    assert record.identities == (ada.public_key,)
    entries = LedgerEntry.objects.count()
    completing.complete(house.NOTARY, house.NOW)
    assert LedgerEntry.objects.count() == entries
    assert list(ledger.problems(house.NOTARY)) == []


def test_a_tenant_stays_active_and_an_empty_cell_is_complete_at_once() -> None:
    forget()
    completing.complete(house.NOTARY, house.NOW)
    assert {row.state for row in Tenant.objects.all()} == {"active"}
    Tenant.objects.all().delete()
    completing.complete(house.NOTARY, house.NOW)


def test_a_mailbox_made_again_stands_in_the_log_as_an_unsigned_successor() -> None:
    from mailhost.provision import mailboxes
    from tests.provision.fakes import FakeBlobs

    first = house.add_ada()
    mailboxes.delete("ada@example.is", blobs=FakeBlobs())
    second = house.add_ada()
    old, new = keys.records_of(keys.label_of(first.address, house.NOTARY))
    assert (old.identities, new.identities) == ((first.public_key,), (second.public_key,))
    assert (new.serial, new.signature) == (2, ""), "a sender who knew the first key is asked before using this one"
