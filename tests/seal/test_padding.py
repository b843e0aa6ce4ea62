"""The body: its length says little, any zstd program reads it, and a bomb stays small."""

import contextlib
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mailhost.seal.errors import CannotOpen
from mailhost.seal.padding import MAX_BLOCKS, MAX_FRAMES, ONE_CALL_SIZE, body_pieces, open_body, padme

SKIPPED = b"\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"


def body_of(*message: bytes) -> bytes:
    return b"".join(bytes(piece) for piece in body_pieces(message))


@given(st.lists(st.binary(max_size=500), max_size=4))
def test_any_message_comes_back_and_its_body_has_a_padme_length(parts: list[bytes]) -> None:
    body = body_of(*parts)
    assert open_body(body, 10_000) == b"".join(parts)
    assert padme(len(body)) == len(body)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2 * ONE_CALL_SIZE), st.integers(0, 2 * ONE_CALL_SIZE), st.booleans())
def test_big_messages_are_compressed_in_pieces_to_the_same_end(size: int, cut: int, dull: bool) -> None:
    message = (
        bytes(size) if dull else zstandard.ZstdCompressor(level=1).compress(bytes(range(256)) * 40)[:60] * (size // 60)
    )
    body = body_of(message[:cut], message[cut:])
    assert open_body(body, len(message)) == message
    assert padme(len(body)) == len(body)


@pytest.mark.parametrize(
    ("length", "padded"),
    # Worked by hand from the definition: E = floor(log2 L), S = floor(log2 E) + 1, the last E - S bits become zero.
    [(0, 0), (1, 1), (9, 10), (100, 104), (1000, 1024), (1025, 1088), (4097, 4352), (1 << 20, 1 << 20)],
)
def test_padme_sizes(length: int, padded: int) -> None:
    assert padme(length) == padded


@given(st.integers(0, 2**40))
def test_padme_adds_at_most_twelve_percent_and_never_shrinks(length: int) -> None:
    assert length <= padme(length) <= length * 1.12 + 1
    assert padme(padme(length)) == padme(length)


def test_a_zstd_program_that_knows_nothing_of_us_reads_the_body() -> None:
    message = b"Dear Ada,\r\n" * 1000
    reader = zstandard.ZstdDecompressor().stream_reader(body_of(message), read_across_frames=True)
    assert reader.read() == message


def test_several_frames_without_a_declared_size_and_with_a_checksum_are_read() -> None:
    compressor = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False)
    body = SKIPPED + compressor.compress(b"one ") + SKIPPED + compressor.compress(b"") + compressor.compress(b"two")
    assert open_body(body, 7) == b"one two"
    with pytest.raises(CannotOpen):
        open_body(body, 6)


def test_the_limit_is_exact() -> None:
    body = body_of(bytes(1000))
    assert open_body(body, 1000) == bytes(1000)
    with pytest.raises(CannotOpen):
        open_body(body, 999)
    undeclared = zstandard.ZstdCompressor(write_content_size=False).compress(b"x")
    assert open_body(undeclared, 1) == b"x"
    with pytest.raises(CannotOpen):
        open_body(undeclared, 0)


@pytest.mark.parametrize("declared", [True, False])
def test_a_bomb_is_refused_before_it_goes_off(declared: bool) -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=declared).compress(bytes(100 << 20))
    assert len(bomb) < 10_000
    tracemalloc.start()
    try:
        with pytest.raises(CannotOpen):
            open_body(bomb, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    honest = bytearray(zstandard.ZstdCompressor().compress(bytes(1000)))
    at = bytes(honest).index((1000 - 256).to_bytes(2, "little"))
    for lie in (0, 999 - 256, 1001 - 256):
        honest[at : at + 2] = lie.to_bytes(2, "little")
        with pytest.raises(CannotOpen):
            open_body(bytes(honest), 1 << 20)


def test_frames_without_end_are_refused() -> None:
    frame = zstandard.ZstdCompressor().compress(b"")
    assert open_body(frame * MAX_FRAMES, 0) == b""
    with pytest.raises(CannotOpen):
        open_body(frame * (MAX_FRAMES + 1), 0)


@pytest.mark.slow  # many blocks
def test_blocks_without_end_are_refused() -> None:
    # A raw block of no bytes takes three bytes; the last one has its first bit set.
    head = zstandard.ZstdCompressor(write_content_size=False).compress(b"")[:-3]
    assert open_body(head + b"\x00\x00\x00" * 5 + b"\x01\x00\x00", 10) == b""
    with pytest.raises(CannotOpen):
        open_body(head + b"\x00\x00\x00" * MAX_BLOCKS + b"\x01\x00\x00", 10)


def test_a_window_of_more_memory_than_recommended_is_refused() -> None:
    def frame_with(window_log: int) -> bytes:
        parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window_log)
        compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        frame = compressor.compress(bytes(1000)) + compressor.flush()
        assert zstandard.get_frame_parameters(frame).window_size == 1 << window_log
        return frame

    assert open_body(frame_with(23), 1000) == bytes(1000)
    with pytest.raises(CannotOpen):
        open_body(frame_with(24), 1000)


@given(st.binary(max_size=300))
def test_rubbish_raises_nothing_but_cannot_open(data: bytes) -> None:
    for body in (data, b"\x28\xb5\x2f\xfd" + data, b"\x50\x2a\x4d\x18" + data):
        with contextlib.suppress(CannotOpen):
            assert len(open_body(body, 1000)) <= 1000


@given(st.binary(max_size=200), st.data())
def test_a_body_cut_short_or_continued_is_refused(message: bytes, draw: st.DataObject) -> None:
    body = body_of(message)
    frame_end = len(body) - draw.draw(st.integers(1, len(body)))
    tail = draw.draw(st.binary(min_size=1, max_size=3))
    with pytest.raises(CannotOpen):
        open_body(body + tail, 1000)
    with contextlib.suppress(CannotOpen):
        # Cut exactly behind the frame nothing is missing but the padding.
        assert open_body(body[:frame_end], 1000) == message


@pytest.mark.parametrize("body", [b"", SKIPPED, SKIPPED[:-1], SKIPPED[:6], SKIPPED[:2]])
def test_a_body_without_a_message_is_refused(body: bytes) -> None:
    with pytest.raises(CannotOpen):
        open_body(body, 1000)
