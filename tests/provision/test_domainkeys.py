"""DKIM keys of a domain over a year, with and without a DNS to look at, and as the queue gets them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta

import pytest
from django.db import connection

from mailhost.adapters.database import Readers
from mailhost.adapters.dkimkeys import DatabaseDkimKeys, open_key
from mailhost.mailauth.dkim_key import Algorithm, algorithm_of, key_record
from mailhost.mailauth.resolver import Cname, Txt
from mailhost.models import DkimKey, Domain
from mailhost.ports import StoreUnavailable
from mailhost.provision import domainkeys
from mailhost.seal import HybridIdentity
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeDirectory

IDENTITY = HybridIdentity(bytes(range(32)))
START = date(2027, 3, 14)


@pytest.fixture
def domain(db: None) -> Domain:
    house.found(FakeDirectory().of(house.CELL))
    return Domain.objects.get(name="example.is")


def advance(domain: Domain, after: int = 0, seen: Collection[str] | None = None) -> list[str]:
    steps = domainkeys.advance(domain, today=START + timedelta(days=after), identity=IDENTITY, seen=seen)
    return [f"{step.verb} {step.name}" for step in steps]


def test_without_a_resolver_two_keys_sign_at_once(domain: Domain) -> None:
    assert advance(domain) == ["publish s1", "sign s1", "publish s2", "sign s2"]
    assert advance(domain) == []
    for row in DkimKey.objects.filter(domain=domain):
        private = open_key(bytes(row.private), IDENTITY)
        assert algorithm_of(private) == row.algorithm
        assert key_record(private) == row.record


def test_no_key_signs_before_the_dns_shows_it(domain: Domain) -> None:
    assert advance(domain, seen=()) == ["publish s1", "publish s2"]
    assert advance(domain, 40, seen=()) == []
    assert advance(domain, 40, seen=("s2",)) == ["sign s2"]
    assert advance(domain, 41, seen=("s1",)) == ["sign s1"]


@pytest.mark.slow  # two years, day by day
def test_over_two_years_every_key_changes_and_something_always_signs(domain: Domain) -> None:
    advance(domain)
    first = domainkeys.published(domain)
    for day in range(1, 731):
        advance(domain, day, seen=tuple(domainkeys.awaiting(domain)))
        signing = DkimKey.objects.filter(domain=domain, state="signing").values_list("algorithm", flat=True)
        assert set(signing) == set(Algorithm)
    assert not set(first.values()) & set(domainkeys.published(domain).values())


async def test_seen_follows_aliases_and_knows_another_key() -> None:
    record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    dns = FakeDns(
        {
            "s1._domainkey.example.is": [Cname("s1.example.is.dkim.is-1.example")],
            "s1.example.is.dkim.is-1.example": [Txt(b"k=ed25519 ; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")],
            "s2._domainkey.example.is": [Txt(b"v=DKIM1; k=ed25519; p=" + b"A" * 43 + b"=")],
            "s3._domainkey.example.is": [Txt(record.encode())],
        }
    )
    dns.fail.add("s3._domainkey.example.is")
    names = ("s1", "s2", "s3")
    assert await domainkeys.seen("example.is", dict.fromkeys(names, record), dns) == {"s1"}


@pytest.fixture
def readers() -> Iterator[Readers]:
    made = Readers()
    yield made
    made.close()


@pytest.mark.django_db(transaction=True)
async def test_the_queue_gets_the_signing_keys_of_its_own_tenant(readers: Readers) -> None:
    from asgiref.sync import sync_to_async

    def prepare() -> Domain:
        house.found(FakeDirectory().of(house.CELL))
        found = Domain.objects.get(name="example.is")
        advance(found)
        return found

    domain = await sync_to_async(prepare, thread_sensitive=True)()
    clock = iter(range(0, 10_000, 100))
    keys = DatabaseDkimKeys(readers, IDENTITY, clock=lambda: next(clock))
    found = await keys.signing(domain.tenant_id, "example.is")
    assert [(key.domain, key.selector, key.algorithm) for key in found] == [
        ("example.is", "s1", Algorithm.RSA_SHA256),
        ("example.is", "s2", Algorithm.ED25519_SHA256),
    ]
    assert await keys.signing(domain.tenant_id + 1, "example.is") == ()
    assert await keys.signing(domain.tenant_id, "example.no") == ()
    stranger = DatabaseDkimKeys(readers, HybridIdentity(bytes(32)))
    with pytest.raises(StoreUnavailable):
        await stranger.signing(domain.tenant_id, "example.is")


@pytest.mark.django_db
def test_a_key_of_another_cell_is_refused_by_the_database(domain: Domain) -> None:
    from django.db import DatabaseError

    with pytest.raises(DatabaseError):
        DkimKey.objects.create(
            cell="no-1",
            domain=domain,
            selector="s9",
            state="signing",
            algorithm="x",
            since=START,
            record="",
            private=b"",
        )
    assert connection.vendor in {"sqlite", "postgresql"}
