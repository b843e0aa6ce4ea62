"""The outbound queue as its operator sees and handles it: whose mail waits, since when, why; try again, or drop.

Nothing here opens a message. `show` opens the envelope for the destination's domain, which an operator needs to find
out what is wrong; the recipients' names stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet

from jurisdiction.notary import Notary
from jurisdiction.records import egress
from mailhost.adapters.queueboxes import open_envelope
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import QueueDestination, QueuedMessage, QueueItem, Tenant
from mailhost.provision import tenants
from mailhost.provision.errors import NotFound
from mailhost.seal import CannotOpen

# A list is for a person to read; the oldest come first.
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item. `queued` is rounded down to the hour; `due` is the next attempt, None while the item is held."""

    id: int
    tenant: str
    sender: str
    state: str
    queued: str
    attempts: int
    due: str | None
    told: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits; `oldest` is rounded down to the hour, None for an empty queue."""

    waiting: int
    held: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Mail of one tenant, state and last reason (a code, "" before the first attempt); `oldest` down to the hour."""

    state: str
    reason: str
    messages: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class OpenedView:
    """An item and where it is to go; "" when its key is gone."""

    id: int
    tenant: str
    sender: str
    state: str
    queued: str
    attempts: int
    due: str | None
    reason: str
    destination: str
    recipients: int
    failures: int  # of the destination, in a row
    decision: str  # id of the newest egress decision about the destination, "" before the first


def listing(tenant: str | None = None) -> list[ItemView]:
    """What waits, the oldest first. Raises NotFound for an unknown tenant."""
    rows = waiting()
    if tenant is not None:
        rows = rows.filter(message__tenant=tenants.get(tenant))
    return views(rows[:MAX_LISTED])


def waiting() -> QuerySet[QueueItem]:
    """The items, the oldest first, without what is sealed: for `views`, a page at a time."""
    rows = QueueItem.objects.select_related("message__mailbox", "message__tenant")
    return rows.defer("envelope", "message__content").order_by("queued", "id")


def views(rows: Iterable[QueueItem]) -> list[ItemView]:
    """Rows of `waiting` as an operator may see them."""
    return [_view(row) for row in rows]


def by_reason(tenant: Tenant) -> list[ReasonCount]:
    """How much of a tenant's mail waits, by state and reason, the most first."""
    rows = QueueItem.objects.filter(message__tenant=tenant).values("state", "reason")
    counted = rows.annotate(messages=Count("pk"), oldest=Min("queued")).order_by("state", "-messages", "reason")
    return [ReasonCount(**row) for row in counted]


def depth() -> Depth:
    """How much waits in the whole cell."""
    held = Q(state=QueueItem.State.HELD)
    found = QueueItem.objects.aggregate(
        waiting=Count("pk", filter=~held), held=Count("pk", filter=held), oldest=Min("queued")
    )
    return Depth(**found)


def show(item: int, keys: QueueKeys, notary: Notary) -> OpenedView:
    """One item with its destination. Raises NotFound."""
    row = _get(item)
    view = _view(row)
    box = keys.of(row.queued.astimezone(UTC).date())
    try:
        forwards = open_envelope(box, row.message.opaque_id, bytes(row.envelope))["recipients"] if box else []
    except CannotOpen:
        forwards = []
    destination = forwards[0]["domain"] if forwards else ""
    return OpenedView(
        id=view.id,
        tenant=view.tenant,
        sender=view.sender,
        state=view.state,
        queued=view.queued,
        attempts=view.attempts,
        due=view.due,
        reason=view.reason,
        destination=destination,
        recipients=len(forwards),
        failures=row.destination.failures,
        decision=egress.newest(view.tenant, destination, notary) if destination else "",
    )


def tenant_of(item: int) -> str:
    """Slug of the tenant whose message it is. Raises NotFound."""
    return _view(_get(item)).tenant


def retry(item: int, *, now: datetime) -> ItemView:
    """Make an item due now, a held one too, and forget that its destination failed. Raises NotFound."""
    with transaction.atomic():
        row = _get(item)
        row.state, row.due = QueueItem.State.WAITING, now
        row.save(update_fields=["state", "due"])
        QueueDestination.objects.filter(pk=row.destination_id).update(due=now, failures=0)
    return _view(row)


def drop(item: int) -> ItemView:
    """Remove an item, and its message with the last one. Raises NotFound."""
    with transaction.atomic():
        row = _get(item)
        view = _view(row)
        row.delete()
        # As where mail goes out: whoever removes the message's other item at this moment is waited for.
        QueuedMessage.objects.select_for_update().filter(pk=row.message_id).first()
        if not QueueItem.objects.filter(message=row.message_id).exists():
            QueuedMessage.objects.filter(pk=row.message_id).delete()
    return view


def _get(item: int) -> QueueItem:
    try:
        return (
            QueueItem.objects.select_related("message__mailbox", "message__tenant", "destination")
            .defer("message__content")
            .get(pk=item)
        )
    except QueueItem.DoesNotExist:
        raise NotFound(f"there is no item {item} in the queue; `skerry queue list` shows what waits") from None


def _view(row: QueueItem) -> ItemView:
    held = row.state == QueueItem.State.HELD
    return ItemView(
        id=row.pk,
        tenant=row.message.tenant.slug,
        sender=row.message.mailbox.address,
        state=row.state,
        queued=row.queued.isoformat(),
        attempts=row.attempts,
        due=None if held else row.due.isoformat(),
        told=row.told,
        reason=row.reason,
    )
