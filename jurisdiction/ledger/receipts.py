"""Receipts a tenant keeps, and exports anyone can read: JSON that `verify_receipt.py` checks offline.

A receipt proves single entries: each with its inclusion proof under a checkpoint, and a consistency proof from an
earlier checkpoint the tenant already held. An export holds *every* entry between two checkpoints together with the
frontier of the earlier one; who reads it recomputes both roots and so knows that nothing was left out. That is what
clients of the key log need. A receipt may also hold egress decisions, each with its way to the root of the batch that
stands in the log. Neither needs the cell to be believed, only its public key and those of the witnesses.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jurisdiction.ledger.batches import Batched
from jurisdiction.ledger.entries import Entry, encode
from jurisdiction.ledger.notes import Note, encode_hash, parse_checkpoint
from jurisdiction.ledger.tree import Frontier, Nodes, consistency_proof, frontier, inclusion_proof

RECEIPT: Final = "skerry-receipt-v1"
EXPORT: Final = "skerry-export-v1"


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry and its place in the log."""

    index: int
    entry: Entry


def receipt(
    nodes: Nodes,
    checkpoint: Note,
    placed: Sequence[Placed],
    previous: Note | None = None,
    decisions: Sequence[Batched] = (),
) -> str:
    """A receipt for these entries under a signed checkpoint, and for egress decisions whose batches are among them.

    Raises ValueError for an entry beyond the checkpoint.
    """
    head = parse_checkpoint(checkpoint.text)
    earlier = None
    if previous is not None:
        old = parse_checkpoint(previous.text)
        proof = consistency_proof(nodes, old.size, head.size)
        earlier = {"checkpoint": str(previous), "proof": [encode_hash(digest) for digest in proof]}
    entries = [
        {
            "index": item.index,
            "entry": encode(item.entry).decode(),
            "proof": [encode_hash(digest) for digest in inclusion_proof(nodes, item.index, head.size)],
        }
        for item in placed
    ]
    made = {"format": RECEIPT, "checkpoint": str(checkpoint), "previous": earlier, "entries": entries}
    if decisions:
        made["decisions"] = [
            {
                "batch": one.batch,
                "position": one.position,
                "decision": one.leaf.encode().decode(),
                "proof": [encode_hash(digest) for digest in one.proof],
            }
            for one in decisions
        ]
    return _json(made)


def export(nodes: Nodes, checkpoint: Note, entries: Sequence[Entry], previous: Note | None = None) -> str:
    """Every entry since the previous checkpoint (or since the beginning), in order. Raises ValueError if some miss."""
    start = 0 if previous is None else parse_checkpoint(previous.text).size
    if start + len(entries) != parse_checkpoint(checkpoint.text).size:
        raise ValueError("an export holds every entry between its two checkpoints")
    before = frontier(nodes, start) if start else Frontier()
    return _json(
        {
            "format": EXPORT,
            "checkpoint": str(checkpoint),
            "previous": None if previous is None else str(previous),
            "frontier": [encode_hash(peak) for peak in before.peaks],
            "entries": [encode(entry).decode() for entry in entries],
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
