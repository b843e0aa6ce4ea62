"""Demo tenants with their domains and mailboxes, by the use-cases where there are few and by rows where there are many.

In: how many of each, a seed, the moment, the cell. Out: rows, and the logins of the mailboxes that have keys. What is
there already stays as it is, so a fill that was interrupted is finished by the same call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched
from random import Random
from typing import Final

from django.db import transaction

from jurisdiction.notary import Notary
from mailhost.domaindns.dnscheck import Status
from mailhost.models import Alias, Domain, Folder, Mailbox, MailboxUsage, Subscription, Tenant
from mailhost.provision import domaindns, mailboxes, tenants
from mailhost.provision.claims import AlreadyClaimed
from mailhost.provision.domaindns import Hosted, Line, Looked

PREFIX: Final = "demo-"
KEYED: Final = ("founder", "partner")  # names of the mailboxes with keys, in the first tenants
WITH_KEYS: Final = 2  # tenants that have them: each key costs the time of a password
ROWS: Final = 500  # written at once
_TREES: Final = (
    "alder", "ash", "aspen", "birch", "cedar", "cherry", "elder", "elm", "fir",
    "hazel", "holly", "juniper", "larch", "linden", "maple", "oak", "pine", "rowan",
)  # fmt: skip
_GIVEN: Final = (
    "anna", "bjorn", "carla", "david", "elin", "finn", "greta", "hans", "ines",
    "jon", "katla", "leo", "maria", "nils", "olga", "pavel", "rosa", "sven", "tora",
)  # fmt: skip
_FAMILY: Final = (
    "berg", "dahl", "eik", "foss", "gran", "holm", "isaks", "krog", "lund",
    "moe", "nes", "oye", "rask", "sund", "torp", "vik", "wold", "bakke", "hauge",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """How large the cell is to be; domains and mailboxes are those of all demo tenants together."""

    tenants: int = 3
    domains: int = 9
    mailboxes: int = 60
    seed: int = 1


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A mailbox that can be signed in to. Shown once."""

    address: str
    password: str


@dataclass(frozen=True, slots=True)
class Around:
    """The cell that is filled, at one moment."""

    notary: Notary
    hosted: Hosted
    now: datetime
    quota_bytes: int
    server_key: bytes


def slugs(count: int) -> list[str]:
    """Names of demo tenants, the same every time."""
    rounds = (f"{PREFIX}{tree}{number or ''}" for number in range(count) for tree in _TREES)
    return [slug for slug, _ in zip(rounds, range(count), strict=False)]


def strangers() -> list[str]:
    """Slugs of the tenants that are no demo: a cell with some of them is not filled without being asked twice."""
    rows = Tenant.objects.exclude(slug__startswith=PREFIX).exclude(slug="demo").order_by("slug")
    return list(rows.values_list("slug", flat=True)[:10])


def build(wish: Wish, around: Around, passwords: Sequence[str]) -> list[Login]:
    """Make what is missing; `passwords` are random, one for each mailbox with keys."""
    chance = Random(wish.seed)  # noqa: S311  # believable, and the same every time; nothing secret comes of it
    made = [_tenant(slug, around) for slug in slugs(wish.tenants)]
    _domains(made, wish.domains, chance, around)
    logins = _with_keys(made[:WITH_KEYS], around, iter(passwords))
    _invited(made, wish.mailboxes, chance, around)
    _aliases(made)
    return logins


def _tenant(slug: str, around: Around) -> Tenant:
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        name = slug.removeprefix(PREFIX).capitalize()
        tenants.add(slug, name=name, now=around.now, claims=AlreadyClaimed(), notary=around.notary)
        found = Tenant.objects.get(slug=slug)
    return found


def _domains(houses: Sequence[Tenant], count: int, chance: Random, around: Around) -> None:
    """Domains in turn, each with what the last look at its DNS found; the last of each tenant waits for its proof."""
    there = set(Domain.objects.filter(tenant__in=houses).values_list("name", flat=True))
    for number in range(count):
        tenant, turn = houses[number % len(houses)], number // len(houses)
        name = f"{tenant.slug.removeprefix(PREFIX)}{turn or ''}.test"
        if name in there:
            continue
        proven = turn == 0 or turn % 5 != 2
        row = Domain.objects.create(
            cell=tenant.cell, tenant=tenant, name=name, verified=around.now.date() if proven else None
        )
        if turn % 5 != 4:
            looked = _looked(row, around, chance, proven=proven)
            domaindns.keep(row, looked, told=True)


def _looked(domain: Domain, around: Around, chance: Random, *, proven: bool) -> Looked:
    """What a look found: all right, a few records wrong or missing, or nothing that was added yet."""
    kind = chance.choice(["right", "wrong", "silent"]) if proven else "nothing"
    lines = [_as_found(line, kind, chance) for line in domaindns.standing(domain, around.hosted)]
    return Looked(domain.name, around.now - timedelta(minutes=chance.randrange(5, 600)), tuple(lines))


def _as_found(line: Line, kind: str, chance: Random) -> Line:
    missing = replace(
        line,
        status=Status.MISSING,
        cause="There is no such record, or it is too new to be seen.",
        effect="Mail may not arrive, or may not be believed.",
        step="Add it where your DNS is kept.",
    )
    if kind == "nothing":
        return missing
    if kind == "silent" and chance.random() < 0.3:
        return replace(line, status=Status.UNKNOWN, cause="The name servers did not answer.", step="Look again later.")
    if kind == "wrong" and chance.random() < 0.3:
        wrong = replace(
            line,
            status=Status.WRONG,
            found=("v=spf1 -all",),
            cause="Something else stands there.",
            effect=missing.effect,
            step="Change it to what is expected.",
        )
        return chance.choice([missing, wrong])
    return replace(line, status=Status.OK, found=(line.expected,))


def _with_keys(houses: Sequence[Tenant], around: Around, passwords: Iterator[str]) -> list[Login]:
    logins = []
    for tenant in houses:
        domain = Domain.objects.filter(tenant=tenant, verified__isnull=False).order_by("pk").first()
        for name in KEYED if domain else ():
            address = f"{name}@{domain.name}"  # type: ignore[union-attr]  # the line above
            if Mailbox.objects.filter(address=address).exists():
                continue
            login = Login(address, next(passwords))
            mailboxes.add(
                address,
                login.password,
                notary=around.notary,
                now=around.now,
                quota_bytes=around.quota_bytes,
                server_key=around.server_key,
            )
            logins.append(login)
    return logins


def _invited(houses: Sequence[Tenant], count: int, chance: Random, around: Around) -> None:
    """Many mailboxes whose owners have not made keys yet, a few hundred rows at a time."""
    domains = list(Domain.objects.filter(tenant__in=houses, verified__isnull=False).order_by("pk"))
    taken = set(Mailbox.objects.filter(tenant__in=houses).values_list("address", flat=True))
    numbers = range(len(taken), count) if domains else range(0)
    hour = around.now.replace(minute=0, second=0, microsecond=0)
    for some in batched(numbers, ROWS):
        rows = []
        for number in some:
            domain = domains[number % len(domains)]
            address = f"{chance.choice(_GIVEN)}.{chance.choice(_FAMILY)}{number}@{domain.name}"
            if address not in taken:
                rows.append(_box(domain, address, hour - timedelta(hours=chance.randrange(200)), around))
        _write(rows, chance, around)


def _box(domain: Domain, address: str, invited: datetime, around: Around) -> Mailbox:
    return Mailbox(
        cell=domain.cell,
        tenant_id=domain.tenant_id,
        domain=domain,
        address=address,
        invited_at=invited,
        quota_bytes=around.quota_bytes,
        uidvalidity_next=int(around.now.timestamp()) + 2 * len(mailboxes.FOLDERS),
    )


def _write(rows: Sequence[Mailbox], chance: Random, around: Around) -> None:
    """The boxes with all that a mailbox has from its first moment."""
    first = int(around.now.timestamp())
    with transaction.atomic():
        boxes = Mailbox.objects.bulk_create(rows)
        MailboxUsage.objects.bulk_create(MailboxUsage(mailbox=box) for box in boxes)
        Folder.objects.bulk_create(
            Folder(
                cell=box.cell,
                mailbox=box,
                name=name,
                special_use=special_use,
                opaque_id=f"{chance.getrandbits(128):032x}",
                uidvalidity_sealed=first + 2 * place,
                uidvalidity_session=first + 2 * place + 1,
            )
            for box in boxes
            for place, (name, special_use) in enumerate(mailboxes.FOLDERS)
        )
        Subscription.objects.bulk_create(
            Subscription(mailbox=box, name=name) for box in boxes for name, _use in mailboxes.FOLDERS
        )


def _aliases(houses: Sequence[Tenant]) -> None:
    """An office, a group, and a catch-all for each tenant that has mailboxes."""
    for tenant in houses:
        domain = Domain.objects.filter(tenant=tenant, verified__isnull=False).order_by("pk").first()
        members = list(Mailbox.objects.filter(tenant=tenant, domain=domain).order_by("pk")[:3])
        if domain is None or not members or Alias.objects.filter(domain=domain).exists():
            continue
        wanted = [("office", members[:1]), ("everybody", members)]
        Alias.objects.bulk_create(
            Alias(cell=tenant.cell, domain=domain, address=f"{name}@{domain.name}", mailbox=box)
            for name, boxes in wanted
            for box in boxes
        )
        Domain.objects.filter(pk=domain.pk, catch_all=None).update(catch_all=members[0])
