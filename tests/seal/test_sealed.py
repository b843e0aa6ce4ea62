"""Sealing and opening a message: what goes in comes out, nothing else does, and nothing says why not."""

import contextlib
import random
import traceback
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mailhost.seal import (
    START_SIZE,
    CannotOpen,
    Sealed,
    Summary,
    decrypt,
    open_file,
    open_header,
    open_payload,
    open_start,
    seal,
    self_test,
    split,
)
from mailhost.seal.header import Stanza, encode_base64, encode_header, parse_header
from mailhost.seal.sealed import START_SHOWN, _seal_summary
from mailhost.seal.stream import encrypt_payload
from tests.seal.people import ADA, BEN, CLEO, SUMMARY

MESSAGE = b"From: ben@demo.test\r\nTo: ada@example.is\r\n\r\nDear Ada,\r\n"
FILE_KEY = b"YELLOW SUBMARINE"
SEALED = seal(ADA.recipient, MESSAGE, SUMMARY)
WHOLE = SEALED.header + SEALED.payload


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 1 << 20])
def test_the_owner_gets_back_exactly_what_was_sealed(size: int) -> None:
    message = bytes(number * 7 % 251 for number in range(size))
    sealed = seal(ADA.recipient, message, SUMMARY)
    opened = open_header([ADA], sealed.header)
    assert opened.summary == SUMMARY
    assert open_payload(opened, sealed.payload, size) == message
    assert open_file([BEN, ADA], sealed.header + sealed.payload, size) == message


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_any_bytes_in_any_kind_of_buffer_come_back(parts: list[bytes]) -> None:
    message = b"".join(parts)
    for buffers in (message, bytearray(message), memoryview(message), parts, [bytearray(part) for part in parts]):
        sealed = seal(ADA.recipient, buffers, SUMMARY)
        assert open_payload(open_header([ADA], sealed.header), sealed.payload, 2000) == message


def test_the_beginning_of_a_long_message_opens_from_the_beginning_of_its_payload() -> None:
    message = MESSAGE + random.Random(1).randbytes(1 << 20)
    sealed = seal(ADA.recipient, message, SUMMARY)
    file_key = open_header([ADA], sealed.header).file_key
    begun = open_start(file_key, sealed.payload[:START_SIZE])
    assert begun == message[:START_SHOWN]
    flipped = bytearray(sealed.payload[:START_SIZE])
    flipped[100] ^= 1
    for damaged in (flipped, sealed.payload[1 : START_SIZE + 1], sealed.payload[:1000], b""):
        with pytest.raises(CannotOpen):
            open_start(file_key, damaged)


def test_what_ends_within_the_beginning_is_no_beginning() -> None:
    size = START_SIZE - 16 - 3 * 16
    payload = encrypt_payload(FILE_KEY, bytes(16), [random.Random(1).randbytes(size)])
    assert len(payload) == START_SIZE
    with pytest.raises(CannotOpen):
        open_start(FILE_KEY, payload)


def test_a_bomb_at_the_beginning_shows_no_more_than_is_asked() -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * (100 << 20))
    payload = encrypt_payload(FILE_KEY, bytes(16), [bomb, bytes(START_SIZE)])
    tracemalloc.start()
    try:
        assert open_start(FILE_KEY, payload[:START_SIZE]) == b"x" * START_SHOWN
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_a_remembered_file_key_opens_the_payload_without_the_header() -> None:
    file_key = open_header([ADA], SEALED.header).file_key
    assert open_payload(file_key, SEALED.payload) == MESSAGE


def test_a_sealed_message_is_an_age_file_of_header_and_payload() -> None:
    assert split(WHOLE) == SEALED
    assert decrypt([ADA], WHOLE).startswith(b"\x28\xb5\x2f\xfd")
    assert [stanza.args[0] for stanza in parse_header(SEALED.header).stanzas] == ["mlkem768x25519", "skerry/summary"]


def test_old_identities_still_open_old_mail() -> None:
    assert open_header([CLEO, BEN, ADA], SEALED.header).summary == SUMMARY


def test_nobody_else_opens_it() -> None:
    for identities in ([BEN], [BEN, CLEO], []):
        with pytest.raises(CannotOpen):
            open_header(identities, SEALED.header)
        with pytest.raises(CannotOpen):
            open_file(identities, WHOLE)


def test_two_seals_of_one_message_have_nothing_in_common() -> None:
    again = seal(ADA.recipient, MESSAGE, SUMMARY)
    assert open_header([ADA], again.header).file_key != open_header([ADA], SEALED.header).file_key
    assert again.payload[:16] != SEALED.payload[:16]
    with pytest.raises(CannotOpen):
        open_payload(open_header([ADA], again.header), SEALED.payload)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(WHOLE) * 8 - 1))
@pytest.mark.slow
def test_any_flipped_bit_anywhere_is_found(bit: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotOpen):
        open_file([ADA], damaged)
    header, payload = bytes(damaged[: len(SEALED.header)]), bytes(damaged[len(SEALED.header) :])
    with pytest.raises(CannotOpen):
        open_payload(open_header([ADA], header), payload)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(CannotOpen):
        open_file([ADA], WHOLE[:length])


@given(st.binary(min_size=1, max_size=100))
def test_trailing_bytes_are_refused(tail: bytes) -> None:
    with pytest.raises(CannotOpen):
        open_file([ADA], WHOLE + tail)
    with pytest.raises(CannotOpen):
        open_header([ADA], SEALED.header + tail)
    with pytest.raises(CannotOpen):
        open_payload(open_header([ADA], SEALED.header), SEALED.payload + tail)


@given(st.binary(max_size=500))
def test_rubbish_raises_nothing_but_cannot_open(data: bytes) -> None:
    for header in (data, SEALED.header[:200] + data, SEALED.header + data):
        with contextlib.suppress(CannotOpen):
            open_header([ADA], header)
        with contextlib.suppress(CannotOpen):
            open_file([ADA], header)


def header_with(*summaries: Stanza) -> bytes:
    return encode_header([ADA.recipient.wrap(bytes(16)), *summaries], bytes(16))


def test_a_header_of_ours_has_exactly_one_sound_summary() -> None:
    good = _seal_summary(bytes(16), bytes(16), SUMMARY)
    assert open_header([ADA], header_with(Stanza(("grease",), b""), good)).summary == SUMMARY
    nonce = encode_base64(bytes(15)).decode()
    for bad in (
        header_with(),
        header_with(good, good),
        header_with(Stanza((good.args[0],), good.body)),
        header_with(Stanza((*good.args, "extra"), good.body)),
        header_with(Stanza((good.args[0], nonce), good.body)),
        header_with(Stanza((good.args[0], "****"), good.body)),
        header_with(Stanza(good.args, b"")),
        header_with(_seal_summary(bytes(15) + b"\x01", bytes(16), SUMMARY)),
    ):
        with pytest.raises(CannotOpen):
            open_header([ADA], bad)


def test_a_message_bigger_than_allowed_is_refused() -> None:
    sealed = seal(ADA.recipient, bytes(10_000), SUMMARY)
    with pytest.raises(CannotOpen):
        open_payload(open_header([ADA], sealed.header), sealed.payload, 9_999)


def test_the_refusal_says_nothing_about_why() -> None:
    damaged = bytearray(SEALED.payload)
    damaged[-1] ^= 1
    texts = set()
    for attempt in (
        lambda: open_header([BEN], SEALED.header),
        lambda: open_header([ADA], SEALED.header[:-1]),
        lambda: open_payload(open_header([ADA], SEALED.header), damaged),
        lambda: open_payload(open_header([ADA], SEALED.header), SEALED.payload, 1),
    ):
        with pytest.raises(CannotOpen) as caught:
            attempt()
        assert caught.value.__cause__ is None
        shown = "".join(traceback.format_exception(caught.value))
        assert "InvalidTag" not in shown
        assert "Zstd" not in shown
        texts.add((str(caught.value), repr(caught.value)))
    assert texts == {("cannot open", "CannotOpen('cannot open')")}


def test_neither_half_nor_key_shows_itself_in_a_log() -> None:
    opened = open_header([ADA], SEALED.header)
    shown = repr(opened) + repr(SEALED) + str(opened)
    assert repr(opened.file_key) not in shown
    assert "age-encryption" not in shown
    assert "ada@example.is" not in shown


def test_all_randomness_is_the_callers_but_that_of_the_key_encapsulation() -> None:
    drawn: list[int] = []

    def counting(size: int) -> bytes:
        drawn.append(size)
        return bytes(range(size))

    sealed = seal(ADA.recipient, MESSAGE, SUMMARY, random_bytes=counting)
    assert drawn == [48]
    assert open_header([ADA], sealed.header).file_key == bytes(range(16))
    assert parse_header(sealed.header).stanzas[1].args[1] == encode_base64(bytes(range(16, 32))).decode()
    assert sealed.payload[:16] == bytes(range(32, 48))


def peak_of(size: int, seal_it: bool) -> float:
    """Peak memory over the buffers given, in message sizes."""
    noise = random.Random(1).randbytes(size)
    sealed = Sealed(b"", b"") if seal_it else seal(ADA.recipient, noise, SUMMARY)
    tracemalloc.start()
    try:
        if seal_it:
            seal(ADA.recipient, [b"Received: x\r\n", noise], SUMMARY)
        else:
            open_payload(open_header([ADA], sealed.header), sealed.payload, size)
        return tracemalloc.get_traced_memory()[1] / size
    finally:
        tracemalloc.stop()


def test_sealing_a_big_message_takes_little_more_memory_than_its_payload() -> None:
    assert peak_of(8 << 20, seal_it=True) < 1.3


def test_opening_a_big_message_takes_the_body_and_the_message() -> None:
    assert peak_of(8 << 20, seal_it=False) < 2.1


def test_the_self_test_passes_where_the_library_can_do_it() -> None:
    self_test()


def test_threads_seal_side_by_side() -> None:
    sizes = [100, 50_000, 200_000, 400_000] * 4

    def one(size: int) -> bool:
        message = random.Random(size).randbytes(size)
        sealed = seal(ADA.recipient, message, SUMMARY)
        return open_payload(open_header([ADA], sealed.header), sealed.payload) == message

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, sizes))


def test_a_seal_that_failed_half_way_does_not_spoil_the_next() -> None:
    with pytest.raises(TypeError):
        seal(ADA.recipient, [bytes(200_000), "not bytes"], SUMMARY)  # type: ignore[list-item]
    for size in (100, 200_000):
        sealed = seal(ADA.recipient, bytes(size), SUMMARY)
        assert open_payload(open_header([ADA], sealed.header), sealed.payload) == bytes(size)


def test_a_header_may_come_as_any_buffer() -> None:
    for header in (bytearray(SEALED.header), memoryview(SEALED.header)):
        assert open_header([ADA], header).summary == SUMMARY


def test_a_summary_of_any_size_fits_in_the_header() -> None:
    big = Summary(size=1, internaldate=2, subject="x" * 100_000, bodystructure="y" * 100_000)
    sealed = seal(ADA.recipient, MESSAGE, big)
    assert len(sealed.header) < 25_000
    assert open_header([ADA], sealed.header).summary.cut
