"""The mailbox's public keys, and where each stands in the cell's append-only log.

The page compares what mail is sealed to with what the log says, and hands out a receipt that is checked elsewhere,
with `verify_receipt.py` and no word of this host. A log that only this host has seen proves little, and is called
unwitnessed.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jurisdiction.ledger.entries import KeyRecord
from jurisdiction.ledger.receipts import Placed
from jurisdiction.models import CheckpointRow
from jurisdiction.notary import Notary
from jurisdiction.records import ledger
from mailhost.models import Mailbox, MailboxKey
from mailhost.provision import activating
from webadmin.cell import notarial, witnessing
from webadmin.owner.views import mailbox_of


@dataclass(frozen=True, slots=True)
class Logged:
    """One public key of the mailbox and its place in the log; `index` None: it is not there."""

    key: MailboxKey
    index: int | None
    signed: bool  # a signed head covers the entry


@require_safe
@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    """The keys, newest first, the head of the log and its witnesses."""
    box = mailbox_of(request)
    notary = notarial.notary(settings.ENVIRON, today=timezone.now().date())
    head, placed = ledger.latest_checkpoint(), _placed(box, notary)
    witnesses = ledger.witnesses_of(head, notary.log_key, witnessing.keys(settings.ENVIRON)) if head else ()
    logged = _logged(box, placed, head)
    about = {
        "logged": logged,
        "missing": any(one.index is None for one in logged),
        "strange": _strange(placed, logged),
        "head": head,
        "root": bytes(head.root).hex() if head else "",
        "witnesses": witnesses,
        "log_key": str(notary.log_key),
        "provable": any(one.signed for one in logged),
    }
    return render(request, "owner/keys.html", about)


@require_safe
@never_cache
def receipt(request: HttpRequest) -> HttpResponse:
    """The mailbox's key entries with their proofs, under the newest signed head; 404 while there is none."""
    notary = notarial.notary(settings.ENVIRON, today=timezone.now().date())
    head = ledger.latest_checkpoint()
    placed = [one for one in _placed(mailbox_of(request), notary) if head is not None and one.index < head.size]
    if head is None or not placed:
        raise Http404
    answer = HttpResponse(ledger.receipt(placed, head), content_type="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="key-receipt.json"'
    return answer


def _placed(box: Mailbox, notary: Notary) -> list[Placed]:
    return ledger.entries_of(activating.log_label(box, notary))


def _logged(box: Mailbox, placed: list[Placed], head: CheckpointRow | None) -> list[Logged]:
    places = {text: one.index for one in placed for text in _identities(one)}
    found = []
    for key in MailboxKey.objects.filter(mailbox=box).order_by("-serial"):
        index = places.get(key.recipient)
        found.append(Logged(key, index, signed=index is not None and head is not None and index < head.size))
    return found


def _strange(placed: list[Placed], logged: list[Logged]) -> int:
    """Keys that the log has for this address and the mailbox has not."""
    own = {one.key.recipient for one in logged}
    return sum(1 for one in placed for text in _identities(one) if text not in own)


def _identities(placed: Placed) -> tuple[str, ...]:
    return placed.entry.identities if isinstance(placed.entry, KeyRecord) else ()
