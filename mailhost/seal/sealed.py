"""Sealing a message and opening it: the surface the rest of the house uses.

A sealed message is a standard age v1 file with one post-quantum stanza, so its owner can open it with the
ordinary `age` tool (docs/sealed-format.md). Two things are ours. The body is compressed and padded (`padding`).
And the header has a second stanza, `skerry/summary`, which age readers skip: the `summary` under a key derived
from the file key. The expensive step, one key encapsulation, so happens once per message, and a list of mails
needs no body.

Header and payload are returned and opened apart, because they are stored apart; one behind the other they are
the age file. Every seal draws a fresh file key: nothing links two recipients of one mail. Opening raises
`CannotOpen`, never more.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal.age import unwrap_file_key
from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import (
    FILE_KEY_SIZE,
    Stanza,
    decode_base64,
    encode_base64,
    encode_header,
    header_length,
    hkdf,
    parse_header,
)
from mailhost.seal.identity import HybridIdentity, HybridRecipient, RandomBytes
from mailhost.seal.padding import body_pieces, open_body
from mailhost.seal.padding import open_start as start_of_body
from mailhost.seal.stream import (
    NONCE_SIZE,
    SEALED_CHUNK,
    Buffer,
    decrypt_payload,
    decrypt_start,
    encrypt_payload,
)
from mailhost.seal.summary import Listed, Summary, decode_listed, decode_summary, encode_summary

SUMMARY_STANZA = "skerry/summary"
SUMMARY_NONCE_SIZE = 16
# The most an opened message may have where the caller knows no better limit: more than our SMTP server takes.
MAX_MESSAGE_SIZE = 64 * 1024 * 1024

# What `open_start` wants: chunks enough for the first block of a frame, which has up to 128 KiB (RFC 8878 §3.1.1.2.4),
# and what it shows of the message at most.
START_SIZE = NONCE_SIZE + 3 * SEALED_CHUNK
START_SHOWN = 128 * 1024

_SUMMARY_INFO = b"skerry.summary.v1"
# The key is used once, for it comes from a fresh file key and a fresh salt.
_ZERO_NONCE = bytes(12)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """The two halves of a sealed message as they are stored; `header + payload` is an age file."""

    header: bytes
    payload: bytes


@final
@dataclass(frozen=True, slots=True, repr=False)
class OpenedHeader:
    """The key to one message's payload, and its summary. Both are secrets: no repr shows them."""

    file_key: bytes
    summary: Summary


def seal(
    recipient: HybridRecipient,
    message: Buffer | Sequence[Buffer],
    summary: Summary,
    *,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> Sealed:
    """Seal a message for one mailbox.

    `message` is one buffer, or several in their order (trace headers, then DATA), which saves the copy of joining them.
    Of a big message only the payload is built in memory, nothing else of its size.
    """
    parts = [message] if isinstance(message, bytes | bytearray | memoryview) else message
    # Drawn at once: each call to the system lets go of the interpreter.
    drawn = random_bytes(FILE_KEY_SIZE + SUMMARY_NONCE_SIZE + NONCE_SIZE)
    file_key, summary_nonce = drawn[:FILE_KEY_SIZE], drawn[FILE_KEY_SIZE:-NONCE_SIZE]
    stanzas = [recipient.wrap(file_key), _seal_summary(file_key, summary_nonce, summary)]
    payload = encrypt_payload(file_key, drawn[-NONCE_SIZE:], body_pieces(parts))
    return Sealed(encode_header(stanzas, file_key), payload)


def open_header(identities: Sequence[HybridIdentity], header: Buffer) -> OpenedHeader:
    """File key and summary of a sealed message; one decapsulation per identity tried: put the current one first."""
    parsed = parse_header(bytes(header))
    file_key = unwrap_file_key(identities, parsed)
    return OpenedHeader(file_key, decode_summary(_open_summary(file_key, parsed.stanzas)))


def open_listed(identities: Sequence[HybridIdentity], header: bytes) -> tuple[bytes, Listed]:
    """As `open_header`, with no more of the summary than a list shows: of ten thousand mails that is felt."""
    parsed = parse_header(header)
    file_key = unwrap_file_key(identities, parsed)
    return file_key, decode_listed(_open_summary(file_key, parsed.stanzas))


def open_key(identities: Sequence[HybridIdentity], header: bytes) -> bytes:
    """The file key alone, for who wants the body and not the summary."""
    return unwrap_file_key(identities, parse_header(header))


def open_payload(opened: OpenedHeader | bytes, payload: Buffer, max_size: int = MAX_MESSAGE_SIZE) -> bytes:
    """The message, given its opened header or the file key remembered from it.

    A message of more than `max_size` bytes is `CannotOpen`, before memory is spent on it.
    """
    file_key = opened if isinstance(opened, bytes) else opened.file_key
    return open_body(decrypt_payload(file_key, payload), max_size)


def open_start(file_key: bytes, payload_start: Buffer) -> bytes:
    """The first START_SHOWN bytes of the message or fewer, given the first START_SIZE bytes of a longer payload.

    It is what was sealed, byte for byte; of the rest it says nothing, not even that it is whole.
    """
    return start_of_body(decrypt_start(file_key, payload_start), START_SHOWN)


def open_file(identities: Sequence[HybridIdentity], whole: Buffer, max_size: int = MAX_MESSAGE_SIZE) -> bytes:
    """The message in a whole sealed file, as exported or attached; it needs no summary."""
    length = header_length(whole)
    view = memoryview(whole)
    file_key = unwrap_file_key(identities, parse_header(bytes(view[:length])))
    return open_payload(file_key, view[length:], max_size)


def split(whole: bytes) -> Sealed:
    """A sealed file as the two halves that are stored; nothing is opened."""
    length = header_length(whole)
    return Sealed(whole[:length], whole[length:])


def self_test() -> None:
    """Seal and open a message, at a program's start: half a millisecond.

    A `cryptography` built against an OpenSSL without ML-KEM then fails here with its own error, not at the first mail.
    """
    identity = HybridIdentity.generate()
    sealed = seal(identity.recipient, b"self-test", Summary(size=9, internaldate=0))
    if open_payload(open_header([identity], sealed.header), sealed.payload) != b"self-test":
        raise CannotOpen


def _seal_summary(file_key: bytes, nonce: bytes, summary: Summary) -> Stanza:
    key = hkdf(file_key, nonce, _SUMMARY_INFO)
    body = ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, encode_summary(summary), None)
    return Stanza((SUMMARY_STANZA, encode_base64(nonce).decode("ascii")), body)


def _open_summary(file_key: bytes, stanzas: Sequence[Stanza]) -> bytes:
    """The text of the one summary among the stanzas; none, two or a damaged one are `CannotOpen`."""
    found = [stanza for stanza in stanzas if stanza.args[0] == SUMMARY_STANZA]
    if len(found) != 1 or len(found[0].args) != 2:
        raise CannotOpen
    nonce = decode_base64(found[0].args[1].encode("ascii"))
    if len(nonce) != SUMMARY_NONCE_SIZE:
        raise CannotOpen
    try:
        return ChaCha20Poly1305(hkdf(file_key, nonce, _SUMMARY_INFO)).decrypt(_ZERO_NONCE, found[0].body, None)
    except InvalidTag:
        raise CannotOpen from None
