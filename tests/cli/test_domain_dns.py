"""`skerry domain records|check|keys|zone` as an operator types them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.conf import settings

from mailhost.adapters.blobs import FileBlobs
from mailhost.models import DkimKey, Domain, DomainCheck, Job
from tests.cli.conftest import Skerry
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.provision.test_domaindns import perfect
from webadmin.cell import hosting
from webadmin.cli import domaindns, door
from webadmin.cli.door import Cell
from webadmin.environ import Environ
from webadmin.jobs import domainwork


@pytest.fixture
def hosted(skerry: Skerry, cell: None) -> None:
    """Domains with keys."""
    domainwork.rotate_keys(settings.ENVIRON, house.NOTARY, Job(), datetime.now(UTC))


def test_domains_have_keys_and_a_dry_run_leaves_none(skerry: Skerry, hosted: None) -> None:
    keys = skerry("domain", "keys", "example.is", "--json").json
    assert [(key["selector"], key["state"], key["algorithm"]) for key in keys] == [
        ("s1", "signing", "rsa-sha256"),
        ("s2", "signing", "ed25519-sha256"),
    ]
    assert skerry("domain", "add", "other.test", "--tenant", "harbour", "--dry-run").code == 0
    assert DkimKey.objects.count() == 4


def test_records_are_listed_and_importable(skerry: Skerry, hosted: None) -> None:
    listed = skerry("domain", "records", "example.is", "--json").json
    assert listed[0]["name"] == "_skerry.example.is"
    assert {one["purpose"] for one in listed} >= {"ownership", "receiving", "spf", "dkim", "dmarc"}
    zone = skerry("domain", "records", "example.is", "--zone").out
    assert zone.startswith("$ORIGIN example.is.\n")
    assert "v=DKIM1" in zone
    unknown = skerry("domain", "records", "nowhere.test", "--json")
    assert (unknown.code, "not hosted" in unknown.json["error"]) == (1, True)


def test_a_check_without_a_resolver_says_what_to_set(skerry: Skerry, hosted: None) -> None:
    ran = skerry("domain", "check", "example.is", "--json")
    assert ran.code == 1
    assert "SKERRY_RESOLVER" in ran.json["error"]
    assert not DomainCheck.objects.exists()


def test_a_check_says_what_is_expected_found_and_next(
    skerry: Skerry, hosted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "resolver", lambda _environ: FakeDns())
    ran = skerry("domain", "check", "example.is", "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    first = ran.json["records"][0]
    assert (first["status"], first["name"]) == ("missing", "_skerry.example.is")
    assert first["expected"] in first["step"]
    shown = skerry("domain", "check", "example.is")
    assert "next: Add a TXT record named _skerry" in shown.out
    assert DomainCheck.objects.get().problems > 0


def test_lost_keys_are_made_anew_with_consent(skerry: Skerry, hosted: None) -> None:
    rows = DkimKey.objects.filter(domain__name="example.is").values_list("record", flat=True)
    before = set(rows)
    assert skerry("domain", "keys", "example.is", "--renew").code == 2
    assert set(rows.all()) == before
    assert skerry("domain", "keys", "example.is", "--renew", "--yes").code == 0
    assert len(rows.all()) == 2
    assert not set(rows.all()) & before


def test_the_job_makes_missing_keys_and_writes_the_zone(skerry: Skerry, hosted: None) -> None:
    environ: Environ = settings.ENVIRON.model_copy(update={"zone": "is-1.example", "hostname": "mx.is-1.example"})
    domainwork.rotate_keys(environ, house.NOTARY, Job(), datetime.now(UTC))
    assert set(DkimKey.objects.values_list("domain__name", flat=True)) == {"example.is", "example.no"}
    text = (environ.cell_dir / domainwork.ZONE_FILE).read_text()
    assert "s1.example.is.dkim.is-1.example.\tIN\tTXT\t" in text
    assert '_spf.is-1.example.\tIN\tTXT\t"v=spf1 a:mx.is-1.example -all"' in text


def test_the_job_waits_for_the_dns(skerry: Skerry, cell: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "resolver", lambda _environ: FakeDns())
    domainwork.rotate_keys(settings.ENVIRON, house.NOTARY, Job(), datetime.now(UTC))
    assert set(DkimKey.objects.values_list("state", flat=True)) == {"published"}


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that knows nobody else's domains."""
    directory = FakeDirectory().of("is-1")
    monkeypatch.setattr(door, "DirectoryProcess", lambda _environ: directory)


def test_adding_a_domain_looks_at_its_dns_and_says_the_first_step(
    skerry: Skerry, hosted: None, directory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "resolver", lambda _environ: FakeDns())
    shown = skerry("domain", "add", "other.test", "--tenant", "harbour")
    assert shown.code == 0, "what the DNS lacks is no failure of the command"
    told, dns = shown.out.splitlines()
    assert told == "hosting other.test for harbour"
    assert dns.startswith("DNS: ")
    assert "Next: Add a MX record named @ with the value" in dns
    assert "`skerry domain check other.test` shows all of it" in dns
    assert DomainCheck.objects.get(domain__name="other.test").problems > 0
    found = skerry("domain", "add", "third.test", "--tenant", "harbour", "--json").json["dns"]
    assert found["looked"]
    assert found["problems"] > 3
    assert found["next"].startswith("Add a MX record")


def test_a_domain_is_added_without_a_look_where_none_is_wanted_or_possible(
    skerry: Skerry, hosted: None, directory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = skerry("domain", "add", "other.test", "--tenant", "harbour")
    assert (without.code, "set SKERRY_RESOLVER" in without.out) == (0, True)
    monkeypatch.setattr(hosting, "resolver", lambda _environ: FakeDns())
    assert "dns" not in skerry("domain", "add", "third.test", "--tenant", "harbour", "--no-check", "--json").json
    assert not DomainCheck.objects.exists()


def test_an_added_domain_whose_dns_is_right_or_silent_is_told_so(hosted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Domain.objects.select_related("tenant").get(name="example.is")
    dns = perfect(row, hosting.hosted(settings.ENVIRON))
    monkeypatch.setattr(hosting, "resolver", lambda _environ: dns)
    here = Cell(settings.ENVIRON, house.NOW, FakeDirectory().of("is-1"), FileBlobs(settings.ENVIRON.blobs))
    names = list(dns.zone)
    # The operator's word stands for ownership.
    del dns.zone["_skerry.example.is"]
    assert domaindns.first_step(here, "example.is").sentence == "DNS: all is as it should be"
    dns.fail |= set(names)
    silent = domaindns.first_step(here, "example.is")
    assert silent.problems is None
    assert "the DNS did not answer" in silent.sentence
