"""Every page and every list of the interface asks the database as often for thirty of everything as for three."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import Alias, AppPassword, Domain, Job, Mailbox, QueueItem, Tenant
from tests.webadmin import people
from tests.webadmin.api.conftest import Program, token
from tests.webadmin.web.test_access import ADDRESSES, Address
from webadmin.accounts.models import Account
from webadmin.api import door, rates, tokens
from webadmin.api.models import ApiToken
from webadmin.cell import hosting, notarial
from webadmin.cell.keyfiles import read_or_make
from webadmin.filling import happenings, houses
from webadmin.web import access
from webadmin.web.access import Role, Row

FEW, MANY = 3, 30
# What a visit changes: it ends a session, or is done once and leads elsewhere from then on.
LEFT_OUT = {"sign-out"}
# Django's admin is to look at: nobody adds, nobody deletes.
NOBODYS = {one.name for one in ADDRESSES if one.name.startswith("admin:") and one.name.endswith(("_add", "_delete"))}


@dataclass(frozen=True)
class Visit:
    """An address, and how often its answer asked the database."""

    name: str
    path: str
    ask: Callable[[str], int]

    def queries(self) -> int:
        with CaptureQueriesContext(connection) as made:
            status = self.ask(self.path)
        assert status < 500, f"{self.path}: {status}"
        assert status not in {401, 403} or self.name in NOBODYS, f"{self.path}: {status}"
        return len(made)


def grow(each: int) -> Tenant:
    """So many of everything: demo tenants, and all else of the first of them."""
    now = timezone.now()
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    keys = settings.ENVIRON.keys
    around = houses.Around(
        notary, hosting.hosted(settings.ENVIRON), now, 1 << 30, read_or_make(keys / "app-password.key")
    )
    houses.build(houses.Wish(1, each, each), around, [people.ADAS_PASSWORD] * 4)
    houses.build(houses.Wish(each, 0, 0), around, [people.ADAS_PASSWORD] * 4)
    first = Tenant.objects.get(slug=houses.slugs(1)[0])
    things = happenings.Around(
        notary,
        QueueKeys(settings.ENVIRON.queue_keys, read_or_make),
        read_or_make(keys / "correspondent.key"),
        read_or_make(keys / tokens.KEY_FILE),
        now,
    )
    happenings.happen([first], each, each, things)
    domain = Domain.objects.filter(tenant=first).order_by("pk")[0]
    boxes = Mailbox.objects.filter(tenant=first)
    for box in boxes.exclude(alias__address="crew@alder.test"):
        Alias.objects.create(cell=first.cell, domain=domain, address="crew@alder.test", mailbox=box)
    return first


@pytest.fixture
def visits(db: None, monkeypatch: pytest.MonkeyPatch) -> list[Visit]:
    """Every address that the founder of the first demo tenant or the operator Mo may look at."""
    monkeypatch.setattr(door, "BUCKETS", rates.Buckets(rates.Memory(), burst=10**9))
    people.lay_keys()
    first = grow(FEW)
    founder = people.account_of("founder@alder.test", Account.Role.OWNER)
    mo = people.mo()
    people.state(mo)
    numbers = {
        "domain": Domain.objects.filter(tenant=first).order_by("pk")[0].pk,
        "mailbox": Mailbox.objects.get(address="founder@alder.test").pk,
        "item": QueueItem.objects.order_by("pk")[0].pk,
        "job": Job.objects.order_by("pk")[0].pk,
        "alias": Alias.objects.order_by("pk")[0].pk,
        "password": AppPassword.objects.order_by("pk")[0].pk,
        "token": ApiToken.objects.order_by("pk")[0].pk,
    }
    owner, operator = people.signed_in(founder, sudo=True), people.signed_in(mo, sudo=True)
    programs = Program(token(first.slug, name="of the test")), Program(token(None))
    found = []
    for one in ADDRESSES:
        row = access.row_of(one.name)
        assert row is not None
        path = filled(one, first.slug, numbers)
        if one.name in LEFT_OUT or (row.rights and "GET" not in row.rights):
            continue
        if row.rights:
            program = programs[0] if Role.TENANT_ADMIN in row.who else programs[1]
            found.append(Visit(one.name, path, by(program)))
        else:
            found.append(Visit(one.name, path, browse(owner if is_owners(row) else operator)))
    return found


def is_owners(row: Row) -> bool:
    return bool(row.who & {Role.OWNER, Role.TENANT_ADMIN, Role.TENANT_OWNER})


def by(program: Program) -> Callable[[str], int]:
    return lambda path: int(program("GET", path).status_code)


def browse(client: Client) -> Callable[[str], int]:
    return lambda path: client.get(path).status_code


def is_open(one: Address) -> bool:
    return access.row_of(one.name) is access.EVERYBODY


def filled(one: Address, tenant: str, numbers: dict[str, int]) -> str:
    """The address with a tenant and a number that exist."""
    path = one.path.replace("harbour", tenant).removeprefix(
        "/api/v1" if one.name.startswith("api:") and not is_open(one) else ""
    )
    for part, kind in (
        ("app-passwords/1", "password"),
        ("domains/1", "domain"),
        ("mailboxes/1", "mailbox"),
        ("queue/1", "item"),
        ("jobs/1", "job"),
        ("aliases/1", "alias"),
        ("programs/1", "token"),
    ):
        path = path.replace(part, f"{part[:-1]}{numbers[kind]}")
    return path


@pytest.mark.slow
def test_more_of_everything_takes_no_more_queries(visits: list[Visit]) -> None:
    before = {visit: visit.queries() for visit in visits}
    with transaction.atomic():
        grow(MANY)
        after = {visit: visit.queries() for visit in visits}
        transaction.set_rollback(True)
    # The first visit of a page may do what is done once in a session or a process: such a page is asked again.
    before |= {visit: visit.queries() for visit in visits if after[visit] != before[visit]}
    grown = [f"{one.path}: {before[one]} queries, then {after[one]}" for one in visits if after[one] > before[one]]
    assert not grown, "\n".join(grown)
    assert len(before) > 60
