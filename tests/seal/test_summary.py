"""The summary: whole where it fits, cut in a known order where not, and never a crash."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal import Address, CannotOpen, Summary
from mailhost.seal.summary import (
    MAX_SUMMARY_SIZE,
    PREVIEW_LENGTH,
    SHRINKING,
    STEP,
    Listed,
    decode_listed,
    decode_summary,
    encode_summary,
)
from tests.seal.people import SUMMARY

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ADDRESSES = st.lists(st.builds(Address, TEXT, TEXT), max_size=3).map(tuple)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
WIRE = st.one_of(st.none(), st.text(st.characters(max_codepoint=255), min_size=1, max_size=100))
SUMMARIES = st.builds(
    Summary,
    size=st.integers(0, 2**40),
    internaldate=st.integers(-(2**40), 2**40),
    from_=ADDRESSES,
    sender=ADDRESSES,
    reply_to=ADDRESSES,
    to=ADDRESSES,
    cc=ADDRESSES,
    bcc=ADDRESSES,
    subject=TEXT,
    date=TEXT,
    message_id=TEXT,
    in_reply_to=TEXT,
    references=TEXTS,
    attachments=TEXTS,
    preview=TEXT,
    verdict=TEXT,
    envelope=WIRE,
    body=WIRE,
    bodystructure=WIRE,
)


@given(SUMMARIES)
def test_any_summary_that_fits_comes_back_whole(summary: Summary) -> None:
    data = encode_summary(summary)
    assert decode_summary(data) == summary
    assert decode_listed(data) == Listed(*[getattr(summary, name) for name in Listed._fields])
    assert len(data) % STEP == 0
    assert json.loads(data)["size"] == summary.size


@given(
    SUMMARIES,
    st.sampled_from([name for name, _ in SHRINKING]),
    st.sampled_from(["x", "ö", "日", "\x00", '"', "\ud800"]),
    st.integers(1, 40_000),
)
def test_no_message_makes_a_summary_that_does_not_fit(summary: Summary, name: str, letter: str, times: int) -> None:
    attribute = "from_" if name == "from" else name
    long: object = letter * times
    if name in {"references", "attachments"}:
        long = (letter * times,)
    elif isinstance(getattr(summary, attribute), tuple):
        long = (Address(letter, letter),) * times
    values = {field.name: getattr(summary, field.name) for field in fields(summary)}
    data = encode_summary(Summary(**values | {attribute: long}))
    assert len(data) <= MAX_SUMMARY_SIZE
    found = decode_summary(data)
    assert (found.size, found.internaldate) == (summary.size, summary.internaldate)


def everything_of(size: int) -> Summary:
    text, people = "x" * size, tuple(Address("x" * 100, f"{number}@demo.test") for number in range(size // 100))
    return Summary(
        size=1,
        internaldate=2,
        from_=people,
        sender=people,
        reply_to=people,
        to=people,
        cc=people,
        bcc=people,
        subject=text,
        date=text,
        message_id=text,
        in_reply_to=text,
        references=(text,) * 3,
        attachments=(text,) * 3,
        preview=text,
        verdict=text,
        envelope=text,
        body=text,
        bodystructure=text,
    )


def test_the_worst_of_all_messages_keeps_its_size_and_date_and_says_what_is_missing() -> None:
    data = encode_summary(everything_of(30_000))
    found = decode_summary(data)
    assert len(data) <= MAX_SUMMARY_SIZE
    assert (found.size, found.internaldate) == (1, 2)
    assert found.preview == "x" * PREVIEW_LENGTH
    assert set(found.cut) >= {"bodystructure", "body", "envelope", "subject", "to", "from"}


def test_the_wire_texts_go_first_and_only_as_many_as_needed() -> None:
    big = "(" + "x" * 9_000 + ")"
    found = decode_summary(encode_summary(Summary(size=1, internaldate=2, envelope=big, bodystructure=big)))
    assert (found.bodystructure, found.envelope, found.cut) == (None, big, ("bodystructure",))
    huge = "x" * 20_000
    found = decode_summary(encode_summary(Summary(size=1, internaldate=2, subject="Hi", envelope=huge, body="(b)")))
    assert (found.envelope, found.body, found.subject) == (None, None, "Hi")
    assert found.cut == ("body", "envelope")


def test_a_long_thread_keeps_its_root_and_its_youngest() -> None:
    thread = tuple(f"<{number}.{'x' * 50}@demo.test>" for number in range(400))
    found = decode_summary(encode_summary(Summary(size=1, internaldate=2, references=thread)))
    assert found.references == (thread[0], *thread[-19:])
    assert found.cut == ("references",)


def test_a_long_list_of_recipients_keeps_the_first() -> None:
    crowd = tuple(Address("", f"{number}.{'x' * 50}@demo.test") for number in range(400))
    found = decode_summary(encode_summary(Summary(size=1, internaldate=2, to=crowd)))
    assert (found.to, found.cut) == (crowd[:20], ("to",))


def test_half_a_surrogate_pair_does_not_lose_the_mail() -> None:
    assert decode_summary(encode_summary(Summary(size=1, internaldate=2, subject="a\ud800b"))).subject == "a?b"


def test_the_preview_is_short() -> None:
    assert len(decode_summary(encode_summary(Summary(size=1, internaldate=2, preview="x" * 999))).preview) == 160


def test_unknown_fields_are_ignored() -> None:
    assert decode_summary(b'{"size":1,"internaldate":2,"colour":["blue"]}').size == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"size":1}',
        b'{"size":true,"internaldate":2}',
        b'{"size":1.0,"internaldate":2}',
        b'{"size":1,"internaldate":9223372036854775808}',
        b'{"size":1,"internaldate":2,"subject":[]}',
        b'{"size":1,"internaldate":2,"to":"x"}',
        b'{"size":1,"internaldate":2,"to":["x"]}',
        b'{"size":1,"internaldate":2,"to":[["x"]]}',
        b'{"size":1,"internaldate":2,"to":[["x",1]]}',
        b'{"size":1,"internaldate":2,"references":[1]}',
        b'{"size":1,"internaldate":2,"references":"x"}',
        b'{"size":1,"internaldate":2}x',
        b'{"size":1,"internaldate":2,"subject":"\xff"}',
        b"[" * 16_000,
        b'{"size":' + b"9" * 10_000 + b',"internaldate":2}',
        b'{"size":1,"internaldate":2}'.ljust(MAX_SUMMARY_SIZE + 1),
    ],
)
def test_a_summary_of_the_wrong_shape_is_refused(data: bytes) -> None:
    with pytest.raises(CannotOpen):
        decode_summary(data)


def test_a_summary_does_not_end_in_a_log() -> None:
    assert "ada@example.is" not in repr(SUMMARY) + str(SUMMARY)
