"""The Merkle tree against published roots, an independent implementation, and forgers."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from jurisdiction.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The inputs and roots that the Certificate Transparency reference implementation publishes for RFC 6962.
INPUTS = [
    bytes.fromhex(text)
    for text in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def plain_root(hashes: Sequence[bytes]) -> bytes:
    """MTH exactly as RFC 6962 §2.1 writes it."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(plain_root(hashes[:split]), plain_root(hashes[split:]))


def test_published_roots() -> None:
    tree = Tree()
    assert tree.root() == EMPTY_ROOT == hashlib.sha256(b"").digest()
    for data, expected in zip(INPUTS, ROOTS, strict=True):
        tree.append(leaf_hash(data))
        assert tree.root().hex() == expected


def test_roots_of_every_size_agree_with_the_definition() -> None:
    hashes = leaves(70)
    tree = Tree(hashes)
    assert [tree.root(size) for size in range(71)] == [plain_root(hashes[:size]) for size in range(71)]


def test_every_inclusion_proof_of_small_trees_holds() -> None:
    hashes = leaves(35)
    tree = Tree(hashes)
    for size in range(1, 36):
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            verify_inclusion(hashes[index], index, size, proof, tree.root(size))


def test_every_consistency_proof_of_small_trees_holds() -> None:
    tree = Tree(leaves(35))
    for new in range(36):
        for old in range(new + 1):
            verify_consistency(old, tree.root(old), new, tree.root(new), tree.consistency_proof(old, new))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=60), st.data())
def test_an_independent_implementation_agrees(entries: list[bytes], data: st.DataObject) -> None:
    oracle = InmemoryTree(algorithm="sha256")
    for entry in entries:
        oracle.append_entry(entry)
    tree = Tree(map(leaf_hash, entries))
    assert tree.root() == oracle.get_root()
    index = data.draw(st.integers(0, len(entries) - 1))
    theirs = oracle.prove_inclusion(index + 1).path
    assert [tree.node(0, index), *tree.inclusion_proof(index)] == list(theirs)
    old = data.draw(st.integers(1, len(entries)))
    assert tree.root(old) == oracle.get_root(old)
    verify_consistency(old, oracle.get_root(old), len(entries), oracle.get_root(), tree.consistency_proof(old))


@given(st.integers(0, 200))
def test_the_frontier_grows_like_the_tree(size: int) -> None:
    hashes = leaves(size)
    frontier = Frontier()
    for leaf in hashes:
        frontier = frontier.append(leaf)
    tree = Tree(hashes)
    assert frontier == tree.frontier()
    assert frontier.root() == tree.root()
    assert len(frontier.peaks) == size.bit_count()


def test_a_table_of_nodes_is_enough() -> None:
    """What a database stores: each node once, when it becomes complete, and never changed."""
    table: dict[tuple[int, int], bytes] = {}
    tree = Tree()
    for leaf in leaves(100):
        for level, index, digest in tree.append(leaf):
            assert (level, index) not in table
            table[level, index] = digest

    def stored(level: int, index: int) -> bytes:
        return table[level, index]

    assert root(stored, 77) == tree.root(77)
    assert inclusion_proof(stored, 40, 77) == tree.inclusion_proof(40, 77)
    assert consistency_proof(stored, 33, 77) == tree.consistency_proof(33, 77)


hostile = st.lists(st.binary(min_size=32, max_size=32), max_size=8)


@given(st.integers(-2, 80), st.integers(-2, 80), hostile)
def test_a_made_up_inclusion_proof_is_refused(index: int, size: int, proof: list[bytes]) -> None:
    tree = Tree(leaves(64))
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(b"forged"), index, size, proof, tree.root())


@given(st.integers(1, 63), st.integers(0, 6), st.integers(0, 255))
def test_a_changed_proof_is_refused(index: int, position: int, mask: int) -> None:
    tree = Tree(leaves(64))
    proof = tree.inclusion_proof(index)
    position %= len(proof)
    changed = bytes([proof[position][0] ^ mask]) + proof[position][1:]
    candidate = [*proof[:position], changed, *proof[position + 1 :]]
    if candidate == proof:
        verify_inclusion(tree.node(0, index), index, 64, candidate, tree.root())
    else:
        with pytest.raises(ProofError):
            verify_inclusion(tree.node(0, index), index, 64, candidate, tree.root())


def test_proofs_that_are_too_long_or_too_short_are_refused() -> None:
    tree = Tree(leaves(20))
    proof = tree.inclusion_proof(5)
    for wrong in (proof[:-1], [*proof, proof[0]], [], [*proof[:-1], b"short"]):
        with pytest.raises(ProofError):
            verify_inclusion(tree.node(0, 5), 5, 20, wrong, tree.root())
    steps = tree.consistency_proof(13)
    for wrong in (steps[:-1], [*steps, steps[0]], []):
        with pytest.raises(ProofError):
            verify_consistency(13, tree.root(13), 20, tree.root(), wrong)


def test_a_node_is_no_leaf() -> None:
    tree = Tree(leaves(2))
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(tree.node(0, 0) + tree.node(0, 1)), 0, 1, [], tree.root())


@pytest.mark.parametrize("old", [1, 5, 8, 13])
def test_a_rewritten_log_is_refused(old: int) -> None:
    before = Tree(leaves(old))
    rewritten = Tree([leaf_hash(b"forged"), *leaves(20)[1:]])
    with pytest.raises(ProofError):
        verify_consistency(old, before.root(), 20, rewritten.root(), rewritten.consistency_proof(old))


@pytest.mark.parametrize("old", [1, 5, 8, 13])
def test_a_log_with_an_entry_removed_is_refused(old: int) -> None:
    before = Tree(leaves(old))
    removed = Tree([*leaves(20)[: old - 1], *leaves(20)[old:]])
    with pytest.raises(ProofError):
        verify_consistency(old, before.root(), removed.size, removed.root(), removed.consistency_proof(old))


@given(st.integers(-2, 40), st.integers(-2, 40), hostile)
def test_a_made_up_consistency_proof_is_refused(old: int, new: int, proof: list[bytes]) -> None:
    with pytest.raises(ProofError):
        verify_consistency(old, leaf_hash(b"a"), new, leaf_hash(b"b"), proof)


def test_a_log_does_not_shrink() -> None:
    tree = Tree(leaves(9))
    with pytest.raises(ProofError, match="does not continue"):
        verify_consistency(9, tree.root(), 8, tree.root(8), [])


def test_the_empty_log_is_continued_by_every_log_but_has_one_root() -> None:
    tree = Tree(leaves(9))
    verify_consistency(0, EMPTY_ROOT, 9, tree.root(), [])
    with pytest.raises(ProofError, match="must be empty"):
        verify_consistency(0, EMPTY_ROOT, 9, tree.root(), [EMPTY_ROOT])


def test_questions_beyond_the_tree_are_mistakes_of_the_caller() -> None:
    tree = Tree(leaves(3))
    for ask in (
        lambda: tree.root(4),
        lambda: tree.inclusion_proof(3),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.consistency_proof(4),
        lambda: tree.consistency_proof(2, 9),
    ):
        with pytest.raises(ValueError, match=r"tree|leaf"):
            ask()
