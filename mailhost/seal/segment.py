"""Index segments: what a client has opened once, kept so that the next one need not open it again.

Listing 10,000 mails costs 10,000 key decapsulations. A session that has opened summaries therefore writes down what
a list shows of them, and the file keys, in *segments* of SEGMENT_UIDS UIDs of one folder, each one symmetric box. The
key comes from the secret of the mailbox's current identity, so only who could open the mails opens the segment, and
after a rotation the old segments open no more and are made anew.

A box is `0x01 ‖ 16-byte salt ‖ ChaCha20-Poly1305`, its key HKDF (RFC 5869) of the identity's secret, the fresh salt
and the segment's place (folder, UIDVALIDITY, number): a box moved elsewhere does not open. Entries lie in columns and
are *not* compressed, because compressing several mails together would let one sender's text show in the length of
another's (`padding`); the length is a Padmé one. docs/sealed-format.md describes the bytes.

In: an identity, a place and entries by ascending UID. Out: a box, and the other way round. Opening raises
`CannotOpen` and nothing else; a segment is only a copy, so whoever cannot open it throws it away.
"""

import secrets
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal.columns import Columns, joined, lengths, numbers
from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import FILE_KEY_SIZE, hkdf
from mailhost.seal.identity import HybridIdentity, RandomBytes
from mailhost.seal.padding import padme

# UIDs of one segment: few enough that an expunge, which takes a segment away, costs a tenth of a second to make good.
SEGMENT_UIDS = 512
# Octets of one entry's texts. Nearly every mail needs less than one KiB; a mail that needs more is opened each time.
MAX_ENTRY_SIZE = 8192
# A box above this was not made by a correct writer.
MAX_SEGMENT_SIZE = 5 * 1024 * 1024

_VERSION = b"\x01"
_SALT_SIZE = 16
_INFO = b"skerry.index.v1"
# The key is used once, for its salt is fresh.
_ZERO_NONCE = bytes(12)
_TEXTS = 6


class SegmentPlace(NamedTuple):
    """Which segment: the folder's opaque id, its UIDVALIDITY in the opened view, and UID // SEGMENT_UIDS."""

    folder: str
    uidvalidity: int
    number: int


class IndexEntry(NamedTuple):
    """What a list shows of one message. Texts are bytes; None is a text that was too long for its summary."""

    uid: int
    internaldate: int  # seconds since 1970-01-01 UTC
    saved: int  # the same
    size: int  # RFC822.SIZE
    file_key: bytes
    email_id: bytes
    envelope: bytes | None
    body: bytes | None
    bodystructure: bytes | None
    preview: bytes | None  # UTF-8
    references: bytes | None  # UTF-8

    def fits(self) -> bool:
        """Whether a segment takes it."""
        return sum(len(text) for text in self[5:] if text is not None) <= MAX_ENTRY_SIZE


def seal_segment(
    identity: HybridIdentity,
    place: SegmentPlace,
    entries: Sequence[IndexEntry],
    *,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> bytes:
    """The box of these entries: at most SEGMENT_UIDS that fit, by ascending UID."""
    if len(entries) > SEGMENT_UIDS or not all(entry.fits() for entry in entries):
        raise ValueError("a segment takes fewer and shorter entries")
    plain = b"".join(entry_columns(entries))
    salt = random_bytes(_SALT_SIZE)
    padded = plain.ljust(padme(len(plain)), b"\0")
    return _VERSION + salt + _cipher(identity, place, salt).encrypt(_ZERO_NONCE, padded, None)


def open_segment(identity: HybridIdentity, place: SegmentPlace, box: bytes) -> list[IndexEntry]:
    """The entries of a box, by ascending UID, else `CannotOpen`."""
    if box[:1] != _VERSION or len(box) > MAX_SEGMENT_SIZE:
        raise CannotOpen
    salt = box[1 : 1 + _SALT_SIZE]
    try:
        plain = _cipher(identity, place, salt).decrypt(_ZERO_NONCE, memoryview(box)[1 + _SALT_SIZE :], None)
    except InvalidTag:
        raise CannotOpen from None
    entries = read_entries(plain)
    if any(entry.uid // SEGMENT_UIDS != place.number for entry in (entries[:1] + entries[-1:])):
        raise CannotOpen
    return entries


def _cipher(identity: HybridIdentity, place: SegmentPlace, salt: bytes) -> ChaCha20Poly1305:
    where = f"\n{place.folder}\n{place.uidvalidity}\n{place.number}".encode("ascii")
    return ChaCha20Poly1305(hkdf(identity.seed, salt, _INFO + where))


def entry_columns(entries: Sequence[IndexEntry]) -> Iterator[bytes]:
    """Count, four columns of numbers, the file keys, the lengths of each text column, then the texts."""
    yield numbers("I", [len(entries)])
    uids, dates, saved, sizes, keys, *texts = zip(*entries, strict=True) if entries else [()] * (5 + _TEXTS)
    yield numbers("I", uids)
    for column in (dates, saved, sizes):
        yield numbers("q", column)
    yield b"".join(keys)
    for column in texts:
        yield lengths(column)
    for column in texts:
        yield joined(column)


def read_entries(plain: bytes) -> list[IndexEntry]:
    """What `entry_columns` wrote, zeros behind it or not: at most SEGMENT_UIDS by ascending UID, else `CannotOpen`."""
    columns = Columns(plain)
    (count,) = columns.numbers("I", 1)
    if count > SEGMENT_UIDS:
        raise CannotOpen
    uids = columns.numbers("I", count).tolist()
    if uids != sorted(set(uids)):
        raise CannotOpen
    dates, saved, sizes = (columns.numbers("q", count) for _ in range(3))
    keys = columns.cut([FILE_KEY_SIZE] * count)
    text_lengths = [columns.numbers("I", count) for _ in range(_TEXTS)]
    texts = [columns.texts(column) for column in text_lengths]
    if None in texts[0] or columns.rest().strip(b"\0"):
        raise CannotOpen
    return list(starmap(IndexEntry, zip(uids, dates, saved, sizes, keys, *texts, strict=True)))
