"""Domains: brought, proven, explained, let go; never another tenant's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mailhost.domaindns.dnscheck import Status
from mailhost.models import DkimKey, Domain, DomainCheck
from mailhost.provision import domaindns, domains
from mailhost.provision.claims import DirectoryUnreachable
from mailhost.provision.domaindns import AGAIN
from mailhost.provision.errors import NotProven
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeClaims, FakeDirectory
from tests.provision.test_domaindns import answer
from tests.webadmin.tenants.conftest import number_of
from webadmin.cell import hosting
from webadmin.tenants import surroundings

HOME = "/tenants/harbour/domains/"
QUERIES = 5  # session, account, tenant, count, rows


class Silent(FakeClaims):
    """A directory that does not answer, in the words for an operator."""

    def claim_domain(self, domain: str) -> bool:
        raise DirectoryUnreachable(f"the directory did not answer about {domain}; see the journal")

    def release_domain(self, domain: str) -> None:
        raise DirectoryUnreachable(f"the directory did not answer about {domain}; see the journal")


def bring(client: Client, name: str) -> int:
    """Type a domain's name; the number of its page."""
    page = client.post(HOME, {"domain": name})
    assert page.status_code == 302, page.content.decode()
    return int(page.headers["Location"].rstrip("/").rpartition("/")[2])


def publish(dns: FakeDns, number: int, *, purpose: str = "") -> None:
    """Enter the records that the page shows, or those of one purpose."""
    domain = Domain.objects.select_related("tenant").get(pk=number)
    for record in domaindns.records_of(domain, hosting.hosted(settings.ENVIRON)):
        if purpose in {"", record.purpose.value}:
            dns.add(record.name, answer(record))


def look_again(client: Client, number: int) -> str:
    """Press "Check now" after a while; the page."""
    DomainCheck.objects.filter(domain=number).update(checked="2026-01-01T00:00:00Z")
    client.post(f"{HOME}{number}/")
    return client.get(f"{HOME}{number}/").content.decode()


def test_a_domain_is_brought_explained_proven_and_right(ada: Client, dns: FakeDns) -> None:
    number = bring(ada, "Ada.Example")
    page = ada.get(f"{HOME}{number}/").content.decode()
    assert "waits for your proof" in page
    assert "not checked yet" in page
    page = look_again(ada, number)
    assert "no mail is taken for it" in page
    assert "Add this record where your DNS is kept" in page
    assert Domain.objects.get(pk=number).verified is None
    publish(dns, number, purpose="ownership")
    page = look_again(ada, number)
    assert "is yours: we take mail for it from now on" in page
    assert Domain.objects.get(pk=number).verified is not None
    publish(dns, number)
    page = look_again(ada, number)
    assert "All that is needed is there." in page
    assert "What to do" not in page
    assert "right" in ada.get(HOME).content.decode()


def test_a_brought_domain_has_keys_before_anybody_looks(ada: Client) -> None:
    number = bring(ada, "ada.example")
    assert DkimKey.objects.filter(domain=number).exists()


def test_a_name_is_refused_with_what_was_typed(ada: Client) -> None:
    for typed, words in (("nodot", "has a parent"), ("", "required"), ("example.is", "in your list already")):
        page = ada.post(HOME, {"domain": typed})
        assert page.status_code == 422
        assert words in page.content.decode()
        assert f'value="{typed}"' in page.content.decode() or not typed


def test_whose_a_hosted_domain_is_is_not_said(ada: Client) -> None:
    page = ada.post(HOME, {"domain": "example.no"}).content.decode()
    assert "hosted here already" in page
    assert "fjord" not in page.lower()


def test_nobody_sits_on_anothers_name(ada: Client, cleo: Client, dns: FakeDns) -> None:
    first = bring(ada, "cleo.example")
    page = cleo.post("/tenants/fjord/domains/", {"domain": "cleo.example"})
    assert page.status_code == 302
    assert not Domain.objects.filter(pk=first).exists()
    domains.prove(Domain.objects.get(name="cleo.example"), now=house.NOW, claims=FakeDirectory().of(house.CELL))
    assert "hosted here already" in ada.post(HOME, {"domain": "cleo.example"}).content.decode()


def test_a_domain_that_is_not_proven_has_no_mailboxes(ada: Client) -> None:
    bring(ada, "ada.example")
    with pytest.raises(NotProven):
        domains.proven("ada.example")


@pytest.mark.slow  # as many as there may be
def test_unproven_domains_have_an_end(ada: Client) -> None:
    for number in range(domains.MAX_UNPROVEN):
        bring(ada, f"n{number}.example")
    page = ada.post(HOME, {"domain": "one-more.example"})
    assert page.status_code == 422
    assert "prove or remove" in page.content.decode()


def test_the_same_form_twice_brings_one_domain(ada: Client) -> None:
    form = {"domain": "ada.example", "once": "a" * 22}
    first, second = ada.post(HOME, form), ada.post(HOME, form)
    assert first.headers["Location"] == second.headers["Location"]


def test_a_second_check_waits_a_moment(ada: Client, dns: FakeDns) -> None:
    number = number_of("example.is")
    ada.post(f"{HOME}{number}/")
    before = DomainCheck.objects.get(domain=number).checked
    ada.post(f"{HOME}{number}/")
    assert DomainCheck.objects.get(domain=number).checked == before
    assert "checked a moment ago" in ada.get(f"{HOME}{number}/").content.decode()
    assert timedelta(0) < AGAIN < timedelta(minutes=1)


def test_without_a_resolver_the_records_are_shown_all_the_same(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"resolver": ""}))
    monkeypatch.setattr(hosting, "resolver", lambda _environ: None)
    number = number_of("example.is")
    assert "Check now" not in ada.get(f"{HOME}{number}/").content.decode()
    ada.post(f"{HOME}{number}/")
    assert not DomainCheck.objects.exists()


def test_a_new_value_is_not_called_right_because_the_old_one_was(ada: Client, dns: FakeDns) -> None:
    number = number_of("example.is")
    publish(dns, number)
    ada.post(f"{HOME}{number}/")
    domain = Domain.objects.select_related("tenant").get(pk=number)
    hosted = hosting.hosted(settings.ENVIRON)
    assert {line.status for line in domaindns.standing(domain, hosted)} <= {Status.OK, Status.ADVICE}
    check = DomainCheck.objects.get(domain=number)
    check.results = [line | {"expected": "another"} for line in check.results]
    check.save()
    assert {line.status for line in domaindns.standing(domain, hosted)} == {""}


def test_the_zone_file_holds_what_the_page_shows(ada: Client) -> None:
    answered = ada.get(f"{HOME}{number_of('example.is')}/zone")
    text = answered.content.decode()
    assert text.startswith("$ORIGIN example.is.\n")
    assert "skerry-ownership=" in text
    assert answered.headers["Content-Disposition"] == 'attachment; filename="example.is.zone"'


def test_a_domain_with_mailboxes_stays_and_an_empty_one_goes(ada: Client) -> None:
    full, empty = number_of("example.is"), bring(ada, "ada.example")
    ada.post(f"{HOME}{full}/remove/")
    assert Domain.objects.filter(pk=full).exists()
    assert ada.post(f"{HOME}{empty}/remove/").headers["Location"] == HOME
    assert not Domain.objects.filter(pk=empty).exists()


def test_a_domain_stays_while_the_directory_is_silent_and_the_page_says_so(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bring(ada, "ada.example")
    monkeypatch.setattr(surroundings, "DirectoryProcess", lambda _environ: Silent(FakeDirectory(), house.CELL))
    page = ada.post(f"{HOME}{number}/remove/", follow=True)
    assert (page.status_code, Domain.objects.filter(pk=number).exists()) == (200, True)
    assert "ada.example stays as it is; try again later" in page.content.decode()
    assert "journal" not in page.content.decode(), "what an operator can do is not for a tenant's people"


def test_a_proof_that_the_directory_could_not_be_told_of_counts_once_it_answers(
    ada: Client, dns: FakeDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bring(ada, "ada.example")
    publish(dns, number)
    with monkeypatch.context() as for_now:
        for_now.setattr(surroundings, "DirectoryProcess", lambda _environ: Silent(FakeDirectory(), house.CELL))
        assert "ada.example stays as it is; try again later" in look_again(ada, number)
    assert Domain.objects.get(pk=number).verified is None
    assert "is yours: we take mail for it from now on" in look_again(ada, number)


@pytest.mark.parametrize("rest", ["", "zone", "remove/"])
def test_another_tenants_domain_does_not_exist(ada: Client, cleo: Client, rest: str) -> None:
    number = number_of("example.is")
    for path in (f"/tenants/fjord/domains/{number}/{rest}", f"/tenants/harbour/domains/{number}/{rest}"):
        assert cleo.get(path).status_code == 404
        assert cleo.post(path).status_code in {404, 405}
    assert Domain.objects.filter(pk=number).exists()


@pytest.mark.slow
def test_more_domains_cost_no_more_queries(ada: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ada.get(HOME)
    with django_assert_num_queries(QUERIES):
        ada.get(HOME)
    for number in range(5):
        bring(ada, f"n{number}.example")
    with django_assert_num_queries(QUERIES):
        ada.get(HOME)
