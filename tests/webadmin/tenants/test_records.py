"""Law, held mail, access, log and settings: what a tenant reads about itself, and changes with proof."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from jurisdiction import verify_receipt
from jurisdiction.models import PolicyVersion
from jurisdiction.records import operators, policies
from mailhost.models import QueueDestination, QueuedMessage, QueueItem
from tests.provision import house
from tests.webadmin import people
from tests.webadmin.tenants.test_people import box
from webadmin.accounts.models import Account

AT = "/tenants/harbour"
PAGES = [
    "",
    "domains/",
    "mailboxes/",
    "aliases/",
    "law/",
    "law/change/",
    "law/decisions/",
    "outgoing/",
    "access/",
    "log/",
    "programs/",
    "programs/new/",
]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_there_and_says_whose_it_is(ada: Client, page: str) -> None:
    answered = ada.get(f"{AT}/{page}")
    assert answered.status_code == 200
    assert "Harbour" in answered.content.decode()


def test_the_policy_is_explained_with_sources(ada: Client) -> None:
    page = ada.get(f"{AT}/law/").content.decode()
    assert "In short" in page
    assert "Mail may lie in" in page
    assert "Policy version 1" in page


def test_what_would_change_is_shown_before_anything_does(ada: Client) -> None:
    wish = {"preset": "home", "egress_rule": "hold"}
    page = ada.get(f"{AT}/law/change/", wish).content.decode()
    assert "waits for its sender" in page
    assert "not allowed" in page, "without the box, mail programs are shut out"
    assert PolicyVersion.objects.filter(tenant="harbour").count() == 1
    assert ada.post(f"{AT}/law/change/", wish).status_code == 302
    newest = PolicyVersion.objects.filter(tenant="harbour").latest("version")
    assert newest.version == 2
    assert json.loads(newest.document)["access"] == ["sealed"]
    assert "Policy version 2 is in force" in ada.get(f"{AT}/law/").content.decode()


def test_the_same_policy_changes_nothing(ada: Client) -> None:
    page = ada.get(f"{AT}/law/change/", {"preset": "home", "egress_rule": "refuse", "session": "on"}).content.decode()
    assert "this is the policy that is in force" in page


def test_how_long_mail_is_kept_is_among_the_changes(ada: Client) -> None:
    found = policies.in_force("harbour", house.NOTARY.key.verify_key)
    strict = replace(found, retention_days=90)
    policies.adopt("harbour", strict, house.NOTARY, house.NOW)
    page = ada.get(f"{AT}/law/change/", {"preset": "home", "egress_rule": "refuse", "session": "on"}).content.decode()
    assert "Mail is kept" in page
    assert "90 days" in page
    assert "until its owner deletes it" in page
    assert "this is the policy that is in force" not in page


def test_a_policy_that_is_none_is_refused(ada: Client) -> None:
    assert ada.post(f"{AT}/law/change/", {"preset": "moon", "egress_rule": "hold"}).status_code == 422
    assert PolicyVersion.objects.filter(tenant="harbour").count() == 1


def test_changing_the_policy_asks_for_proof(ada: Client) -> None:
    tired = people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER))
    answered = tired.post(f"{AT}/law/change/", {"preset": "home", "egress_rule": "hold"})
    assert answered.headers["Location"].startswith("/account/prove-again/")
    assert PolicyVersion.objects.filter(tenant="harbour").count() == 1


def test_held_mail_is_counts_and_reasons(ada: Client) -> None:
    hour = datetime(2027, 3, 14, 9, tzinfo=UTC)
    ben = box("ben@example.is")
    message = QueuedMessage.objects.create(
        cell=house.CELL, tenant=ben.tenant, mailbox=ben, opaque_id="0" * 32, queued=hour, content=b"sealed"
    )
    for number, reason in enumerate(("tls_required", "tls_required", "unreachable")):
        digest = bytes([number]) * 16
        to = QueueDestination.objects.create(cell=house.CELL, digest=digest, due=hour)
        state = QueueItem.State.HELD if reason == "tls_required" else QueueItem.State.WAITING
        QueueItem.objects.create(
            cell=house.CELL,
            message=message,
            destination=to,
            due=hour,
            queued=hour,
            envelope=b"",
            state=state,
            reason=reason,
        )
    page = ada.get(f"{AT}/outgoing/").content.decode()
    assert "mail leaves here encrypted only" in page
    assert "No host of this domain could be reached." in page
    assert "ben@" not in page


def test_what_operators_did_or_tried_is_read_with_country_and_reason(ada: Client) -> None:
    now = timezone.now()
    session = operators.open_session("ab" * 16, "mo", "IS", "a full disk", house.NOTARY, now, lasts=timedelta(hours=1))
    operators.act(session, "harbour", "tenant show", house.NOTARY, now)
    with pytest.raises(operators.Refused):
        operators.act(session, "harbour", "tenant delete", house.NOTARY, now, dangerous=True)
    operators.act(session, "fjord", "tenant suspend", house.NOTARY, now)
    page = ada.get(f"{AT}/access/").content.decode()
    assert "looked at counts of your organisation" in page
    assert "a full disk" in page
    assert "refused" in page
    assert "suspended your organisation" not in page


def test_the_receipt_is_right_by_the_checker_that_stands_alone(ada: Client, tmp_path: Path) -> None:
    answered = ada.get(f"{AT}/log/receipt")
    assert answered.headers["Content-Disposition"] == 'attachment; filename="harbour-receipt.json"'
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(answered.content)
    key = str(house.NOTARY.log_key)
    assert verify_receipt.main([str(receipt), "--log-key", key]) == 0
    receipt.write_bytes(answered.content.replace(b'"index": 0', b'"index": 1').replace(b"IS", b"IZ"))
    assert verify_receipt.main([str(receipt), "--log-key", key]) != 0


def test_the_settings_hold_all_that_was_chosen_and_no_secret(ada: Client) -> None:
    found = json.loads(ada.get(f"{AT}/settings").content)
    assert [one["name"] for one in found["domains"]] == ["example.is"]
    assert {one["address"] for one in found["mailboxes"]} == {"ada@example.is", "ben@example.is"}
    assert found["policy"]["allow"] == ["IS"]
    assert "cleo" not in json.dumps(found)


@pytest.mark.parametrize("page", [*PAGES, "log/receipt", "settings"])
def test_another_tenants_pages_do_not_exist(cleo: Client, page: str) -> None:
    assert cleo.get(f"{AT}/{page}").status_code == 404
