"""Mailboxes, aliases, groups and catch-alls: through the tenant, and nobody else's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mailhost.models import Alias, Domain, Mailbox
from mailhost.provision import aliases, domains
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.webadmin import people
from tests.webadmin.tenants.conftest import number_of
from webadmin.accounts.models import Account
from webadmin.signup import inviting
from webadmin.tenants.forms import MIB
from webadmin.tenants.models import OwnAct
from webadmin.tenants.views.aliases import DOMAINS

BOXES = "/tenants/harbour/mailboxes/"
ALIASES = "/tenants/harbour/aliases/"
QUERIES = 6  # session, account, tenant, domains, count, rows
ALIAS_QUERIES = 10  # the same with aliases, catch-alls with their count, and mailboxes to choose from


def box(address: str) -> Mailbox:
    """The mailbox of that address."""
    return Mailbox.objects.get(address=address)


def invite(client: Client, local: str) -> str:
    """Invite somebody; the address of their mailbox's page."""
    page = client.post(BOXES, {"local": local, "domain": "example.is"})
    assert page.status_code == 302, page.content.decode()
    return page.headers["Location"]


def test_somebody_is_invited_by_a_link_that_opens(ada: Client) -> None:
    page = ada.get(invite(ada, "dora")).content.decode()
    # The link carries the second in which it was made, so it is taken from the page.
    found = re.search(r"http://localhost(/invite/[^/<]+/)<", page)
    assert found
    assert people.web().get(found[1]).status_code == 200


def test_behind_a_proxy_that_ends_tls_the_link_is_for_tls(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    at = settings.ENVIRON.model_copy(update={"web_origin": "https://mail.example.is"})
    monkeypatch.setattr(settings, "ENVIRON", at)
    page = ada.post(BOXES, {"local": "dora", "domain": "example.is"}, follow=True).content.decode()
    assert re.search(r"https://mail\.example\.is/invite/[^/<]+/<", page)


def test_inviting_again_ends_the_old_link(ada: Client) -> None:
    where = invite(ada, "dora")
    old = inviting.link(box("dora@example.is"))
    ada.post(where, {"act": "invite-again"})
    new = inviting.link(box("dora@example.is"))
    assert new != old
    assert people.web().get(old).status_code == 404
    assert people.web().get(new).status_code == 200


def test_nothing_is_said_of_a_new_link_for_who_came_meanwhile(ada: Client) -> None:
    """The page with the button was open since before the owner made the keys."""
    where = invite(ada, "dora")
    Mailbox.objects.filter(address="dora@example.is").update(state=Mailbox.State.ACTIVE)
    page = ada.post(where, {"act": "invite-again"}, follow=True).content.decode()
    assert "There is a new link" not in page
    assert not OwnAct.objects.filter(act="mailbox-invited-again").exists()


def test_an_alias_that_two_tabs_remove_is_removed_once(ada: Client) -> None:
    aliases.add("sales@example.is", "ada@example.is", cell=house.CELL)
    row = Alias.objects.get()

    def other_tab(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if sql.startswith("SELECT") and Alias._meta.db_table in sql:
            Alias.objects.filter(pk=row.pk).delete()
        return answer

    with connection.execute_wrapper(other_tab):
        page = ada.post(f"{ALIASES}{row.pk}/remove/")
    assert page.status_code == 302
    assert not OwnAct.objects.filter(act="alias-removed").exists(), "the other tab's"


@pytest.mark.parametrize(
    ("local", "domain", "words"),
    [
        ("ben", "example.is", "exists already"),
        ("a b", "example.is", "cannot be an address"),
        ("x", "example.no", "valid choice"),
    ],
)
def test_an_invitation_is_refused_with_what_was_typed(ada: Client, local: str, domain: str, words: str) -> None:
    page = ada.post(BOXES, {"local": local, "domain": domain})
    assert page.status_code == 422
    assert words in page.content.decode()
    assert f'value="{local}"' in page.content.decode()


def test_a_mailbox_is_paused_and_resumed_but_not_ones_own(ada: Client) -> None:
    ben = f"{BOXES}{box('ben@example.is').pk}/"
    Mailbox.objects.filter(address="ben@example.is").update(keyring=b"sealed")
    ada.post(ben, {"act": "pause"})
    assert box("ben@example.is").state == Mailbox.State.SUSPENDED
    assert "paused" in ada.get(ben).content.decode()
    ada.post(ben, {"act": "resume"})
    assert box("ben@example.is").state == Mailbox.State.ACTIVE
    ada.post(f"{BOXES}{box('ada@example.is').pk}/", {"act": "pause"})
    assert box("ada@example.is").state == Mailbox.State.ACTIVE


def test_an_admin_does_not_shut_an_owner_out_and_the_last_owner_stays(ada: Client) -> None:
    adas, bens = (f"{BOXES}{box(address).pk}/" for address in ("ada@example.is", "ben@example.is"))
    ben = people.signed_in(people.account_of("ben@example.is", Account.Role.ADMIN), sudo=True)
    page = ben.post(adas, {"act": "pause"}, follow=True).content.decode()
    assert "only owner" in page
    assert "nobody signs in" not in page
    dora = house.invite("dora@example.is")
    Mailbox.objects.filter(pk=dora.pk).update(state=Mailbox.State.ACTIVE)
    people.account_of("dora@example.is", Account.Role.OWNER)
    assert "only another owner decides" in ben.post(adas, {"act": "pause"}, follow=True).content.decode()
    assert box("ada@example.is").state == Mailbox.State.ACTIVE
    ada.post(f"{BOXES}{dora.pk}/", {"act": "pause"})
    assert box("dora@example.is").state == Mailbox.State.SUSPENDED, "an owner may"
    Mailbox.objects.filter(pk=dora.pk).update(keyring=b"sealed")
    page = ben.post(f"{BOXES}{dora.pk}/", {"act": "resume"}, follow=True).content.decode()
    assert "only another owner decides" in page
    assert "takes mail again" not in page
    assert box("dora@example.is").state == Mailbox.State.SUSPENDED, "an admin does not undo it"
    ada.post(f"{BOXES}{dora.pk}/", {"act": "resume"})
    assert box("dora@example.is").state == Mailbox.State.ACTIVE
    ada.post(f"{BOXES}{dora.pk}/", {"act": "pause"})
    assert "only owner" in ben.post(adas, {"act": "pause"}, follow=True).content.decode()
    ada.post(bens, {"act": "pause"})
    assert box("ben@example.is").state == Mailbox.State.SUSPENDED


def test_a_quota_is_changed_or_refused_at_its_field(ada: Client) -> None:
    ben = f"{BOXES}{box('ben@example.is').pk}/"
    ada.post(ben, {"quota": "512"})
    assert box("ben@example.is").quota_bytes == 512 * MIB
    page = ada.post(ben, {"quota": "0"})
    assert page.status_code == 422
    assert 'value="0"' in page.content.decode()


def test_an_address_with_two_members_is_a_group(ada: Client) -> None:
    for member in ("ada@example.is", "Ben@example.is"):
        answered = ada.post(ALIASES, {"local": "crew", "domain": "example.is", "member": member})
        assert answered.status_code == 302, answered.content.decode()
    page = ada.get(ALIASES).content.decode()
    assert "group of 2" in page
    row = Alias.objects.get(mailbox__address="ben@example.is")
    ada.post(f"{ALIASES}{row.pk}/remove/")
    assert [one.mailbox.address for one in Alias.objects.all()] == ["ada@example.is"]


@pytest.mark.parametrize("member", ["cleo@example.no", "nobody@example.is", "nonsense"])
def test_an_alias_leads_to_ones_own_mailboxes_only(ada: Client, member: str) -> None:
    page = ada.post(ALIASES, {"local": "crew", "domain": "example.is", "member": member})
    assert page.status_code == 422
    assert "There is no mailbox" in page.content.decode()
    assert f'value="{member}"' in page.content.decode()
    assert not Alias.objects.exists()


def test_a_catch_all_leads_to_ones_own_mailbox_or_nowhere(ada: Client) -> None:
    where = f"/tenants/harbour/domains/{number_of('example.is')}/catch-all/"
    ada.post(where, {"member": "cleo@example.no"})
    assert Domain.objects.get(name="example.is").catch_all is None
    ada.post(where, {"member": " Ben@Example.is"})
    assert Domain.objects.get(name="example.is").catch_all == box("ben@example.is")
    ada.post(where, {"member": ""})
    assert Domain.objects.get(name="example.is").catch_all is None


def test_another_tenant_reaches_nothing_by_number(ada: Client, cleo: Client) -> None:
    aliases.add("crew@example.is", "ben@example.is", cell=house.CELL)
    ben, crew, domain = box("ben@example.is").pk, Alias.objects.get().pk, number_of("example.is")
    for tenant in ("fjord", "harbour"):
        at = f"/tenants/{tenant}"
        assert cleo.get(f"{at}/mailboxes/{ben}/").status_code == 404
        assert cleo.post(f"{at}/mailboxes/{ben}/", {"act": "pause"}).status_code == 404
        cleo.post(f"{at}/aliases/{crew}/remove/")
        assert cleo.post(f"{at}/domains/{domain}/catch-all/", {"member": "cleo@example.no"}).status_code == 404
    assert box("ben@example.is").state == Mailbox.State.ACTIVE
    assert Alias.objects.exists()
    assert Domain.objects.get(name="example.is").catch_all is None


@pytest.mark.slow  # many of them
def test_more_mailboxes_and_aliases_cost_no_more_queries(
    ada: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    aliases.add("crew0@example.is", "ben@example.is", cell=house.CELL)
    for path, queries in ((BOXES, QUERIES), (ALIASES, ALIAS_QUERIES)):
        ada.get(path)
        with django_assert_num_queries(queries):
            ada.get(path)
    for number in range(4):
        invite(ada, f"n{number}")
        aliases.add(f"crew{number}@example.is", "ada@example.is", cell=house.CELL)
    for path, queries in ((BOXES, QUERIES), (ALIASES, ALIAS_QUERIES)):
        with django_assert_num_queries(queries):
            ada.get(path)


def test_a_quota_a_pause_and_a_catch_all_ask_for_proof_and_keep_what_was_typed(ada: Client) -> None:
    tired = people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER))
    path = f"/tenants/harbour/mailboxes/{box('ben@example.is').pk}/"
    assert tired.get(path).status_code == 200, "looking needs no proof"
    for form in ({"act": "pause"}, {"quota": "77"}):
        assert tired.post(path, form).headers["Location"].startswith("/account/prove-again/")
    assert box("ben@example.is").state == Mailbox.State.ACTIVE
    assert 'value="77"' in tired.get(path).content.decode()
    number = number_of("example.is")
    answer = tired.post(f"/tenants/harbour/domains/{number}/catch-all/", {"member": "ben@example.is"})
    assert answer.headers["Location"].startswith("/account/prove-again/")
    assert Domain.objects.get(pk=number).catch_all is None


def test_catch_alls_of_many_domains_come_a_page_at_a_time(ada: Client) -> None:
    for number in range(DOMAINS + 1):
        domains.add(f"d{number:02}.example", "harbour", now=house.NOW, claims=FakeDirectory().of(house.CELL))
    first, second = (ada.get(ALIASES, {"domains": number}).content.decode() for number in (1, 2))
    assert first.count("/catch-all/") == DOMAINS
    assert second.count("/catch-all/") == 2
    assert "domains=2" in first
