"""Lines and literals, cut anywhere, and every limit of the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap import wire
from mailhost.imap.wire import Literal, LiteralAsked, Refused, Request, Splitter


def splitter(*, logged_in: bool = True, append_limit: int = 1_000_000) -> Splitter:
    made = Splitter()
    if logged_in:
        made.logged_in(append_limit)
    return made


def drain(made: Splitter) -> list[wire.Event]:
    """Every event there is, literals accepted."""
    events = []
    while (event := made.next_event()) is not None:
        if isinstance(event, LiteralAsked):
            made.accept()
        events.append(event)
    return events


def parts(*events: wire.Event) -> list[tuple[bytes | Literal, ...]]:
    return [event.parts for event in events if isinstance(event, Request)]


STREAM = (
    b"a NOOP\r\nb LOGIN {3+}\r\nada {4+}\r\nopen\r\nc APPEND x ~{5+}\r\n\x00\r\n\x01\x02\r\n"
    b'd LOGIN "a{3}" b\ne {0+}\r\n\r\n'
)
EXPECTED: list[tuple[bytes | Literal, ...]] = [
    (b"a NOOP",),
    (b"b LOGIN ", Literal(b"ada"), b" ", Literal(b"open"), b""),
    (b"c APPEND x ", Literal(b"\x00\r\n\x01\x02", binary=True), b""),
    (b'd LOGIN "a{3}" b',),
    (b"e ", Literal(b""), b""),
]


def test_commands_arrive_whole() -> None:
    made = splitter()
    made.feed(STREAM)
    assert parts(*drain(made)) == EXPECTED
    assert made.unread == 0
    assert not made.inside_command


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_it_does_not_matter_how_the_stream_is_cut(cuts: list[int]) -> None:
    made = splitter()
    found = []
    position = 0
    for cut in [*cuts, len(STREAM)]:
        made.feed(STREAM[position : position + cut])
        position += cut
        found += drain(made)
    assert parts(*found) == EXPECTED


def test_byte_by_byte_with_something_behind() -> None:
    made = splitter()
    found = []
    for octet in STREAM + b"z NO":
        made.feed(bytes([octet]))
        found += drain(made)
    assert parts(*found) == EXPECTED
    assert made.unread == 4
    assert made.inside_command


def test_a_waiting_client_is_asked_for_its_literal() -> None:
    made = splitter()
    made.feed(b"a LOGIN {3}\r\n")
    assert made.next_event() == LiteralAsked(3, synchronizing=True)
    assert made.next_event() is None
    made.accept()
    made.feed(b"ada x\r\n")
    assert made.next_event() == Request((b"a LOGIN ", Literal(b"ada"), b" x"))


def test_a_large_message_waits_for_memory_even_when_it_does_not_ask() -> None:
    made = splitter()
    size = wire.SMALL_LITERAL + 1
    made.feed(b"a APPEND x {%d+}\r\n" % size + b"x" * 10)
    assert made.next_event() == LiteralAsked(size, synchronizing=False)
    assert made.next_event() is None
    made.accept()
    made.feed(b"x" * (size - 10) + b"\r\n")
    (request,) = drain(made)
    assert isinstance(request, Request)
    literal = request.parts[1]
    assert isinstance(literal, Literal)
    assert len(literal.data) == size


def test_a_large_message_is_held_once() -> None:
    made = splitter(append_limit=50_000_000)
    made.feed(b"a APPEND x {30000000+}\r\n")
    made.next_event()
    made.accept()
    assert made.next_event() is None
    for _piece in range(300):
        made.feed(b"x" * 100_000)
        assert made.unread == 0
    made.feed(b"\r\n")
    (request,) = drain(made)
    assert isinstance(request, Request)
    assert isinstance(request.parts[1], Literal)
    assert isinstance(request.parts[1].data, bytearray)


def test_an_endless_line_ends_the_connection() -> None:
    for logged_in, limit in ((False, wire.LINE_BEFORE_LOGIN), (True, wire.LINE_AFTER_LOGIN)):
        made = splitter(logged_in=logged_in)
        made.feed(b"tag " + b"x" * limit)
        (refused,) = drain_first(made)
        assert refused.fatal
        assert (refused.tag, refused.code) == (b"tag", "TOOBIG")


def drain_first(made: Splitter) -> list[Refused]:
    event = made.next_event()
    assert isinstance(event, Refused)
    return [event]


def test_a_line_of_the_allowed_length_is_taken() -> None:
    made = splitter()
    line = b"a " + b"x" * (wire.LINE_AFTER_LOGIN - 2)
    made.feed(line + b"\r\n")
    assert made.next_event() == Request((line,))


def test_the_line_limit_counts_all_lines_of_a_command() -> None:
    made = splitter()
    half = b"x" * (wire.LINE_AFTER_LOGIN // 2)
    made.feed(b"a " + half + b"{1+}\r\nx" + half + b"\r\n")
    (refused,) = drain_first(made)
    assert refused.fatal


def test_before_login_a_large_literal_is_refused_without_reading_it() -> None:
    made = splitter(logged_in=False)
    made.feed(b"a LOGIN {200000000}\r\n")
    (refused,) = drain_first(made)
    assert (refused.tag, refused.code, refused.fatal) == (b"a", "TOOBIG", False)
    made.feed(b"b NOOP\r\n")
    assert made.next_event() == Request((b"b NOOP",))


def test_before_login_large_literals_that_do_not_wait_end_the_connection() -> None:
    made = splitter(logged_in=False)
    made.feed(b"a LOGIN {%d+}\r\n" % (wire.LITERAL_MINUS + 1))
    (refused,) = drain_first(made)
    assert refused.fatal
    made = splitter(logged_in=False)
    made.feed(b"a LOGIN {%d+}\r\n" % wire.LITERAL_MINUS)
    assert made.next_event() is None


def test_a_message_too_large_is_refused_and_the_connection_lives() -> None:
    made = splitter(append_limit=1000)
    made.feed(b"a APPEND x {1001}\r\n")
    (refused,) = drain_first(made)
    assert (refused.code, refused.fatal) == ("TOOBIG", False)
    # The client that does not wait sends it all the same; it is skipped without being kept.
    made.feed(b"b APPEND x {1001+}\r\n" + b"x" * 500)
    assert made.next_event() is None
    assert made.unread == 0
    made.feed(b"x" * 501 + b"\r\nc NOOP\r\n")
    first, second = drain(made)
    assert isinstance(first, Refused)
    assert (first.tag, first.fatal) == (b"b", False)
    assert second == Request((b"c NOOP",))


def test_a_message_far_too_large_ends_the_connection() -> None:
    made = splitter(append_limit=100_000)
    made.feed(b"a APPEND x {400001+}\r\n")
    (refused,) = drain_first(made)
    assert refused.fatal


def test_only_append_and_replace_bring_messages() -> None:
    size = wire.LITERAL_AFTER_LOGIN + 1
    for head in (b"a APPEND x", b"a replace 1 x", b"a UID REPLACE 1 x"):
        made = splitter()
        made.feed(head + b" {%d}\r\n" % size)
        assert made.next_event() == LiteralAsked(size, synchronizing=True)
    for head in (b"a SEARCH BODY", b"a UID SEARCH BODY", b"a XAPPEND x", b"a LOGIN"):
        made = splitter()
        made.feed(head + b" {%d}\r\n" % size)
        assert isinstance(made.next_event(), Refused)


def test_many_literals_share_one_limit() -> None:
    made = splitter()
    made.feed(b"a SEARCH {40000+}\r\n" + b"x" * 40_000 + b" {40000}\r\n")
    (refused,) = drain_first(made)
    assert refused.code == "TOOBIG"


def test_many_messages_share_one_limit() -> None:
    made = splitter(append_limit=1000)
    made.feed(b"a APPEND x {1000+}\r\n" + b"x" * 1000 + b" {1000}\r\n")
    (refused,) = drain_first(made)
    assert refused.code == "TOOBIG"


def test_the_number_of_literals_is_bounded() -> None:
    made = splitter()
    made.feed(b"a APPEND x" + b" {1+}\r\nx" * (wire.MAX_LITERALS + 1))
    (refused,) = drain_first(made)
    assert (refused.code, refused.fatal) == ("LIMIT", True)


@pytest.mark.parametrize("size", ["99999999999999999999", "4294967296"])
def test_absurd_sizes_take_no_memory(size: str) -> None:
    made = splitter()
    made.feed(f"a APPEND x {{{size}}}\r\n".encode())
    assert isinstance(made.next_event(), Refused)


@given(st.binary(max_size=300))
def test_any_octets_give_events_or_nothing(data: bytes) -> None:
    made = splitter()
    made.feed(data)
    drain(made)
