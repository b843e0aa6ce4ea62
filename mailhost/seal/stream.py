"""The payload of an age file: a nonce and the body in encrypted chunks.

C2SP age.md, "Payload". The payload key is HKDF(file key, salt = 16-byte nonce, "payload"). The body is cut into
chunks of 64 KiB, each sealed with ChaCha20-Poly1305 under a nonce that counts the chunks and marks the last
one, so that chunks cannot be swapped, dropped or added and a cut file does not pass for a shorter one.

In: pieces of plaintext of any size, so that a compressor can feed it without the whole body existing anywhere;
out: the payload as one `bytes`. Memory while sealing is the payload itself plus a few chunks; while opening,
the plaintext. `CannotOpen` for any payload that is not exactly what the specification allows, an empty last
chunk behind a full one included.
"""

import io
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import hkdf

type Buffer = bytes | bytearray | memoryview

CHUNK_SIZE = 64 * 1024
NONCE_SIZE = 16
TAG_SIZE = 16
SEALED_CHUNK = CHUNK_SIZE + TAG_SIZE


def chunk_nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _cut(pieces: Iterable[Buffer]) -> Iterator[Buffer]:
    """The same bytes in chunks of 64 KiB; only the last is shorter, and it is empty only if it is the first too."""
    pending = b""
    for piece in pieces:
        view = memoryview(piece)
        if len(pending) + len(view) <= CHUNK_SIZE:
            pending += view
            continue
        # A chunk leaves only when another byte is known to follow it: the last one is sealed differently.
        missing = CHUNK_SIZE - len(pending)
        yield pending + view[:missing]
        place = missing
        while len(view) - place > CHUNK_SIZE:
            yield view[place : place + CHUNK_SIZE]
            place += CHUNK_SIZE
        pending = bytes(view[place:])
    yield pending


def encrypt_payload(file_key: bytes, nonce: bytes, pieces: Iterable[Buffer]) -> bytes:
    """Nonce and sealed chunks of the pieces' bytes in their order."""
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    chunks = _cut(pieces)
    chunk = next(chunks)
    # BytesIO hands its buffer out without a copy, so a big payload exists once.
    sealed = io.BytesIO()
    sealed.write(nonce)
    number = 0
    for following in chunks:
        sealed.write(cipher.encrypt(chunk_nonce(number, last=False), chunk, None))
        chunk = following
        number += 1
    sealed.write(cipher.encrypt(chunk_nonce(number, last=True), chunk, None))
    return sealed.getvalue()


def decrypt_payload(file_key: bytes, payload: Buffer) -> bytearray:
    """The body's plaintext, all of it or `CannotOpen`."""
    size = len(payload) - NONCE_SIZE
    chunks = -(-size // SEALED_CHUNK)
    final_size = size - (chunks - 1) * SEALED_CHUNK - TAG_SIZE
    # The final chunk must not be empty unless the whole body is.
    if size < TAG_SIZE or final_size < 0 or (final_size == 0 and chunks > 1):
        raise CannotOpen
    return _decrypt(file_key, payload, bytearray(size - chunks * TAG_SIZE), chunks, last=chunks - 1)


def decrypt_start(file_key: bytes, start: Buffer) -> bytearray:
    """The plaintext of the whole chunks at the beginning of a payload that goes on behind them.

    Each chunk proves itself, its place, and that another follows; whether that one is there nobody has seen.
    """
    chunks = (len(start) - NONCE_SIZE) // SEALED_CHUNK
    if chunks < 1:
        raise CannotOpen
    return _decrypt(file_key, start, bytearray(chunks * CHUNK_SIZE), chunks, last=chunks)


def _decrypt(file_key: bytes, payload: Buffer, body: bytearray, chunks: int, *, last: int) -> bytearray:
    """So many chunks into `body`; `last` is the number of the one that ends the payload."""
    sealed, opened = memoryview(payload), memoryview(body)
    cipher = ChaCha20Poly1305(hkdf(file_key, bytes(sealed[:NONCE_SIZE]), b"payload"))
    try:
        for number in range(chunks):
            start = NONCE_SIZE + number * SEALED_CHUNK
            cipher.decrypt_into(
                chunk_nonce(number, last=number == last),
                sealed[start : start + SEALED_CHUNK],
                None,
                opened[number * CHUNK_SIZE : (number + 1) * CHUNK_SIZE],
            )
    except InvalidTag:
        raise CannotOpen from None
    return body
