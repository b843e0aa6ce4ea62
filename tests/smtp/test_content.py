"""The sinks: content is the same however the socket cuts it, and nothing behind its end is lost."""

from __future__ import annotations

import smtplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.smtp.content import ChunkSink, DataSink

LIMIT = 1000
# Pieces that matter to line ends and dots, so that random content meets them often.
PIECES = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"..", b"\r\n.\r\n", b"bc"]), max_size=30).map(
    b"".join
)


def stuffed(content: bytes) -> bytes:
    """What a correct client sends for `content` (RFC 5321 §4.5.2), written by someone else: smtplib."""
    data: bytes = smtplib._quote_periods(content)  # type: ignore[attr-defined]
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


def fed(sink: DataSink | ChunkSink, data: bytes, cuts: list[int]) -> bytes | None:
    """Feed in blocks that end at `cuts`; what was behind the end, or None."""
    behind = None
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if behind is not None:
            behind += data[start:end]
        else:
            behind = sink.feed(data[start:end])
    return behind


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_content_is_the_same_in_blocks_of_any_size(size: int) -> None:
    sent = b"Subject: x\r\n\r\n.. two dots\r\n. one\r\n...\r\nend\r\n.\r\nQUIT\r\n"
    sink = DataSink(LIMIT)
    assert fed(sink, sent, list(range(size, len(sent), size))) == b"QUIT\r\n"
    assert sink.content == b"Subject: x\r\n\r\n. two dots\r\n one\r\n..\r\nend\r\n"
    assert not sink.bare_newline


@given(lines=st.lists(st.sampled_from([b"", b".", b"..", b"a", b".a", b"a.", b"\t."]), max_size=12), cut=st.data())
def test_what_a_client_stuffs_comes_out_as_it_was(lines: list[bytes], cut: st.DataObject) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    sent = stuffed(content) + b".\r\nRSET\r\n"
    cuts = sorted(cut.draw(st.lists(st.integers(0, len(sent)), max_size=5)))
    sink = DataSink(LIMIT)
    assert fed(sink, sent, cuts) == b"RSET\r\n"
    assert sink.content == content
    assert not sink.bare_newline


@given(content=PIECES, cut=st.data())
def test_blocks_change_neither_content_nor_verdict_nor_rest(content: bytes, cut: st.DataObject) -> None:
    sent = content + b"\r\n.\r\nrest"
    whole = DataSink(LIMIT)
    rest = whole.feed(sent)
    cuts = sorted(cut.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    cut_up = DataSink(LIMIT)
    assert fed(cut_up, sent, cuts) == rest
    assert (cut_up.content, cut_up.bare_newline) == (whole.content, whole.bare_newline)


def test_an_empty_message_ends_at_once() -> None:
    sink = DataSink(LIMIT)
    assert sink.feed(b".\r\n") == b""
    assert sink.content == b""


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n\n.\r\r\n"])
def test_only_crlf_dot_crlf_ends_a_message(end: bytes) -> None:
    # SMTP smuggling (2023): hosts that took one of these for the end saw a second message inside the first.
    sink = DataSink(LIMIT)
    assert sink.feed(b"Subject: x\r\n\r\nbody" + end + b"MAIL FROM:<smuggled@example.no>\r\n") is None
    assert sink.feed(b".\r\n") == b""
    assert sink.bare_newline
    assert b"MAIL FROM:<smuggled@example.no>\r\n" in sink.content


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"\na\r\n", b"a\r\r\n", b"a\r\n\n"])
def test_a_lone_cr_or_lf_is_noticed(content: bytes) -> None:
    for size in (1, 2, 100):
        sink = DataSink(LIMIT)
        sent = content + b".\r\n"
        fed(sink, sent, list(range(size, len(sent), size)))
        assert sink.bare_newline, size


def test_too_much_is_dropped_as_it_comes_and_read_to_its_end() -> None:
    sink = DataSink(LIMIT)
    for _ in range(100):
        assert sink.feed(b"x" * 98 + b"\r\n") is None
        assert len(sink.content) <= LIMIT
    assert sink.over
    assert not sink.content
    assert sink.feed(b".\r\nQUIT\r\n") == b"QUIT\r\n"
    assert sink.seen == 100 * 100 + 9


def test_exactly_the_limit_is_taken() -> None:
    content = b"x" * (LIMIT - 2) + b"\r\n"
    sink = DataSink(LIMIT)
    assert sink.feed(content + b".\r\n") == b""
    assert sink.content == content
    assert not sink.over


def test_a_chunk_takes_its_octets_and_leaves_the_rest() -> None:
    sink = ChunkSink(LIMIT)
    sink.expect(6)
    assert sink.feed(b".\r\n") is None
    assert sink.feed(b".\r\nBDAT 0 LAST\r\n") == b"BDAT 0 LAST\r\n"
    sink.expect(0)
    assert sink.feed(b"BDAT") == b"BDAT"
    sink.finish()
    # RFC 3030 §2: no dot is special in a chunk.
    assert sink.content == b".\r\n.\r\n"
    assert not sink.bare_newline


@given(content=PIECES, cut=st.data())
def test_chunks_change_neither_content_nor_verdict(content: bytes, cut: st.DataObject) -> None:
    cuts = sorted(cut.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    sink = ChunkSink(LIMIT)
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        sink.expect(end - start)
        assert sink.feed(content[start:end]) == b""
    sink.finish()
    pairs = content.count(b"\r\n")
    assert sink.content == content
    assert sink.bare_newline == (content.count(b"\r") != pairs or content.count(b"\n") != pairs)


def test_chunks_over_the_limit_are_not_kept() -> None:
    sink = ChunkSink(LIMIT)
    sink.expect(LIMIT + 1)
    assert sink.feed(b"x" * (LIMIT + 1)) == b""
    assert sink.over
    assert not sink.content


def test_a_stuffed_line_is_found_behind_any_number_of_other_dots() -> None:
    prose = b"One. Two. Three.\r\n" * 50
    sink = DataSink(10 * LIMIT)
    assert sink.feed(prose + b"..stuffed\r\n" + prose + b".\r\nQUIT\r\n") == b"QUIT\r\n"
    assert sink.content == prose + b".stuffed\r\n" + prose
