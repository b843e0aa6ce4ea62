"""The periodic look at domains: who is told what, once, and sealed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from mailhost.mailauth.resolver import Txt
from mailhost.message.letter import english
from mailhost.models import Domain, DomainCheck, Job, Message
from mailhost.provision import dnsletters, domaindns
from tests.fakedns import FakeDns
from tests.notaries import keys_of
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.provision.test_domaindns import perfect
from webadmin.cell import hosting, keyfiles
from webadmin.jobs import domainwork

HOSTED = hosting.hosted(settings.ENVIRON)


@pytest.fixture
def dns(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    """A perfect DNS for example.is, where Ada is the only one and so the postmaster; nothing about example.no."""
    for name, key in keys_of("is-1").items():
        keyfiles.place(settings.ENVIRON.keys / name, key)
    house.found(FakeDirectory().of("is-1"))
    house.add_ada()
    monkeypatch.setattr(hosting, "hosted", lambda _environ: HOSTED)
    made = perfect(Domain.objects.select_related("tenant").get(name="example.is"), HOSTED)
    monkeypatch.setattr(hosting, "resolver", lambda _environ: made)
    return made


def work(hours: int) -> int:
    """Letters in Ada's mailbox after the job of that hour."""
    domainwork.check_domains(settings.ENVIRON, house.NOTARY, Job(), house.NOW + timedelta(hours=hours))
    return Message.objects.count()


def test_a_change_is_told_once_and_so_is_its_end(dns: FakeDns) -> None:
    assert work(0) == 0
    kept = dns.zone.pop("_dmarc.example.is")
    assert work(1) == 0, "example.is was right, and is looked at daily"
    assert work(25) == 1
    assert work(27) == 1
    dns.zone["_dmarc.example.is"] = kept
    assert work(29) == 2
    assert DomainCheck.objects.get(domain__name="example.is").problems == 0


def test_a_domain_without_anybody_to_tell_is_looked_at_all_the_same(dns: FakeDns) -> None:
    work(0)
    dns.add("_dmarc.example.no", Txt(b"v=DMARC1; p=reject"))
    assert work(2) == 0
    assert DomainCheck.objects.get(domain__name="example.no").checked == house.NOW + timedelta(hours=2)


def test_without_a_resolver_nothing_is_looked_at(dns: FakeDns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "resolver", lambda _environ: None)
    work(0)
    assert not DomainCheck.objects.exists()


def test_the_letter_says_what_to_do(dns: FakeDns) -> None:
    domain = Domain.objects.select_related("tenant").get(name="example.is")
    domaindns.keep(domain, domaindns.look(domain, HOSTED, dns, now=house.NOW), told=True)
    del dns.zone["_dmarc.example.is"]
    looked = domaindns.look(domain, HOSTED, dns, now=house.NOW)
    text = dnsletters.about_changes(looked, now=house.NOW, hostname="mx.example", word="w" * 32, say=english).decode()
    assert "Subject: DNS of example.is: something to do\r\n" in text
    assert "This record is no longer right: TXT _dmarc.example.is\r\n" in text
    assert "It should be:\r\n\r\n    v=DMARC1; p=quarantine\r\n" in text
    assert "What to do next:\r\n\r\n    Add a TXT record named _dmarc" in text
    assert "Still to do" not in text
