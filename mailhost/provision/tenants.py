"""Tenants: add, list, show, suspend, resume, and at the end remove.

A tenant has a policy from its first moment; one that excludes this cell is refused before anything is created or
claimed. Then its slug is claimed at the directory, so that it lives in exactly one cell. A suspended tenant keeps
everything; its mailboxes put mail off and refuse logins (the trigger on the state tells the route caches). Removing
takes every domain, mailbox and message with it and can be repeated after a crash: it starts by suspending.
`provision.leaving` says when it comes to that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, Sum

from jurisdiction.ledger import entries
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.records import leases, ledger, policies
from mailhost.models import Departure, Domain, Job, Mailbox, Suspension, Tenant
from mailhost.provision import domains, names
from mailhost.provision.claims import Claims, held
from mailhost.provision.errors import AlreadyThere, BadName, CellExcluded, IsLeaving, NotFound
from mailhost.provision.removal import Blobs, remove_mailbox, remove_queued

MAX_NAME = 120  # the column's width
MAX_REASON = 200  # the same


@dataclass(frozen=True, slots=True)
class TenantView:
    """What an operator may see of a tenant: counts, never correspondents."""

    slug: str
    name: str
    cell: str
    state: str
    created: str  # ISO date
    domains: tuple[str, ...]
    mailboxes: int
    invited: int
    messages: int
    bytes: int  # as stored: sealed, compressed, padded
    reason: str = ""  # of the state, as its people read it
    gone_after: str | None = None  # of one that is leaving, ISO


def get(slug: str) -> Tenant:
    """The tenant. Raises NotFound, BadName."""
    try:
        return Tenant.objects.get(slug=names.slug(slug))
    except Tenant.DoesNotExist:
        raise NotFound(f"there is no tenant {slug!r} in this cell; `skerry tenant list` shows them") from None


def add(
    slug: str,
    *,
    name: str,
    now: datetime,
    claims: Claims,
    notary: Notary,
    policy: Policy | None = None,
    young_until: date | None = None,
) -> TenantView:
    """A new tenant of the notary's cell; without a policy its mail may lie in the cell's country only.

    Raises BadName, AlreadyThere, CellExcluded, TakenElsewhere, DirectoryUnreachable.
    """
    slug = names.slug(slug)
    name = name.strip() or slug
    if len(name) > MAX_NAME or not name.isprintable():
        raise BadName(f"a tenant's name is one line of at most {MAX_NAME} characters")
    _refuse_taken(slug)
    policy = policy or home_policy(notary.home.country)
    try:
        policies.refuse_exclusion(policy, notary, now)
    except policies.Excluded as excluded:
        raise CellExcluded(str(excluded)) from None
    with held(claims.claim_tenant, claims.release_tenant, slug), transaction.atomic():
        _refuse_taken(slug)
        try:
            with transaction.atomic():
                Tenant.objects.create(
                    cell=notary.home.cell, slug=slug, name=name, created=now.date(), young_until=young_until
                )
        except IntegrityError:
            _refuse_taken(slug)  # PostgreSQL lets two ask at the same moment, and somebody was quicker
            raise
        policies.adopt(slug, policy, notary, now)
        leases.renew(slug, notary, now.date())
    return show(slug)


def _refuse_taken(slug: str) -> None:
    if Tenant.objects.filter(slug=slug).exists():
        raise AlreadyThere(f"tenant {slug!r} exists already")


def listing(only: Collection[str] | None = None) -> list[TenantView]:
    """Every tenant of the cell, or those of these slugs, by slug."""
    rows, places = Tenant.objects.order_by("slug"), Domain.objects.order_by("name")
    if only is not None:
        rows, places = rows.filter(slug__in=only), places.filter(tenant__slug__in=only)
    # Counted apart from the rest: joined to it, every mailbox would be a row to sort.
    people = Mailbox.objects.filter(tenant__in=rows).order_by().values("tenant")
    counted = people.annotate(
        all=Count("pk"),
        invited=Count("pk", filter=Q(state=Mailbox.State.INVITED)),
        n=Sum("mailboxusage__messages", default=0),
        size=Sum("mailboxusage__bytes", default=0),
    )
    boxes = {one["tenant"]: one for one in counted}
    nobody = {"all": 0, "invited": 0, "n": 0, "size": 0}
    told = rows.annotate(
        gone_after=Max("departure__gone_after"),
        departure_why=Max("departure__why"),
        suspension_why=Max("suspension__why"),
    )
    hosted: dict[int, list[str]] = {}
    for tenant_id, domain in places.values_list("tenant_id", "name"):
        hosted.setdefault(tenant_id, []).append(domain)
    return [
        TenantView(
            slug=tenant.slug,
            name=tenant.name,
            cell=tenant.cell,
            state=tenant.state,
            created=tenant.created.isoformat(),
            domains=tuple(hosted.get(tenant.pk, ())),
            mailboxes=boxes.get(tenant.pk, nobody)["all"],
            invited=boxes.get(tenant.pk, nobody)["invited"],
            messages=boxes.get(tenant.pk, nobody)["n"],
            bytes=boxes.get(tenant.pk, nobody)["size"],
            reason=tenant.departure_why or tenant.suspension_why or "",
            gone_after=tenant.gone_after.isoformat(timespec="seconds") if tenant.gone_after else None,
        )
        for tenant in told
    ]


def show(slug: str) -> TenantView:
    """One tenant. Raises NotFound, BadName."""
    return listing([get(slug).slug])[0]


def set_state(slug: str, state: Tenant.State, *, now: datetime, reason: str = "") -> TenantView:
    """Suspend or resume; saying it twice changes nothing. Raises NotFound, BadName, IsLeaving.

    A tenant with an open incident is resumed only as far as held. Its people read the `reason`.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=get(slug).pk)
        # With its time over it is suspended, and half of it may be removed already: that is no state to resume.
        if tenant.state == Tenant.State.LEAVING or Departure.objects.filter(tenant=tenant).exists():
            raise IsLeaving(f"tenant {slug!r} is leaving; `skerry tenant restore {slug}` keeps it")
        state = possible(tenant.slug, state)
        if tenant.state != state:
            put(tenant, state, now=now, reason=reason)
    return show(slug)


def possible(slug: str, state: Tenant.State) -> Tenant.State:
    """The state that the tenant can have where `state` is wanted: with an open incident it is held, not active."""
    return Tenant.State.HELD if state == Tenant.State.ACTIVE and leases.is_open(slug, "primary") else state


def put(tenant: Tenant, state: Tenant.State, *, now: datetime, reason: str = "") -> None:
    """Write a state down; of a suspension also since when and why."""
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(state=state)
        if state == Tenant.State.SUSPENDED:
            line = " ".join(reason.split())[:MAX_REASON]
            Suspension.objects.update_or_create(tenant=tenant, defaults={"since": now.date(), "why": line})
        elif state != Tenant.State.LEAVING:
            Suspension.objects.filter(tenant=tenant).delete()


def trust(slug: str) -> TenantView:
    """Lift the hold of a young tenant; saying it twice changes nothing. Raises NotFound, BadName."""
    tenant = get(slug)
    Tenant.objects.filter(pk=tenant.pk).update(young_until=None)
    return show(slug)


def follow(renewals: Iterable[leases.Renewal]) -> None:
    """Take mail or put it off as the leases say; a suspended tenant stays suspended."""
    for renewal in renewals:
        if renewal.kind == "primary":
            before, after = Tenant.State.ACTIVE, Tenant.State.HELD
            if renewal.drift is None:
                before, after = after, before
            Tenant.objects.filter(slug=renewal.tenant, state=before).update(state=after)


def remove(slug: str, *, claims: Claims, blobs: Blobs, outgoing: Blobs, notary: Notary, now: datetime) -> TenantView:
    """Remove the tenant and everything of it, for good; what there was. The ledger has that it went, and its hashes.

    `outgoing` holds the files of the queue. Raises NotFound, BadName, DirectoryUnreachable.
    """
    tenant, gone = get(slug), show(slug)
    # First of all nothing more may come: every other step takes its time. A crash leaves the tenant like this.
    Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED)
    remove_queued(tenant, contents=outgoing)
    # Its mailboxes on the cell's shared domain as well, which stays.
    for box in Mailbox.objects.filter(tenant=tenant).order_by("pk"):
        remove_mailbox(box, blobs=blobs)
    for domain in gone.domains:
        domains.delete(domain, claims=claims, blobs=blobs, with_mailboxes=True)
    # Before the row goes: a directory that does not answer would keep a name that nobody asks it to release again.
    claims.release_tenant(gone.slug)
    with transaction.atomic():
        if Tenant.objects.select_for_update().filter(pk=tenant.pk).first() is None:
            return gone  # another worker was faster, and has said so in the ledger
        tag, day = notary.tag(policies.TENANT, gone.slug), now.date().isoformat()
        ledger.append([(entries.Departure(day, tag, "gone", day, ""), tag)], notary)
        policies.forget(gone.slug, now)
        Job.objects.filter(tenant=gone.slug).delete()
        Tenant.objects.filter(pk=tenant.pk).delete()
    return gone
