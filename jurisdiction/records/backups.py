"""Enforcement point 5: where a cell's backup may lie, and how its log goes on from one.

A backup holds every tenant, so every tenant's policy must allow the country it will be kept in and everybody with
power over it. The question is put as one about data under the tenant's own keys: mail in it is sealed to its owners'
keys, and the whole file to a key that is kept offline.

A log that lost its last entries must not go on as if they had never been: witnesses have seen them, and a second
history is what they exist to refuse. So what the log had after the backup is taken from an export, byte by byte,
and an entry says from which witnessed head the cell went on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from jurisdiction.ledger import entries
from jurisdiction.ledger.entries import EntryError, decode
from jurisdiction.ledger.notes import NoteError, PublicKey, open_checkpoint
from jurisdiction.models import CheckpointRow, LedgerEntry
from jurisdiction.notary import Notary
from jurisdiction.phrases import in_words
from jurisdiction.questions import Decision, Place, Verdict
from jurisdiction.records import ledger, policies
from jurisdiction.sentences import in_english, why

POINT = 5  # enforcement point
ASSET = "backup"


class MayNotLie(Exception):
    """Some tenant's policy does not allow a backup there; the text says whose and why."""


class CannotResume(Exception):
    """The export does not continue the log of this backup."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a backup is to be kept: the country, and the countries of everybody with power over it there."""

    country: str
    controllers: tuple[str, ...]


def question(keeping: Keeping) -> Place:
    return Place(ASSET, keeping.country, keeping.controllers, geo="agree", encrypted_client_key=True)


def decide(keeping: Keeping, notary: Notary, on: date) -> dict[str, Decision]:
    """The decision of each tenant's policy. Raises MayNotLie, PolicyForged."""
    found = {
        tenant: notary.decide(question(keeping), policy, on)
        for tenant, policy in policies.all_in_force(notary.key.verify_key)
    }
    refusing = {tenant: one for tenant, one in found.items() if one.verdict is not Verdict.ALLOW}
    if refusing:
        where = in_words(notary.atlas, keeping.country)
        lines = [f"{tenant}: {in_english(why(one, notary.atlas), notary.atlas)}" for tenant, one in refusing.items()]
        raise MayNotLie("\n  ".join([f"a backup of this cell may not be kept in {where}:", *lines]))
    return found


def enter(keeping: Keeping, found: dict[str, Decision], notary: Notary, now: datetime) -> None:
    """Put the decisions on record and into the log: each tenant sees where its data was copied to, and when."""
    with transaction.atomic():
        for tenant, decision in found.items():
            policy = policies.in_force(tenant, notary.key.verify_key)
            policies.record(POINT, question(keeping), ASSET, decision, policy, notary, tenant=tenant, on=now.date())
            tag = notary.tag(policies.TENANT, tenant)
            entry = policies.placement_entry(tag, f"{ASSET}:{keeping.country}", decision, policy, notary, now.date())
            ledger.append([(entry, tag)], notary)


def resume(notary: Notary, witnesses: Sequence[PublicKey], now: datetime, export: str | None = None) -> int:
    """Enter that the cell went on from a backup; how many entries came from the export. Raises CannotResume,
    OtherLedger."""
    with transaction.atomic():
        taken = 0 if export is None else _take_over(export, notary, now)
        head = _last_witnessed(notary, witnesses)
        size, root = (head.size, bytes(head.root).hex()) if head is not None else (0, "")
        ledger.append([(entries.Restore(now.date().isoformat(), size, root), "")], notary)
    return taken


def _last_witnessed(notary: Notary, witnesses: Sequence[PublicKey]) -> CheckpointRow | None:
    """The newest head that somebody outside has signed, or where nobody ever did, the newest."""
    for row in CheckpointRow.objects.order_by("-size").iterator():
        if ledger.witnesses_of(row, notary.log_key, witnesses):
            return row
    return ledger.latest_checkpoint()


def _take_over(export: str, notary: Notary, now: datetime) -> int:
    """Append what the export has beyond the log, after comparing what both have."""
    try:
        bundle = json.loads(export)
        note = bundle["checkpoint"]
        head, _signers = open_checkpoint(note.encode(), notary.log_key)
        texts = [text.encode() for text in bundle["entries"]]
        start, here = head.size - len(texts), ledger.size()
        if not 0 <= start <= here <= head.size:
            raise CannotResume(
                f"the export has entries {start} to {head.size} and the backup has {here}: they must meet"
            )
        own = {row.pk: bytes(row.leaf) for row in LedgerEntry.objects.filter(pk__gte=start)}
        if any(own[index] != texts[index - start] for index in range(start, here)):
            raise CannotResume("the export is of another history than the backup: the log was rewritten")
        taken = [decode(text) for text in texts[here - start :]]
    except (NoteError, EntryError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise CannotResume(f"this is no export of this cell's log ({problem})") from None
    ledger.append([(entry, _subject(entry)) for entry in taken], notary)
    made = ledger.checkpoint(notary, now)
    if bytes(made.root) != head.root:
        raise CannotResume("the export's entries do not lead to the head it was signed under")
    CheckpointRow.objects.filter(pk=made.pk).update(note=note)
    return len(taken)


def _subject(entry: entries.Entry) -> str:
    """The tag an entry is filed under, as those who appended it gave it."""
    match entry:
        case entries.PolicyVersion(tenant=tag) | entries.Placement(tenant=tag) | entries.Relocation(tenant=tag):
            return tag
        case entries.KeyRecord(label=tag) | entries.EvidenceRecord(node=tag):
            return tag
        case entries.OperatorSession(scope=scope):
            return scope if len(scope) == 64 else ""
        case _:
            return ""
