"""Mail that waits to leave: whose, since when, why; try one again, or drop it.

The list is of tenants and reasons. Whose mailbox an item is of and to which domain it goes stands on the item's own
page, and the tenant reads that an operator opened it.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import QueueItem
from mailhost.outbound.notices import WHY
from mailhost.provision import queue
from mailhost.provision.errors import NotFound
from webadmin.cell.keyfiles import read_or_make
from webadmin.console.desk import cut, desk
from webadmin.console.views import deeds
from webadmin.languages import spoken


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """What waits, the oldest first; `?state=held` is what waits for a person."""
    at, rows, state = desk(request), queue.waiting(), request.GET.get("state", "")
    if state in QueueItem.State.values:
        rows = rows.filter(state=state)
    found = cut(request, rows, lambda row: row.message.tenant.slug, at)
    items = [(view, _moment(view.due), _moment(view.queued), why(view.reason)) for view in queue.views(found.rows)]
    about = {"page": found.page, "items": items, "kept_out": found.kept_out, "state": state, "now": at.now}
    return render(request, "console/queue.html", about)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def item(request: HttpRequest, number: int) -> HttpResponse:
    """One item with its destination's domain, which the tenant reads was opened; and another try."""
    at, tenant = desk(request), _tenant(number)
    about: dict[str, object] = {}
    if request.method != "POST":
        refused = deeds.asked(request, at, tenant, f"queue show {number}")
        if refused is not None:
            return refused
        shown = queue.show(number, QueueKeys(settings.ENVIRON.queue_keys, read_or_make), at.notary)
        about = {
            "item": shown,
            "due": _moment(shown.due),
            "queued": _moment(shown.queued),
            "why": why(shown.reason),
        }

    def again(_why: str) -> str:
        queue.retry(number, now=at.now)
        return _("Item %(number)d is tried again now.") % {"number": number}

    deed = deeds.Deed(
        title=_("Item %(number)d") % {"number": number},
        text=_("It is due at once, whatever its last attempt said, and the tenant's policy is asked anew."),
        button=_("Try again now"),
        danger=False,
        tenant=tenant,
        what=f"queue retry {number}",
        do=again,
        back=reverse("console-queue"),
        # A refused form is shown on the plain page: opening the envelope again would be one more look.
        template="console/item.html" if about else "console/deed.html",
    )
    return deeds.page(request, at, deed, about | {"number": number})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def drop(request: HttpRequest, number: int) -> HttpResponse:
    """Remove one item for good."""

    deed = deeds.Deed(
        title=_("Drop item %(number)d") % {"number": number},
        text=_("This copy of the message is removed for good and never sent. Its author is not told: tell them."),
        button=_("Drop it for good"),
        danger=True,
        tenant=_tenant(number),
        what=f"queue drop {number}",
        grave="queue-drop",
        about=str(number),
        back=reverse("console-queue"),
    )
    return deeds.page(request, desk(request), deed)


def why(reason: str) -> str:
    """A reason of the last attempt in words; as it is where nobody wrote a sentence for it."""
    return spoken.text(WHY[reason][1]) if reason in WHY else reason.replace("_", " ")


def _tenant(number: int) -> str:
    try:
        return queue.tenant_of(number)
    except NotFound:
        raise Http404 from None


def _moment(iso: str | None) -> datetime | None:
    return datetime.fromisoformat(iso) if iso else None
