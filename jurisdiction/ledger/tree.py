"""The Merkle tree of RFC 6962: root, inclusion and consistency.

Leaf and node hashes carry different prefixes, so that no node can be passed off as a leaf. A tree needs only the
hashes of its complete subtrees, addressed as (level, index): node (k, i) covers the leaves i·2^k up to (i+1)·2^k.
They never change once they are complete, and may live in memory (`Tree`) or in a table (`Nodes`). `Frontier` is the
least that must be kept to go on appending: one hash per bit of the size.

Verification raises `ProofError` and never returns a bool. RFC 9162 describes the same tree and proofs.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()  # RFC 6962 §2.1: the hash of an empty list
MAX_SIZE: Final = 2**63 - 1  # what a checkpoint's size may be

type Nodes = Callable[[int, int], bytes]


class ProofError(Exception):
    """The proof does not show what it claims; do not trust the log's answer."""


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()  # RFC 6962 §2.1


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()  # RFC 6962 §2.1


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the complete subtrees that make up a tree, the largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> "Frontier":
        """The frontier after one more leaf hash."""
        peaks = [*self.peaks, leaf]
        size = self.size
        while size & 1:
            right = peaks.pop()
            peaks[-1] = node_hash(peaks[-1], right)
            size >>= 1
        return Frontier(self.size + 1, tuple(peaks))

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


class Tree:
    """A whole tree in memory, built by appending leaf hashes."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def node(self, level: int, index: int) -> bytes:
        return self._levels[level][index]

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Adds a leaf hash; returns the nodes that became complete, as (level, index, hash)."""
        made = []
        digest = leaf
        for level in range(64):
            if level == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            row.append(digest)
            made.append((level, len(row) - 1, digest))
            if len(row) % 2:
                break
            digest = node_hash(row[-2], row[-1])
        return made

    def root(self, size: int | None = None) -> bytes:
        return root(self.node, self._checked(self.size if size is None else size))

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        return inclusion_proof(self.node, index, self._checked(self.size if size is None else size))

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        return consistency_proof(self.node, old, self._checked(self.size if new is None else new))

    def frontier(self, size: int | None = None) -> Frontier:
        return frontier(self.node, self._checked(self.size if size is None else size))

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise ValueError(f"The tree has {self.size} leaves, not {size}")
        return size


def root(nodes: Nodes, size: int) -> bytes:
    """MTH of the first `size` leaves."""
    return _range(nodes, 0, size) if size else EMPTY_ROOT


def frontier(nodes: Nodes, size: int) -> Frontier:
    peaks = []
    start = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(nodes(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(peaks))


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """RFC 6962 §2.1.1, the sibling hashes from the leaf to the root."""
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        split = start + _left_size(end - start)
        if index < split:
            path.append(_range(nodes, split, end))
            end = split
        else:
            path.append(_range(nodes, start, split))
            start = split
    return path[::-1]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """RFC 6962 §2.1.2, the hashes that lead from the old root to the new one. Empty for old 0 or old = new."""
    if not 0 <= old <= new:
        raise ValueError(f"A tree of {new} does not contain one of {old}")
    if old in (0, new):
        return []
    path = []
    start, end = 0, new
    known = True  # the verifier holds the root of the old tree already
    while old != end:
        split = start + _left_size(end - start)
        if old <= split:
            path.append(_range(nodes, split, end))
            end = split
        else:
            path.append(_range(nodes, start, split))
            start = split
            known = False
    if not known:
        path.append(_range(nodes, start, end))
    return path[::-1]


def _left_size(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range(nodes: Nodes, start: int, end: int) -> bytes:
    size = end - start
    if size & (size - 1) == 0:  # a complete subtree; `start` is a multiple of its size by construction
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    split = start + _left_size(size)
    return node_hash(_range(nodes, start, split), _range(nodes, split, end))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """RFC 9162 §2.1.3.2. `leaf` is the leaf's hash, `expected` the root. Raises `ProofError`."""
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError(f"leaf {index} cannot be in a tree of {size}")
    _check_hashes(leaf, expected, *proof)
    here, last = index, size - 1
    digest = leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if here & 1 or here == last:
            digest = node_hash(sibling, digest)
            while not here & 1 and here:
                here >>= 1
                last >>= 1
        else:
            digest = node_hash(digest, sibling)
        here >>= 1
        last >>= 1
    if last:
        raise ProofError("the inclusion proof is too short")
    _check_equal(digest, expected, "the entry is not in the log with this root")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 §2.1.4.2. Raises `ProofError` unless the new tree continues the old one."""
    if not 0 <= old <= new <= MAX_SIZE:
        raise ProofError(f"a log of {new} entries does not continue one of {old}")
    _check_hashes(old_root, new_root, *proof)
    if old in (0, new):
        if proof:
            raise ProofError("the consistency proof must be empty")
        _check_equal(old_root, new_root if old else EMPTY_ROOT, "two logs of the same size differ")
        return
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofError("the consistency proof is empty")
    here, last = old - 1, new - 1
    while here & 1:
        here >>= 1
        last >>= 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if here & 1 or here == last:
            before = node_hash(sibling, before)
            after = node_hash(sibling, after)
            while not here & 1 and here:
                here >>= 1
                last >>= 1
        else:
            after = node_hash(after, sibling)
        here >>= 1
        last >>= 1
    if last:
        raise ProofError("the consistency proof is too short")
    _check_equal(before, old_root, "the proof does not lead to the old root")
    _check_equal(after, new_root, "the log was rewritten: it does not continue the one seen before")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(digest) != HASH_BYTES for digest in hashes):
        raise ProofError(f"a hash must have {HASH_BYTES} bytes")


def _check_equal(found: bytes, expected: bytes, otherwise: str) -> None:
    if not hmac.compare_digest(found, expected):
        raise ProofError(otherwise)
