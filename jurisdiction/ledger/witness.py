"""A witness: it cosigns a log's checkpoint only if that log continues the one it has seen.

C2SP tlog-witness as a pure function: what the witness remembers and a request in, what it must store and its answer
out. The caller persists the new memory before it sends the answer, and does both for one log at a time; otherwise
two requests side by side could roll the memory back. A refusal carries the HTTP status of the protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nacl.signing import SigningKey

from jurisdiction.ledger.notes import (
    Checkpoint,
    Note,
    NoteError,
    PublicKey,
    Signature,
    cosign,
    decimal,
    decode_hash,
    encode_hash,
    parse_checkpoint,
    parse_note,
    verify_note,
)
from jurisdiction.ledger.tree import EMPTY_ROOT, ProofError, verify_consistency

MAX_PROOF_LINES: Final = 63  # C2SP tlog-witness: enough for 2^63 entries
MAX_REQUEST_BYTES: Final = 131_072  # a full proof has 3 KiB, a note at most 64


@dataclass(frozen=True, slots=True)
class Seen:
    """The latest checkpoint of one log that this witness has cosigned."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Request:
    old: int
    proof: tuple[bytes, ...]
    note: Note

    def encode(self) -> bytes:
        lines = [f"old {self.old}", *(encode_hash(digest) for digest in self.proof), ""]
        return ("\n".join(lines) + "\n" + str(self.note)).encode()


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Store `seen`, then send `signature`."""

    seen: Seen
    signature: Signature


@dataclass(frozen=True, slots=True)
class Refused:
    """`status` is the HTTP status; `size`, where given, tells the log which checkpoint the witness has."""

    status: int
    reason: str
    size: int | None = None


def parse_request(data: bytes) -> Request:
    """The body of an add-checkpoint call. Raises `NoteError`."""
    if len(data) > MAX_REQUEST_BYTES:
        raise NoteError(f"the request is longer than {MAX_REQUEST_BYTES} bytes")
    head, separator, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise NoteError("the request is not ASCII before the checkpoint") from error
    if not separator or not lines[0].startswith("old "):
        raise NoteError("a request begins with the line 'old' and a size")
    if len(lines) - 1 > MAX_PROOF_LINES:
        raise NoteError(f"a proof has at most {MAX_PROOF_LINES} lines")
    return Request(decimal(lines[0].removeprefix("old ")), tuple(map(decode_hash, lines[1:])), parse_note(note))


def consider(
    request: Request,
    seen: Seen,
    log_keys: Sequence[PublicKey],
    origin: str,
    name: str,
    key: SigningKey,
    at: int,
) -> Cosigned | Refused:
    """Whether to cosign, for the log of this origin. `at` is POSIX time; `name` and `key` are the witness's own."""
    try:
        checkpoint = parse_checkpoint(request.note.text)
    except NoteError as error:
        return Refused(400, str(error))
    if checkpoint.origin != origin:
        return Refused(404, f"this witness does not know the log {checkpoint.origin[:100]!r}")
    try:
        verify_note(request.note, log_keys)
    except NoteError as error:
        return Refused(403, str(error))
    refusal = _refusal(request, checkpoint, seen)
    if refusal is not None:
        return refusal
    return Cosigned(Seen(checkpoint.size, checkpoint.root), cosign(request.note.text, name, key, at))


def _refusal(request: Request, checkpoint: Checkpoint, seen: Seen) -> Refused | None:
    if request.old > checkpoint.size:
        return Refused(400, "the log claims to have shrunk")
    if request.old != seen.size:
        return Refused(409, "the log starts from another checkpoint than the last one cosigned", seen.size)
    if seen.size == checkpoint.size and seen.root != checkpoint.root:
        return Refused(409, "the log has forked: same size, another root", seen.size)
    try:
        verify_consistency(seen.size, seen.root, checkpoint.size, checkpoint.root, request.proof)
    except ProofError as error:
        return Refused(422, str(error))
    return None
