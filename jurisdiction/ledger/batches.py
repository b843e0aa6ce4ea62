"""Many egress decisions as one entry of the log: the root of a Merkle tree over them.

Single entries would tell every reader of the log when somebody writes to somebody. A batch tells only that some
decisions were made since the last one. A tenant holds its own decisions with the proof that the batch covers them:
the host cannot change one afterwards, or say that it never made it.

A leaf is a decision's canonical text under a context line of its own, so that no leaf is ever taken for an entry of
the log. It names no destination; its random id stands on the queue item and in the notice to the sender.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from jurisdiction.ledger.tree import Tree, leaf_hash

CONTEXT: Final = b"skerry-egress-v1\n"
MAX_BATCH: Final = 65_536  # decisions in one entry; what is over it waits for the next


@dataclass(frozen=True, slots=True)
class Leaf:
    """One decision. `tenant` is its keyed hash, `policy` the digest of the policy it was made under."""

    id: str
    on: str
    tenant: str
    mode: str
    verdict: str
    because: tuple[str, ...]
    policy: str
    facts_serial: int

    def encode(self) -> bytes:
        return CONTEXT + json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


@dataclass(frozen=True, slots=True)
class Batch:
    """The root over leaves in their order, and each one's proof."""

    root: bytes
    proofs: tuple[tuple[bytes, ...], ...]


def batch(leaves: Sequence[Leaf]) -> Batch:
    """Raises ValueError for none or for more than MAX_BATCH."""
    if not 0 < len(leaves) <= MAX_BATCH:
        raise ValueError(f"a batch holds 1 to {MAX_BATCH} decisions")
    tree = Tree(leaf_hash(one.encode()) for one in leaves)
    return Batch(tree.root(), tuple(tuple(tree.inclusion_proof(index)) for index in range(len(leaves))))


@dataclass(frozen=True, slots=True)
class Batched:
    """A decision, and where it stands: entry `batch` of the log, leaf `position` of it, the proof from there."""

    leaf: Leaf
    batch: int
    position: int
    proof: tuple[bytes, ...]
