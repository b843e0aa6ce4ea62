"""The body of a sealed message: compressed, then padded so that its length says little.

Encryption hides everything but the length, and a length is a fingerprint: of a newsletter, of a password reset.
So the message becomes one zstd frame (RFC 8878 §3.1.1), followed by one *skippable frame* (§3.1.2) of zeros
that brings the total up to the next Padmé size (Nikitin et al., "Reducing Metadata Leakage from Encrypted
Files", §4): at most 12 % more, and O(log log n) bits told. Every zstd program skips the padding by itself, so
`age -d | zstd -d` gives the message byte for byte.

Each message is compressed alone. A context or dictionary shared between mails would let one sender's text show
in the length of another's.

In: the message as buffers in their order; out: pieces of body, of which a big one never exists as a whole.
Opening takes the body and the most bytes the message may have, and raises `CannotOpen` for anything else than
whole frames within it. Who wants the beginning alone gives the beginning of the body.
"""

import threading
from collections.abc import Iterator, Sequence

import zstandard

from mailhost.seal.errors import CannotOpen
from mailhost.seal.stream import CHUNK_SIZE, Buffer

LEVEL = 3
# Up to here one call compresses fastest; beyond, the compressor is fed and drained in chunks to save memory.
ONE_CALL_SIZE = 128 * 1024
# RFC 8878 §3.1.1.1.2 recommends decoders to support 8 MiB windows and encoders to stay below.
MAX_WINDOW = 8 * 1024 * 1024
# What a correct writer never needs and a hostile one would use to keep us busy.
MAX_FRAMES = 1024
MAX_BLOCKS = 256 * 1024

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGIC = b"\x50\x2a\x4d\x18"
_SKIPPABLE_HEADER_SIZE = 8
_RLE_BLOCK = 1


class _Codec(threading.local):
    """One compressor and one decompressor per thread: making them costs more than a small mail."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)


_codec = _Codec()


def padme(length: int) -> int:
    """The Padmé size for `length` bytes: the floating point number at or above it with log2(log2) mantissa bits."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    kept_bits = exponent.bit_length()
    mask = (1 << (exponent - kept_bits)) - 1
    return (length + mask) & ~mask


def body_pieces(message: Sequence[Buffer]) -> Iterator[Buffer]:
    """The zstd frame of the joined message in pieces, then its padding frame."""
    size = sum(len(part) for part in message)
    written = 0
    for piece in _frame_pieces(message, size):
        written += len(piece)
        yield piece
    written += _SKIPPABLE_HEADER_SIZE
    padding = padme(written) - written
    yield _SKIPPABLE_MAGIC + padding.to_bytes(4, "little") + bytes(padding)


def _frame_pieces(message: Sequence[Buffer], size: int) -> Iterator[bytes]:
    compressor = _codec.compressor
    if size <= ONE_CALL_SIZE:
        yield compressor.compress(message[0] if len(message) == 1 else b"".join(message))
        return
    chunker = compressor.chunker(size=size, chunk_size=CHUNK_SIZE)
    for part in message:
        yield from chunker.compress(part)
    yield from chunker.finish()  # type: ignore[no-untyped-call]  # its stub lacks the annotation


def open_body(body: Buffer, max_size: int) -> bytes:
    """The message in the body's frames, if it has at most `max_size` bytes; else `CannotOpen`."""
    view, place, blocks = memoryview(body), 0, 0
    found: list[bytes] = []
    room = max_size
    for _ in range(MAX_FRAMES):
        if place == len(view):
            break
        magic = bytes(view[place : place + 4])
        # RFC 8878 §3.1.2: sixteen magic numbers mark a frame to be skipped.
        if magic[1:] == _SKIPPABLE_MAGIC[1:] and magic[0] & 0xF0 == 0x50:
            size = int.from_bytes(view[place + 4 : place + 8], "little")
            end = place + _SKIPPABLE_HEADER_SIZE + size
        elif magic == _FRAME_MAGIC:
            parameters = _parameters(view[place:])
            end, blocks = _frame_end(view, place, parameters, blocks)
            found.append(_decompress(view[place:end], parameters.content_size, room))
            room -= len(found[-1])
        else:
            raise CannotOpen
        # A frame cut short ends behind the body's end: zstd refuses it, or no further frame is found there.
        place = end
    if place != len(view) or not found:
        raise CannotOpen
    return found[0] if len(found) == 1 else b"".join(found)


def open_start(body: Buffer, size: int) -> bytes:
    """The first `size` bytes of the message or fewer, given the beginning of a body of one frame; else `CannotOpen`.

    What a block that is cut short would give is left out.
    """
    if bytes(body[:4]) != _FRAME_MAGIC:
        raise CannotOpen
    try:
        # Read and not decompressed: a reader stops at `size`, however much a hostile frame would give.
        with _codec.decompressor.stream_reader(body) as reader:
            return reader.read(size)
    except zstandard.ZstdError:
        raise CannotOpen from None


def _parameters(frame: memoryview) -> zstandard.FrameParameters:
    try:
        return zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError:
        raise CannotOpen from None


def _frame_end(view: memoryview, start: int, parameters: zstandard.FrameParameters, blocks: int) -> tuple[int, int]:
    """Where the frame that begins at `start` ends, and how many blocks have been walked (RFC 8878 §3.1.1.2)."""
    try:
        place = start + zstandard.frame_header_size(view[start:])
    except zstandard.ZstdError:
        raise CannotOpen from None
    last = False
    while not last:
        blocks += 1
        if place + 3 > len(view) or blocks > MAX_BLOCKS:
            raise CannotOpen
        block = int.from_bytes(view[place : place + 3], "little")
        last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        place += 3 + (1 if kind == _RLE_BLOCK else size)
    return place + (4 if parameters.has_checksum else 0), blocks


def _decompress(frame: memoryview, declared: int, room: int) -> bytes:
    """One frame's content, which the frame `declared` to be so long; never allocating more than `room` bytes for it."""
    try:
        if declared != zstandard.CONTENTSIZE_UNKNOWN and declared > room:
            raise CannotOpen
        content = _codec.decompressor.decompress(frame, max_output_size=max(room, 1))
    except zstandard.ZstdError:
        raise CannotOpen from None
    if len(content) > room:
        raise CannotOpen
    return content
