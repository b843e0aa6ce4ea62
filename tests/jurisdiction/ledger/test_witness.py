"""A witness signs what continues its memory and nothing else."""

from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from jurisdiction.ledger.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    NoteError,
    PublicKey,
    sign_note,
    verify_note,
)
from jurisdiction.ledger.tree import EMPTY_ROOT, Tree, leaf_hash
from jurisdiction.ledger.witness import (
    MAX_PROOF_LINES,
    MAX_REQUEST_BYTES,
    Cosigned,
    Refused,
    Request,
    Seen,
    consider,
    parse_request,
)

LOG, WITNESS, MALLORY = (SigningKey(letter * 32) for letter in (b"l", b"w", b"m"))
ORIGIN, NAME = "is-1.example.is/ledger", "no-1.example.is/witness"
LOG_KEY = PublicKey(ORIGIN, ED25519, bytes(LOG.verify_key))
WITNESS_KEY = PublicKey(NAME, COSIGNATURE, bytes(WITNESS.verify_key))
NOW = 1_795_000_000
TREE = Tree(leaf_hash(str(number).encode()) for number in range(20))
FORK = Tree(leaf_hash(b"fork" + str(number).encode()) for number in range(20))


def head(tree: Tree, size: int, key: SigningKey = LOG, origin: str = ORIGIN) -> Note:
    return sign_note(Checkpoint(origin, size, tree.root(size)).text(), ORIGIN, key)


def request(old: int, new: int, tree: Tree = TREE) -> Request:
    return Request(old, tuple(tree.consistency_proof(old, new)), head(tree, new))


def answer(asked: Request, seen: Seen) -> Cosigned | Refused:
    return consider(asked, seen, [LOG_KEY], ORIGIN, NAME, WITNESS, NOW)


def refused(asked: Request, seen: Seen) -> Refused:
    result = answer(asked, seen)
    assert isinstance(result, Refused)
    return result


def seen(size: int, tree: Tree = TREE) -> Seen:
    return Seen(size, tree.root(size))


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (0, 20), (7, 7), (7, 8), (8, 20), (19, 20)])
def test_a_log_that_continues_is_cosigned(old: int, new: int) -> None:
    asked = parse_request(request(old, new).encode())
    assert asked == request(old, new)
    result = answer(asked, seen(old))
    assert isinstance(result, Cosigned)
    assert result.seen == seen(new)
    assert verify_note(asked.note.adding([result.signature]), [LOG_KEY, WITNESS_KEY]) == (LOG_KEY, WITNESS_KEY)


def test_a_fork_of_the_same_size_is_refused() -> None:
    result = refused(request(7, 7, FORK), seen(7))
    assert (result.status, result.size) == (409, 7)
    assert "forked" in result.reason


def test_a_longer_fork_is_refused() -> None:
    assert refused(request(7, 12, FORK), seen(7)).status == 422


def test_a_rollback_is_refused_and_the_log_told_what_the_witness_has() -> None:
    result = refused(request(5, 7), seen(12))
    assert (result.status, result.size) == (409, 12)


def test_an_old_size_beyond_the_checkpoint_is_refused() -> None:
    assert refused(replace(request(0, 5), old=12), seen(12)).status == 400


def test_a_log_that_forgets_the_witness_is_told_its_size() -> None:
    assert refused(request(0, 20), seen(7)) == Refused(
        409, "the log starts from another checkpoint than the last one cosigned", 7
    )


def test_a_proof_for_nothing_is_refused() -> None:
    assert refused(replace(request(0, 5), proof=(EMPTY_ROOT,)), Seen()).status == 422


def test_a_checkpoint_signed_by_somebody_else_is_refused() -> None:
    forged = Request(0, (), head(TREE, 5, MALLORY))
    assert refused(forged, Seen()).status == 403


def test_an_unknown_log_is_refused() -> None:
    assert refused(Request(0, (), head(TREE, 5, origin="elsewhere")), Seen()).status == 404


def test_a_note_that_is_no_checkpoint_is_refused() -> None:
    assert refused(Request(0, (), sign_note("hello\n", ORIGIN, LOG)), Seen()).status == 400


def test_a_race_of_two_requests_cannot_roll_back_the_memory() -> None:
    """The second request was made from the same memory as the first; it meets the new one and is refused."""
    first = answer(request(5, 12), seen(5))
    assert isinstance(first, Cosigned)
    assert refused(request(5, 8), first.seen).status == 409


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "begins"),
        (b"old 1\n", "begins"),
        (b"new 1\n\n" + str(head(TREE, 1)).encode(), "begins"),
        (b"old 01\n\n" + str(head(TREE, 1)).encode(), "not a size"),
        (b"old -1\n\n" + str(head(TREE, 1)).encode(), "not a size"),
        (b"old 1\nAAAA\n\n" + str(head(TREE, 1)).encode(), "32 bytes"),
        (b"old 1\n\xff\n\n" + str(head(TREE, 1)).encode(), "ASCII"),
        (b"old 1\n\nno note", "no signatures"),
        (b"x" * (MAX_REQUEST_BYTES + 1), "longer"),
        (Request(1, (EMPTY_ROOT,) * (MAX_PROOF_LINES + 1), head(TREE, 1)).encode(), "at most"),
    ],
)
def test_a_malformed_request_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(NoteError, match=complaint):
        parse_request(data)
