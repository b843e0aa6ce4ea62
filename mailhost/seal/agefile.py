"""A large age file, written and read piece by piece: what `age` does, for what does not fit into memory.

C2SP age.md, as `header` and `stream` have it. `SealingFile` is written to like a file and must be closed, or the
file has no end and opens nowhere. `OpeningFile` is read like a file; each chunk is authentic when it comes out, and
the end is only believed when the chunk that says so has come: whoever acts on what was read waits for that.
"""

import io
import secrets
from collections.abc import Sequence
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal.age import unwrap_file_key
from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import (
    FILE_KEY_SIZE,
    MAX_HEADER_SIZE,
    encode_header,
    header_length,
    hkdf,
    parse_header,
)
from mailhost.seal.identity import Identity, RandomBytes, Recipient
from mailhost.seal.stream import CHUNK_SIZE, NONCE_SIZE, SEALED_CHUNK, TAG_SIZE, Buffer, chunk_nonce


class SealingFile:
    """Seals what is written to it into `raw`, for each of the recipients."""

    def __init__(
        self, recipients: Sequence[Recipient], raw: BinaryIO, *, random_bytes: RandomBytes = secrets.token_bytes
    ) -> None:
        file_key, nonce = random_bytes(FILE_KEY_SIZE), random_bytes(NONCE_SIZE)
        raw.write(encode_header([recipient.wrap(file_key) for recipient in recipients], file_key) + nonce)
        self._cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
        self._raw = raw
        self._pending = bytearray()
        self._number = 0

    def write(self, data: Buffer) -> int:
        self._pending += data
        # A chunk leaves only when another byte is known to follow it: the last one is sealed differently.
        while len(self._pending) > CHUNK_SIZE:
            self._chunk(bytes(self._pending[:CHUNK_SIZE]), last=False)
            del self._pending[:CHUNK_SIZE]
        return len(data)

    def close(self) -> None:
        """Write the last chunk; `raw` stays open."""
        self._chunk(bytes(self._pending), last=True)

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        self._raw.write(self._cipher.encrypt(chunk_nonce(self._number, last), plain, None))
        self._number += 1


class OpeningFile(io.RawIOBase):
    """What one of the identities can read of `raw`. Raises CannotOpen, at the start or while reading."""

    def __init__(self, identities: Sequence[Identity], raw: BinaryIO) -> None:
        start = raw.read(MAX_HEADER_SIZE + NONCE_SIZE + SEALED_CHUNK)
        length = header_length(start)
        file_key = unwrap_file_key(identities, parse_header(start[:length]))
        nonce = start[length : length + NONCE_SIZE]
        if len(nonce) != NONCE_SIZE:
            raise CannotOpen
        self._cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
        self._raw = raw
        self._sealed = bytearray(start[length + NONCE_SIZE :])
        self._plain = bytearray()
        self._number = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]  # the standard library's own type is wider
        view = memoryview(buffer).cast("B")
        while not self._plain and not self._ended:
            self._open_chunk()
        count = min(len(view), len(self._plain))
        view[:count] = self._plain[:count]
        del self._plain[:count]
        return count

    def _open_chunk(self) -> None:
        while len(self._sealed) <= SEALED_CHUNK:
            more = self._raw.read(SEALED_CHUNK)
            if not more:
                break
            self._sealed += more
        last = len(self._sealed) <= SEALED_CHUNK
        chunk = bytes(self._sealed[:SEALED_CHUNK])
        del self._sealed[:SEALED_CHUNK]
        # The final chunk must not be empty unless the whole body is.
        if len(chunk) < TAG_SIZE or (last and len(chunk) == TAG_SIZE and self._number > 0):
            raise CannotOpen
        try:
            self._plain += self._cipher.decrypt(chunk_nonce(self._number, last), chunk, None)
        except InvalidTag:
            raise CannotOpen from None
        self._number += 1
        self._ended = last
