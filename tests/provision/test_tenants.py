"""Tenants and domains: claims first, one cell each, nothing left behind."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from jurisdiction.models import LeaseRow, LedgerEntry, PolicyVersion
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.records import policies
from mailhost.models import Alias, Domain, Mailbox, ReportAddress, RouteVersion, SenderGrant, Tenant
from mailhost.provision import aliases, domains, receiving, tenants
from mailhost.provision.claims import Claims, TakenElsewhere
from mailhost.provision.errors import AlreadyThere, BadName, CellExcluded, NotFound, StillInUse
from tests.notaries import notary
from tests.provision import house
from tests.provision.fakes import FakeBlobs, FakeDirectory

pytestmark = pytest.mark.usefixtures("cell")


def test_a_tenant_is_claimed_at_the_directory_and_shown(directory: FakeDirectory) -> None:
    view = tenants.show("harbour")
    assert directory.tenants == {"harbour": "is-1", "fjord": "is-1"}
    assert (view.slug, view.name, view.cell, view.state) == ("harbour", "Harbour", "is-1", "active")
    assert view.domains == ("example.is",)
    assert view.created == "2027-03-14"


def test_a_slug_of_another_cell_is_refused_and_nothing_is_written(directory: FakeDirectory, claims: Claims) -> None:
    directory.tenants["skagen"] = "no-1"
    with pytest.raises(TakenElsewhere):
        tenants.add("skagen", name="", now=house.NOW, claims=claims, notary=house.NOTARY)
    assert not Tenant.objects.filter(slug="skagen").exists()
    assert directory.tenants["skagen"] == "no-1"


def test_a_tenant_made_without_a_policy_may_use_its_cells_country_and_no_other() -> None:
    policy = policies.in_force("harbour", house.NOTARY.key.verify_key)
    assert (policy.allow, policy.backup_allow, policy.operator_allow) == (("IS",), ("IS",), ("IS",))


def test_a_policy_that_excludes_its_own_cell_is_refused_before_the_slug_is_claimed(
    directory: FakeDirectory, claims: Claims
) -> None:
    for policy in (home_policy("NO"), Policy(allow=("IS",), deny_controller_blocs=("FVEY",))):
        by = notary("is-1", ("IS", "US"))
        with pytest.raises(CellExcluded, match="does not let mail lie in the cell is-1 in Iceland"):
            tenants.add("reef", name="", now=house.NOW, claims=claims, notary=by, policy=policy)
    assert "reef" not in directory.tenants
    assert not Tenant.objects.filter(slug="reef").exists()
    assert not PolicyVersion.objects.filter(tenant="reef").exists()


def test_a_deleted_tenant_leaves_hashes_in_the_ledger_and_nothing_else(claims: Claims, blobs: FakeBlobs) -> None:
    entries = LedgerEntry.objects.count()
    tenants.remove("harbour", claims=claims, blobs=blobs, outgoing=FakeBlobs(), notary=house.NOTARY, now=house.NOW)
    assert LedgerEntry.objects.count() == entries + 1, "that it is gone"
    assert not PolicyVersion.objects.filter(tenant="harbour").exists()
    assert not LeaseRow.objects.filter(tenant="harbour").exists()


def test_a_tenant_that_exists_is_refused_and_keeps_its_claim(directory: FakeDirectory, claims: Claims) -> None:
    with pytest.raises(AlreadyThere):
        tenants.add("harbour", name="", now=house.NOW, claims=claims, notary=house.NOTARY)
    assert directory.tenants["harbour"] == "is-1"


def test_a_failure_in_the_cell_gives_a_fresh_claim_back(directory: FakeDirectory, claims: Claims) -> None:
    with pytest.raises(NotFound):
        domains.add("new.is", "nobody", now=house.NOW, claims=claims)
    with pytest.raises(IntegrityError):  # the database's own guard, after the claim
        tenants.add("reef", name="", now=house.NOW, claims=claims, notary=notary("no-1"))
    assert "reef" not in directory.tenants
    assert "new.is" not in directory.domains


def test_an_interrupted_claim_is_taken_up_by_the_next_attempt(directory: FakeDirectory, claims: Claims) -> None:
    directory.domains["late.is"] = "is-1"
    assert domains.add("late.is", "harbour", now=house.NOW, claims=claims).domain == "late.is"


def test_a_name_that_is_no_line_is_refused(claims: Claims) -> None:
    for name in ("a\nb", "x" * 121):
        with pytest.raises(BadName):
            tenants.add("reef", name=name, now=house.NOW, claims=claims, notary=house.NOTARY)


def test_a_domain_added_by_an_operator_is_verified() -> None:
    assert Domain.objects.get(name="example.is").verified == house.NOW.date()
    assert [view.domain for view in domains.listing("fjord")] == ["example.no"]


def test_a_domain_of_another_tenant_cannot_be_added_again(claims: Claims) -> None:
    with pytest.raises(AlreadyThere, match="fjord"):
        domains.add("EXAMPLE.no", "harbour", now=house.NOW, claims=claims)


def test_suspending_is_told_to_the_route_caches_and_saying_it_twice_is_not() -> None:
    before = RouteVersion.objects.get().version
    tenants.set_state("harbour", Tenant.State.SUSPENDED, now=house.NOW)
    after = RouteVersion.objects.get().version
    tenants.set_state("harbour", Tenant.State.SUSPENDED, now=house.NOW)
    assert before < after == RouteVersion.objects.get().version


def test_a_domain_with_mailboxes_is_not_deleted_just_so(claims: Claims, blobs: FakeBlobs) -> None:
    house.invite("ada@example.is")
    with pytest.raises(StillInUse, match="--with-mailboxes"):
        domains.delete("example.is", claims=claims, blobs=blobs)
    assert Domain.objects.filter(name="example.is").exists()


def test_what_names_addresses_of_a_domain_goes_with_it(claims: Claims, blobs: FakeBlobs) -> None:
    harbour = Domain.objects.get(name="example.is").tenant
    house.invite("ada@example.is")
    domains.add("sea.example.is", "harbour", now=house.NOW, claims=claims)
    for domain in ("example.is", "sea.example.is"):
        receiving.count_reports(f"dmarc@{domain}", on=True)
        SenderGrant.objects.create(cell=house.CELL, mailbox=Mailbox.objects.get(), address=f"info@{domain}")
    domains.delete("sea.example.is", claims=claims, blobs=blobs)
    assert [row.address for row in ReportAddress.objects.filter(tenant=harbour)] == ["dmarc@example.is"]
    assert [row.address for row in SenderGrant.objects.all()] == ["info@example.is"]


def test_a_domain_that_nobody_proved_in_time_takes_its_counted_addresses_along() -> None:
    domains.bring("sea.test", "harbour")
    receiving.count_reports("dmarc@sea.test", on=True)
    domains.expire(house.NOW.date())
    assert domains.expire(house.NOW.date() + domains.UNPROVEN_FOR) == 1
    assert not ReportAddress.objects.exists()


def test_deleting_a_tenant_takes_everything_of_it_and_nothing_of_others(
    directory: FakeDirectory, claims: Claims, blobs: FakeBlobs
) -> None:
    house.invite("ada@example.is")
    house.invite("cleo@example.no")
    aliases.add("sales@example.is", "ada@example.is", cell=house.CELL)
    tenants.remove("harbour", claims=claims, blobs=blobs, outgoing=FakeBlobs(), notary=house.NOTARY, now=house.NOW)
    assert [row.address for row in Mailbox.objects.all()] == ["cleo@example.no"]
    assert not Alias.objects.exists()
    assert directory.tenants == {"fjord": "is-1"}
    assert directory.domains == {"example.no": "is-1"}
    with pytest.raises(NotFound):
        tenants.show("harbour")


def test_a_domain_that_nobody_proves_goes_after_a_month_and_a_proven_one_stays() -> None:
    domains.bring("late.is", "harbour")
    today = house.NOW.date()
    assert domains.expire(today) == 0
    assert domains.expire(today + domains.UNPROVEN_FOR - timedelta(days=1)) == 0
    assert domains.expire(today + domains.UNPROVEN_FOR) == 1
    assert sorted(Domain.objects.values_list("name", flat=True)) == ["example.is", "example.no"]
