"""The cell's log in its database: appending, checkpoints, proofs, receipts, and checking all of it.

Appending locks the one row of the head, so entries of concurrent transactions get an order; a transaction that is
rolled back leaves no gap. The tree needs the head's frontier to append (a few hashes) and its nodes to prove. A
checkpoint is a head that was signed; it is made on a schedule and not with each entry, so that its time tells
nothing about a single act.

Errors: `OtherLedger` when key or origin is not the one the log began with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet

from jurisdiction.ledger import receipts
from jurisdiction.ledger.batches import Batched
from jurisdiction.ledger.entries import NAMES, Entry, EntryError, KeyRecord, decode, encode
from jurisdiction.ledger.notes import (
    Checkpoint,
    Note,
    NoteError,
    PublicKey,
    Signature,
    open_checkpoint,
    parse_checkpoint,
    parse_key,
    parse_note,
    sign_note,
)
from jurisdiction.ledger.tree import (
    HASH_BYTES,
    Frontier,
    Nodes,
    Tree,
    consistency_proof,
    frontier,
    leaf_hash,
    node_hash,
)
from jurisdiction.models import CheckpointRow, LedgerEntry, LedgerHead, LedgerNode
from jurisdiction.notary import Notary

UNWITNESSED: Final = "UNWITNESSED: nobody outside this cell is known to have seen this log"
QUERY: Final = 500  # positions asked for at once; SQLite takes some thousands of parameters, not more


class OtherLedger(Exception):
    """The key file or the origin is not that of this database's log."""


def begin(notary: Notary) -> LedgerHead:
    """The head, made at the first call. Raises OtherLedger."""
    head, _fresh = LedgerHead.objects.get_or_create(
        id=1,
        defaults={"cell": notary.home.cell, "origin": notary.origin, "public_key": str(notary.log_key)},
    )
    if head.public_key != str(notary.log_key):
        raise OtherLedger(
            "ledger.key is not the key this cell's ledger began with: restore the key file; a log never changes its key"
        )
    return head


def stored_origin() -> str | None:
    """The name the log was given when it began."""
    return LedgerHead.objects.filter(id=1).values_list("origin", flat=True).first()


def append(entries: Sequence[tuple[Entry, str]], notary: Notary) -> list[int]:
    """Append entries, each with the tag it is about; their indices. Inside a transaction. Raises OtherLedger."""
    if not connection.in_atomic_block:
        raise RuntimeError("an entry is appended in the transaction of the act it records")
    if not LedgerHead.objects.filter(id=1).exists():
        begin(notary)
    head = LedgerHead.objects.select_for_update().get(id=1)
    if head.public_key != str(notary.log_key):
        begin(notary)  # says what is wrong
    at = _frontier(head)
    rows: list[LedgerEntry] = []
    nodes: list[LedgerNode] = []
    for entry, subject in entries:
        leaf = encode(entry)
        rows.append(LedgerEntry(id=at.size, cell=notary.home.cell, kind=NAMES[type(entry)], subject=subject, leaf=leaf))
        nodes += [LedgerNode(level=level, position=place, digest=hashed) for level, place, hashed in _made(at, leaf)]
        at = at.append(leaf_hash(leaf))
    LedgerEntry.objects.bulk_create(rows)
    LedgerNode.objects.bulk_create(nodes)
    LedgerHead.objects.filter(id=1).update(size=at.size, peaks=b"".join(at.peaks))
    return [row.pk for row in rows]


def _frontier(head: LedgerHead) -> Frontier:
    peaks = bytes(head.peaks)
    return Frontier(head.size, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))


def _made(before: Frontier, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The nodes that become complete with this leaf: itself, and one for each trailing bit of the size."""
    digest, place, peaks = leaf_hash(leaf), before.size, list(before.peaks)
    level = 0
    yield level, place, digest
    while place & 1:
        digest = node_hash(peaks.pop(), digest)
        place >>= 1
        level += 1
        yield level, place, digest


def nodes_for(wanted: Callable[[Nodes], object]) -> Nodes:
    """The nodes that a computation asks for, read with a few queries: it is run once with blanks to see which.

    Raises LookupError when one is missing.
    """
    asked: dict[int, list[int]] = {}

    def note(level: int, position: int) -> bytes:
        asked.setdefault(level, []).append(position)
        return bytes(HASH_BYTES)

    wanted(note)
    found: dict[tuple[int, int], bytes] = {}
    for level, positions in asked.items():
        for chunk in batched(dict.fromkeys(positions), QUERY):
            rows = LedgerNode.objects.filter(level=level, position__in=chunk).values_list("position", "digest")
            found.update({(level, position): bytes(digest) for position, digest in rows})

    def node(level: int, position: int) -> bytes:
        if (level, position) not in found:
            raise LookupError(f"the ledger has lost its node {level}/{position}; restore the database")
        return found[level, position]

    return node


def proof_between(old: int, new: int) -> list[bytes]:
    """The consistency proof from one size of the log to a later one."""
    return consistency_proof(nodes_for(lambda nodes: consistency_proof(nodes, old, new)), old, new)


def checkpoint(notary: Notary, now: datetime) -> CheckpointRow:
    """The newest checkpoint, signed anew if entries have come since. Raises OtherLedger."""
    with transaction.atomic():
        begin(notary)
        head = LedgerHead.objects.select_for_update().get(id=1)
        newest = latest_checkpoint()
        if newest is not None and newest.size == head.size:
            return newest
        root = _frontier(head).root()
        note = sign_note(Checkpoint(notary.origin, head.size, root).text(), notary.origin, notary.key)
        return CheckpointRow.objects.create(size=head.size, root=root, made=now, note=str(note))


def latest_checkpoint() -> CheckpointRow | None:
    return CheckpointRow.objects.order_by("-size").first()


def add_cosignatures(size: int, signatures: Sequence[Signature]) -> None:
    """Put witnesses' signatures under the checkpoint of that size."""
    with transaction.atomic():
        row = CheckpointRow.objects.select_for_update().get(size=size)
        row.note = str(parse_note(row.note.encode()).adding(signatures))
        row.save(update_fields=["note"])


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The newest signed head, as pages, receipts and `skerry doctor` show it; `root` in hex. No witness: the cell
    alone has seen its log, and it must be called unwitnessed."""

    entries_now: int
    size: int
    root: str
    made: datetime
    age: timedelta
    witnesses: tuple[str, ...]

    @property
    def witnessed(self) -> bool:
        return bool(self.witnesses)

    @property
    def sentence(self) -> str:
        """For whoever is about to trust it."""
        return f"witnessed by {', '.join(self.witnesses)}" if self.witnesses else UNWITNESSED


def state(notary: Notary, witnesses: Sequence[PublicKey], now: datetime) -> LedgerState | None:
    """None before the first head was signed. Raises NoteError for a stored head that is damaged."""
    head = latest_checkpoint()
    return None if head is None else state_of(head, notary, witnesses, now)


def state_of(head: CheckpointRow, notary: Notary, witnesses: Sequence[PublicKey], now: datetime) -> LedgerState:
    """The state with this head as the newest. Raises NoteError."""
    seen = witnesses_of(head, notary.log_key, witnesses)
    return LedgerState(size(), head.size, bytes(head.root).hex(), head.made, now - head.made, seen)


def size() -> int:
    """Entries in the log."""
    return LedgerHead.objects.filter(id=1).values_list("size", flat=True).first() or 0


def count(kind: str) -> int:
    """Entries of a kind."""
    return LedgerEntry.objects.filter(kind=kind).count()


def kind_of(entry: Entry) -> str:
    """The word an entry's type is filed under."""
    return NAMES[type(entry)]


def entries_of(subject: str, *, after: int = -1, most: int | None = None) -> list[receipts.Placed]:
    """Entries about a tag, in the order of the log: all of them, or so many behind an index."""
    rows = LedgerEntry.objects.filter(subject=subject, id__gt=after).order_by("id")[:most]
    return [placed_from(row) for row in rows]


def rows_of(subject: str) -> QuerySet[LedgerEntry]:
    """Rows about a tag, the newest first, for `placed_from`, a page at a time."""
    return LedgerEntry.objects.filter(subject=subject).order_by("-id")


def placed_from(row: LedgerEntry) -> receipts.Placed:
    """A row as its index and its entry."""
    return receipts.Placed(row.pk, decode(bytes(row.leaf)))


def key_records(since: int = 0) -> list[KeyRecord]:
    """Every key entry from an index on: what clients of the key log read."""
    rows = LedgerEntry.objects.filter(kind="key", id__gte=since).order_by("id")
    found = (decode(bytes(row.leaf)) for row in rows)
    return [entry for entry in found if isinstance(entry, KeyRecord)]


def receipt(
    placed: Sequence[receipts.Placed],
    under: CheckpointRow,
    previous: Note | None = None,
    decisions: Sequence[Batched] = (),
) -> str:
    """A receipt for these entries under a checkpoint, and for the egress decisions whose batches it covers.

    Raises ValueError for an entry that is newer.
    """
    covered = [one for one in decisions if one.batch < under.size]
    batches = sorted({one.batch for one in covered} - {one.index for one in placed})
    rows = LedgerEntry.objects.filter(pk__in=batches).order_by("pk")
    both = sorted([*placed, *map(placed_from, rows)], key=lambda one: one.index)

    def made(nodes: Nodes) -> str:
        return receipts.receipt(nodes, parse_note(under.note.encode()), both, previous, covered)

    return made(nodes_for(made))


def receipt_of(
    placed: Sequence[receipts.Placed], notary: Notary, now: datetime, decisions: Sequence[Batched] = ()
) -> str:
    """A receipt for these entries, and for the egress decisions that its head covers."""
    return receipt(placed, head_with(placed, notary, now), decisions=decisions)


def head_with(placed: Sequence[receipts.Placed], notary: Notary, now: datetime) -> CheckpointRow:
    """The newest head that has these entries: one that was signed before may have witnesses already."""
    head = latest_checkpoint()
    if head is None or any(one.index >= head.size for one in placed):
        head = checkpoint(notary, now)
    return head


def export(under: CheckpointRow, previous: Note | None = None) -> str:
    """Every entry up to a checkpoint, since the previous one or the beginning."""
    start = 0 if previous is None else parse_checkpoint(previous.text).size
    rows = LedgerEntry.objects.filter(id__gte=start, id__lt=under.size).order_by("id")
    entries = [decode(bytes(row.leaf)) for row in rows.iterator()]

    def made(nodes: Nodes) -> str:
        return receipts.export(nodes, parse_note(under.note.encode()), entries, previous)

    return made(nodes_for(lambda nodes: frontier(nodes, start)))


def witnesses_of(row: CheckpointRow, log: PublicKey, witnesses: Sequence[PublicKey]) -> tuple[str, ...]:
    """Names of the known witnesses under a checkpoint; empty means unwitnessed. Raises NoteError."""
    return tuple(key.name for key in open_checkpoint(row.note.encode(), log, witnesses)[1])


def problems(notary: Notary) -> Iterator[str]:
    """Everything that is wrong with the log, from its bytes up; nothing means that it is whole."""
    head = LedgerHead.objects.filter(id=1).first()
    if head is None:
        if LedgerEntry.objects.exists():
            yield "there are entries but no head: the row was removed"
        return
    if head.public_key != str(notary.log_key):
        yield "the log began with another key than the one in ledger.key"
    tree = Tree()
    for row in LedgerEntry.objects.order_by("id").iterator():
        if row.pk != tree.size:
            yield f"entry {tree.size} is missing"
            return
        yield from _entry_problems(row)
        tree.append(leaf_hash(bytes(row.leaf)))
    yield from _node_problems(tree)
    if tree.size != head.size or tree.frontier().peaks != _frontier(head).peaks:
        yield f"the head says {head.size} entries with another root than the {tree.size} that are there"
    for checkpoint_row in CheckpointRow.objects.order_by("size"):
        yield from _checkpoint_problems(checkpoint_row, tree, head)


def _node_problems(tree: Tree) -> Iterator[str]:
    """The stored nodes against those of the entries: a node that differs names the entry that completed it."""
    stored = 0
    for level, position, digest in LedgerNode.objects.values_list("level", "position", "digest").iterator():
        last = ((position + 1) << level) - 1
        if last >= tree.size:
            yield f"node {level}/{position} belongs to no entry"
        elif bytes(digest) != tree.node(level, position):
            yield f"entry {last} is not the one the tree was built over (node {level}/{position})"
        stored += 1
    expected = sum(tree.size >> level for level in range(tree.size.bit_length()))
    if stored < expected:
        yield f"{expected - stored} nodes of the tree are missing"


def _entry_problems(row: LedgerEntry) -> Iterator[str]:
    try:
        entry = decode(bytes(row.leaf))
    except EntryError as error:
        yield f"entry {row.pk}: {error}"
    else:
        if NAMES[type(entry)] != row.kind:
            yield f"entry {row.pk} is filed as {row.kind} and is {NAMES[type(entry)]}"


def _checkpoint_problems(row: CheckpointRow, tree: Tree, head: LedgerHead) -> Iterator[str]:
    try:
        key = parse_key(head.public_key)
        signed, _witnesses = open_checkpoint(row.note.encode(), key)
    except NoteError as error:
        yield f"the checkpoint of {row.size}: {error}"
        return
    if signed.size > tree.size:
        yield f"a checkpoint of {signed.size} was signed, and only {tree.size} entries are left: the log was cut"
    elif signed.root != tree.root(signed.size):
        yield f"the log was rewritten since the checkpoint of {signed.size} was signed"
