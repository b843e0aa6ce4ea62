"""A tenant's way out: asked for, taken back until the cooling-off ends, then gone.

    in use ──ask──▶ leaving ──restore──▶ as it was
                    leaving ──its time is over──▶ gone

While it is leaving nothing new is stored (senders are asked to come again, 451), nobody sends, and every owner reads
and exports what they have. Then the periodic job removes it: blobs, rows, keys, what waits to leave. The ledger keeps
three hashes of it: that it was asked, with the digest of the settings as they were then; that it was taken back; that
it is gone. A receipt of these entries is what its founder keeps, and it can be asked for when nothing else is left.

What a founder asked for a founder takes back; what an operator began only an operator ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db import transaction

from jurisdiction.ledger import entries
from jurisdiction.ledger.receipts import Placed
from jurisdiction.notary import Notary
from jurisdiction.records import ledger, policies
from mailhost.models import Departure, Tenant
from mailhost.provision import tenants
from mailhost.provision.claims import Claims
from mailhost.provision.errors import IsLeaving
from mailhost.provision.removal import Blobs

COOLING_OFF: Final = timedelta(days=14)  # a holiday: whoever was away still finds everything


class Step(StrEnum):
    """What an entry of the ledger says."""

    ASKED = "asked"
    RESTORED = "restored"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a tenant gone, and why; `why` is read by its people."""

    by_operator: bool
    why: str = ""
    cooling_off: timedelta = COOLING_OFF


def ask(slug: str, wish: Wish, *, notary: Notary, now: datetime) -> Departure:
    """Begin the cooling-off; asking twice changes nothing. Raises NotFound, BadName, NoPolicy."""
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenants.get(slug).pk)
        known = Departure.objects.filter(tenant=tenant).first()
        if known is not None:
            return known
        gone_after = now + wish.cooling_off
        entry = entries.Departure(
            on=now.date().isoformat(),
            tenant=notary.tag(policies.TENANT, tenant.slug),
            step=Step.ASKED,
            until=gone_after.date().isoformat(),
            content=digest(settings_text(tenant, notary, now)),
        )
        (index,) = ledger.append([(entry, entry.tenant)], notary)
        made = Departure.objects.create(
            tenant=tenant,
            asked=now,
            gone_after=gone_after,
            state_before=tenant.state,
            by_operator=wish.by_operator,
            why=" ".join(wish.why.split())[: tenants.MAX_REASON],
            entry=index,
        )
        tenants.put(tenant, Tenant.State.LEAVING, now=now)
    return made


def restore(slug: str, *, by_operator: bool, notary: Notary, now: datetime) -> tenants.TenantView:
    """Keep the tenant after all, as it was before. Raises NotFound, BadName, IsLeaving where it may not be."""
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(pk=tenants.get(slug).pk)
        departure = of(tenant)
        if departure is None:
            raise IsLeaving(f"tenant {slug!r} is not leaving: there is nothing to take back")
        # A removal that has begun has taken the state away, whatever the clock of whoever comes late says.
        if departure.gone_after <= now or tenant.state != Tenant.State.LEAVING:
            raise IsLeaving("the cooling-off is over: what is still there is being removed")
        if departure.by_operator and not by_operator:
            raise IsLeaving("whoever runs this host decided this; only they can take it back")
        tag, day = notary.tag(policies.TENANT, tenant.slug), now.date().isoformat()
        ledger.append([(entries.Departure(day, tag, Step.RESTORED, "", ""), tag)], notary)
        before = Tenant.State(departure.state_before)
        # Leases were renewed meanwhile or were not: whether mail flows is decided by how it stands today.
        state = before if before == Tenant.State.SUSPENDED else tenants.possible(tenant.slug, Tenant.State.ACTIVE)
        departure.delete()
        if state == Tenant.State.SUSPENDED:
            # Since when and why stand in their own row, which has outlived the departure.
            Tenant.objects.filter(pk=tenant.pk).update(state=state)
        else:
            tenants.put(tenant, state, now=now)
    return tenants.show(slug)


def of(tenant: Tenant) -> Departure | None:
    """The tenant's departure, if it is leaving."""
    return Departure.objects.filter(tenant=tenant).first()


def over(now: datetime) -> list[str]:
    """Slugs of the tenants whose time is over, those that wait longest first."""
    rows = Departure.objects.filter(gone_after__lte=now).order_by("gone_after")
    return list(rows.values_list("tenant__slug", flat=True))


def complete(
    now: datetime, *, claims: Claims, blobs: Blobs, outgoing: Blobs, notary: Notary
) -> Iterator[tenants.TenantView]:
    """Remove every tenant whose time is over, one after the other; each as it was.

    One that cannot be removed keeps no other; at the end the first such problem is raised (DirectoryUnreachable).
    """
    failed: list[Exception] = []
    for slug in over(now):
        if not _begin(slug, now):
            continue
        try:
            gone = tenants.remove(slug, claims=claims, blobs=blobs, outgoing=outgoing, notary=notary, now=now)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is this tenant's; others have their day too
            failed.append(problem)
        else:
            yield gone
    if failed:
        raise failed[0]


def _begin(slug: str, now: datetime) -> bool:
    """Asked again right before the removal of each, for those before it took their time: False where it was taken back,
    or another worker was faster and the name is somebody else's by now. After True nobody takes it back."""
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(slug=slug, departure__gone_after__lte=now).first()
        if tenant is None:
            return False
        Tenant.objects.filter(pk=tenant.pk).update(state=Tenant.State.SUSPENDED)
        return True


def story(tag: str, since: int) -> list[Placed]:
    """The entries of one departure: from the one that asked for it to the one that ended it."""
    told: list[Placed] = []
    for one in ledger.entries_of(tag):
        if one.index < since or not isinstance(one.entry, entries.Departure):
            continue
        told.append(one)
        if one.entry.step != Step.ASKED:
            break
    return told


def settings_text(tenant: Tenant, notary: Notary, now: datetime) -> str:
    """All settings of the tenant as JSON, one value an indented line. Raises NoPolicy, PolicyForged."""
    # What knows all settings loads most of the house, for whoever only asks whether a tenant leaves.
    from mailhost.provision import settingsfile  # noqa: PLC0415

    policy = policies.in_force(tenant.slug, notary.key.verify_key)
    return json.dumps(settingsfile.of(tenant, policy, now), ensure_ascii=False, indent=1) + "\n"


def digest(text: str) -> str:
    """SHA-256 in hex, as `sha256sum` prints it."""
    return hashlib.sha256(text.encode()).hexdigest()
