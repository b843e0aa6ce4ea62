"""Signed notes, checkpoints and cosignatures, as C2SP specifies them.

A note is a text, an empty line, and signature lines of the form `— name base64(key id ‖ signature)`. A checkpoint is
a note whose text is the log's origin, its size and its root. A cosignature is a witness's signature with a time over
the same text. Keys travel as `name+id+base64(type ‖ public key)`.

Parsing is strict (C2SP signed-note): UTF-8, no control characters, canonical base64 and decimals, limits on length
and number of signatures. Signatures of unknown keys are ignored; a bad one of a known key rejects the note; a note
without any good one is rejected. Everything refused raises `NoteError`.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from jurisdiction.ledger.tree import HASH_BYTES, MAX_SIZE

ED25519: Final = 0x01  # C2SP signed-note, signature types
COSIGNATURE: Final = 0x04
MAX_NOTE_BYTES: Final = 65_536  # a checkpoint has some 200 bytes and 110 per signature
MAX_SIGNATURES: Final = 64  # C2SP asks for at least 16
MAX_TIME: Final = 2**63 - 1
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
DASH: Final = "— "


class NoteError(Exception):
    """The note is malformed, or nobody trusted has signed it."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who may sign, and how: `kind` is ED25519 for a log, COSIGNATURE for a witness."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(letter.isspace() for letter in self.name):
            raise NoteError(f"{self.name!r} cannot name a key: no spaces, no plus sign, not empty")
        if self.kind not in (ED25519, COSIGNATURE) or len(self.public) != KEY_BYTES:
            raise NoteError("the key is neither an Ed25519 log key nor an Ed25519 witness key")

    @property
    def id(self) -> bytes:
        """Four bytes, derived from name, kind and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encode(bytes([self.kind]) + self.public)}"


def parse_key(text: str) -> PublicKey:
    """A key from `name+id+base64`. Raises `NoteError` if the id does not fit the key."""
    parts = text.split("+", 2)  # base64 may hold further plus signs
    if len(parts) != 3:
        raise NoteError("a key has the form name+id+base64")
    raw = _decode(parts[2])
    if not raw:
        raise NoteError("the key is empty")
    key = PublicKey(parts[0], raw[0], raw[1:])
    if key.id.hex() != parts[1]:
        raise NoteError("the id of the key does not fit the key; copy the whole line again")
    return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: `data` is what follows the key id."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {_encode(self.key_id + self.data)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """`text` ends in a newline and is what the signatures cover."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(str(signature) for signature in self.signatures)

    def adding(self, signatures: Iterable[Signature]) -> "Note":
        """The note with more signatures; a key's newer signature takes the place of its older one."""
        merged = {(signature.name, signature.key_id): signature for signature in (*self.signatures, *signatures)}
        return Note(self.text, tuple(merged.values()))


def parse_note(data: bytes) -> Note:
    """Raises `NoteError`."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"the note is longer than {MAX_NOTE_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("the note is not UTF-8") from error
    if any(letter < " " and letter != "\n" for letter in text):
        raise NoteError("the note holds control characters")
    body, separator, lines = text.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise NoteError("the note has no signatures after an empty line")
    return Note(body + "\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Signature lines, each ending in a newline. Raises `NoteError`."""
    found = lines.removesuffix("\n").split("\n")
    if len(found) > MAX_SIGNATURES:
        raise NoteError(f"the note has more than {MAX_SIGNATURES} signatures")
    return tuple(_parse_signature(line) for line in found)


def _parse_signature(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(DASH).partition(" ")
    raw = _decode(encoded)
    if not line.startswith(DASH) or not separator or not name or "+" in name or len(raw) <= 4:
        raise NoteError("a signature line has the form '— name base64'")
    return Signature(name, raw[:4], raw[4:])


def sign_note(text: str, name: str, key: SigningKey) -> Note:
    """The text (ending in a newline) with one Ed25519 signature."""
    if not text.endswith("\n") or any(letter < " " and letter != "\n" for letter in text):
        raise NoteError("the text of a note ends in a newline and holds no control characters")
    public = PublicKey(name, ED25519, bytes(key.verify_key))
    return Note(text, (Signature(name, public.id, key.sign(text.encode()).signature),))


def cosign(text: str, name: str, key: SigningKey, at: int) -> Signature:
    """A witness's statement that, at POSIX time `at`, this was the largest consistent tree it had seen."""
    public = PublicKey(name, COSIGNATURE, bytes(key.verify_key))
    signature = key.sign(_cosigned(text, at)).signature
    return Signature(name, public.id, at.to_bytes(8, "big") + signature)


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()  # C2SP tlog-cosignature, Ed25519 signed message


def verify_note(note: Note, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """The keys that signed the note. Raises `NoteError` if one of them signed badly, or none signed at all."""
    trusted = {(key.name, key.id): key for key in keys}
    good: dict[PublicKey, None] = {}
    for signature in note.signatures:
        key = trusted.get((signature.name, signature.key_id))
        if key is not None:
            _verify(note.text, signature, key)
            good[key] = None
    if not good:
        raise NoteError("no trusted key has signed the note")
    return tuple(good)


def cosigned_at(note: Note, key: PublicKey) -> int | None:
    """The POSIX time of this witness's cosignature, if it is there; `verify_note` tells whether it is good."""
    for signature in note.signatures:
        if (signature.name, signature.key_id) == (key.name, key.id) and key.kind == COSIGNATURE:
            return int.from_bytes(signature.data[:8], "big")
    return None


def _verify(text: str, signature: Signature, key: PublicKey) -> None:
    message, data = text.encode(), signature.data
    if key.kind == COSIGNATURE:
        at = int.from_bytes(data[:8], "big")
        message, data = _cosigned(text, at), data[8:]
        if at > MAX_TIME:
            raise NoteError(f"the cosignature of {key.name} has an impossible time")
    try:
        VerifyKey(key.public).verify(message, data)
    except (CryptoError, ValueError) as error:
        raise NoteError(f"the signature of {key.name} is not genuine") from error


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: `origin` names the log, `root` is the Merkle root over its first `size` entries."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        lines = (self.origin, str(self.size), _encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text. Raises `NoteError`."""
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n") or len(lines) < 3 or not all(lines):
        raise NoteError("a checkpoint has at least three lines, none of them empty")
    root = _decode(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteError(f"the root of a checkpoint has {HASH_BYTES} bytes")
    return Checkpoint(lines[0], decimal(lines[1]), root, tuple(lines[3:]))


def open_checkpoint(
    data: bytes, log: PublicKey, witnesses: Iterable[PublicKey] = ()
) -> tuple[Checkpoint, tuple[PublicKey, ...]]:
    """The checkpoint in a note signed by its log, and which of the witnesses cosigned it. Raises `NoteError`."""
    note = parse_note(data)
    signers = verify_note(note, (log, *witnesses))
    if log not in signers:
        raise NoteError(f"the log {log.name} has not signed the checkpoint")
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != log.name:
        raise NoteError(f"the checkpoint is of the log {checkpoint.origin[:100]!r}, not of {log.name}")
    return checkpoint, tuple(key for key in signers if key.kind == COSIGNATURE)


def decimal(text: str) -> int:
    """A size: ASCII digits without leading zeros. Raises `NoteError`."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_SIZE)) or str(int(text)) != text:
        raise NoteError(f"{text[:20]!r} is not a size")
    if int(text) > MAX_SIZE:
        raise NoteError("the size is out of range")
    return int(text)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("the base64 is damaged") from error
    if _encode(data) != text:  # RFC 4648 §3.5: unused bits must be zero, or one signature has many spellings
        raise NoteError("the base64 is not canonical")
    return data


def decode_hash(text: str) -> bytes:
    """A hash in base64, as proof lines carry it. Raises `NoteError`."""
    digest = _decode(text)
    if len(digest) != HASH_BYTES:
        raise NoteError(f"a hash has {HASH_BYTES} bytes")
    return digest


def encode_hash(digest: bytes) -> str:
    return _encode(digest)
