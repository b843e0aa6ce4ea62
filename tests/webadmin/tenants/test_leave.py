"""Leaving and staying before the founder's browser; the page of a departure, which needs no account."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from jurisdiction import verify_receipt
from mailhost.models import Departure, Job, Tenant
from mailhost.provision import leaving, tenants
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.webadmin import people
from webadmin.accounts.models import Account
from webadmin.jobs import tasks

AT = "/tenants/harbour/leave/"


def link(page: str) -> str:
    found = re.search(r"(/departures/[^\"<?]+/)", page)
    assert found
    return found[1]


def test_a_founder_leaves_only_by_the_short_name(ada: Client) -> None:
    assert ada.post(AT, {"slug": "fjord"}).status_code == 422
    assert not Departure.objects.exists()
    assert ada.post(AT, {"slug": " Harbour ", "why": "we move"}).status_code == 302
    departure = Departure.objects.get()
    assert (departure.by_operator, departure.state_before) == (False, "active")
    assert departure.gone_after - departure.asked == timedelta(days=14)
    page = ada.get(AT).content.decode()
    assert "we move" in page
    assert "Stay after all" in page
    assert "Your organisation will be deleted" in ada.get("/tenants/harbour/").content.decode()


def test_the_decision_asks_for_proof_and_is_the_owners_alone(ada: Client) -> None:
    tired = people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER))
    assert tired.post(AT, {"slug": "harbour"}).headers["Location"].startswith("/account/prove-again/")
    admin = people.signed_in(people.account_of("ben@example.is", Account.Role.ADMIN), sudo=True)
    assert admin.post(AT, {"slug": "harbour"}).status_code == 403
    assert "Leave this host" not in admin.get("/tenants/harbour/").content.decode()
    assert not Departure.objects.exists()


def test_who_stays_is_back_at_once(ada: Client) -> None:
    ada.post(AT, {"slug": "harbour"})
    assert ada.post("/tenants/harbour/stay/").status_code == 302
    assert Tenant.objects.get(slug="harbour").state == "active"
    assert "not leaving" in ada.post("/tenants/harbour/stay/", follow=True).content.decode()


def test_what_an_operator_decided_is_explained_and_not_taken_back_here(ada: Client) -> None:
    wish = leaving.Wish(by_operator=True, why="unpaid")
    leaving.ask("harbour", wish, notary=house.NOTARY, now=timezone.now())
    page = ada.get(AT).content.decode()
    assert "only they can take it back" in page
    assert "Stay after all" not in page


def test_the_receipt_proves_the_end_when_no_account_is_left(
    ada: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.post(AT, {"slug": "harbour"})
    path = link(ada.get(AT).content.decode())
    nobody = people.web()
    assert "is leaving" in nobody.get(path).content.decode()
    Departure.objects.update(gone_after=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(tasks, "DirectoryProcess", lambda _environ: FakeDirectory().of(house.CELL))
    tasks.remove_departed(settings.ENVIRON, house.NOTARY, Job(), timezone.now())
    assert not Tenant.objects.filter(slug="harbour").exists()
    assert "Everything is gone" in nobody.get(path).content.decode()
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(nobody.get(f"{path}?receipt").content)
    assert verify_receipt.main([str(receipt), "--log-key", str(house.NOTARY.log_key)]) == 0
    assert b"gone" in receipt.read_bytes()
    assert b"harbour" not in receipt.read_bytes()
    assert ada.get(AT).status_code == 302, "the account went too"


@pytest.mark.parametrize("key", ["x", "WyJ4IiwwXQ:1:a", "0" * 300])
def test_a_link_that_nobody_signed_is_none(ada: Client, key: str) -> None:
    assert people.web().get(f"/departures/{key}/").status_code == 404


def test_everybody_reads_at_sign_in_that_their_organisation_leaves(ada: Client) -> None:
    ada.post(AT, {"slug": "harbour", "why": "we move"})
    assert tenants.show("harbour").state == "leaving"
    ben = people.account_of("ben@example.is")
    assert people.signed_in(ben).get("/account/").status_code == 200, "what is there can be fetched"
