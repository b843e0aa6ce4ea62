"""Witnessing in both directions: cosigning other cells' checkpoints, and asking others to cosign ours.

As a witness a cell remembers, for each log it was told to watch, the last checkpoint it cosigned, and signs only what
continues that one. The memory is committed before the signature leaves, under a lock of the row: two requests at
once cannot roll it back. As a log, the cell sends its newest checkpoint with the proof from the one that the witness
saw last. How bytes travel is the caller's business (`send`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from nacl.signing import SigningKey

from jurisdiction.ledger.notes import (
    Note,
    NoteError,
    PublicKey,
    cosigned_at,
    parse_checkpoint,
    parse_note,
    parse_signatures,
    verify_note,
)
from jurisdiction.ledger.tree import EMPTY_ROOT
from jurisdiction.ledger.witness import Cosigned, Refused, Request, Seen, consider, parse_request
from jurisdiction.models import CheckpointRow, WitnessedLog
from jurisdiction.notary import Notary
from jurisdiction.records import ledger

CONFLICT: Final = 409  # C2SP tlog-witness: the witness has another size
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness answered over HTTP."""

    status: int
    body: bytes


type Send = Callable[[bytes], Reply]


class NotCosigned(Exception):
    """The witness did not sign; the text says why. A fork shows itself here."""


def witness(data: bytes, logs: Sequence[PublicKey], name: str, key: SigningKey, now: datetime) -> Cosigned | Refused:
    """Consider one request; what a signature rests on is committed when this returns. `name`, `key`: our own."""
    try:
        request = parse_request(data)
        origin = parse_checkpoint(request.note.text).origin
    except NoteError as error:
        return Refused(400, str(error))
    keys = [key for key in logs if key.name == origin]
    if not keys:
        return Refused(404, "this witness does not watch that log")
    with transaction.atomic():
        row, _fresh = WitnessedLog.objects.get_or_create(
            origin=origin, defaults={"size": 0, "root": EMPTY_ROOT, "seen": now}
        )
        row = WitnessedLog.objects.select_for_update().get(pk=row.pk)
        answer = consider(
            request,
            Seen(row.size, bytes(row.root)),
            keys,
            origin,
            name,
            key,
            int(now.timestamp()),
        )
        if isinstance(answer, Cosigned):
            row.size, row.root, row.seen = answer.seen.size, answer.seen.root, now
            row.save()
    return answer


def ask(key: PublicKey, send: Send, notary: Notary, now: datetime) -> CheckpointRow:
    """Have one witness cosign the newest checkpoint. Raises NotCosigned."""
    head = ledger.checkpoint(notary, now)
    note = parse_note(head.note.encode())
    if cosigned_at(note, key) is not None:
        return head
    old = _last_cosigned(key)
    reply = send(_request(old, head, note))
    if reply.status == CONFLICT and reply.body.strip().isdigit():
        # The witness has seen more, or less, than we remember: prove from there, if that is ours.
        old = int(reply.body)
        if old > head.size:
            raise NotCosigned(f"{key.name} has seen {old} entries of this log, and here are only {head.size}")
        reply = send(_request(old, head, note))
    if reply.status != OK:
        raise NotCosigned(f"{key.name} refuses to cosign ({reply.status}): its log of us is not this one")
    try:
        signatures = parse_signatures(reply.body.decode("utf-8"))
        verify_note(Note(note.text, signatures), [key])
    except (NoteError, UnicodeDecodeError) as error:
        raise NotCosigned(f"{key.name} answered without its signature ({error})") from error
    ledger.add_cosignatures(head.size, [one for one in signatures if (one.name, one.key_id) == (key.name, key.id)])
    head.refresh_from_db()
    return head


def _request(old: int, head: CheckpointRow, note: Note) -> bytes:
    return Request(old, tuple(ledger.proof_between(old, head.size)), note).encode()


def _last_cosigned(key: PublicKey) -> int:
    for row in CheckpointRow.objects.filter(note__contains=key.name).order_by("-size")[:10]:
        if cosigned_at(parse_note(row.note.encode()), key) is not None:
            return row.size
    return 0
