"""Sequence sets: what they name, also where they name four thousand million messages."""

from __future__ import annotations

import time
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap.sequence import (
    SAVED,
    BadSet,
    OutOfRange,
    SequenceSet,
    batches,
    count,
    format_set,
    from_indexes,
    indexes,
    merged,
    numbered,
    parse_set,
    with_uids,
    within,
)


@pytest.mark.parametrize(
    ("text", "exists", "expected"),
    [
        (b"1", 5, [0]),
        (b"2:4", 5, [1, 2, 3]),
        (b"4:2", 5, [1, 2, 3]),
        (b"*", 5, [4]),
        (b"*:3", 5, [2, 3, 4]),
        (b"1:*", 5, [0, 1, 2, 3, 4]),
        (b"3,1,3:4", 5, [0, 2, 3]),
        (b"1:*", 0, []),
        (b"*", 0, []),
    ],
)
def test_sequence_numbers(text: bytes, exists: int, expected: list[int]) -> None:
    assert list(indexes(numbered(parse_set(text), exists, strict=True))) == expected


@pytest.mark.parametrize("text", [b"6", b"1:6", b"6:*", b"2,9"])
def test_a_number_that_no_message_has(text: bytes) -> None:
    with pytest.raises(OutOfRange):
        numbered(parse_set(text), 5, strict=True)
    found = list(indexes(numbered(parse_set(text), 5, strict=False)))
    assert all(index < 5 for index in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"10", [0]),
        (b"11:19", []),
        (b"1:4294967295", [0, 1, 2]),
        (b"31:*", [2]),
        (b"*", [2]),
        (b"999:*", [2]),
        (b"*:20", [1, 2]),
        (b"20,10", [0, 1]),
        (b"12", []),
    ],
)
def test_uids(text: bytes, expected: list[int]) -> None:
    assert list(indexes(with_uids(parse_set(text), array("I", [10, 20, 30])))) == expected


def test_uids_of_an_empty_folder() -> None:
    assert with_uids(parse_set(b"1:*"), array("I")) == []


@pytest.mark.parametrize(
    "text", [b"", b"0", b"1:", b":1", b"1,,2", b"a", b"1:2:3", b"-1", b"4294967296", b"01", b"$,1", b"1 2", b"1,"]
)
def test_what_is_no_sequence_set(text: bytes) -> None:
    with pytest.raises(BadSet):
        parse_set(text)


def test_the_saved_result() -> None:
    assert parse_set(b"$") is SAVED


def test_a_huge_set_on_a_huge_folder_costs_nothing() -> None:
    uids = array("I", range(1, 1_000_001))
    started = time.process_time()
    for _round in range(100):
        assert count(with_uids(parse_set(b"1:4294967295,7,9:*"), uids)) == 1_000_000
    assert time.process_time() - started < 0.5


@given(st.lists(st.integers(0, 200)))
def test_formatting_and_reading_back(numbers: list[int]) -> None:
    unique = sorted({number + 1 for number in numbers})
    if unique:
        read = parse_set(format_set(unique))
        assert [i + 1 for i in indexes(numbered(read, 300, strict=True))] == unique
        assert within([(1, 210)], read, 0) == list(read.ranges)


def test_formatting_keeps_the_order_it_is_given() -> None:
    assert format_set([5, 6, 7, 3, 1, 2]) == b"5:7,3,1:2"


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 10))))
def test_merging_keeps_every_index_once(pairs: list[tuple[int, int]]) -> None:
    ranges = [(start, start + length) for start, length in pairs]
    expected = sorted({index for start, stop in ranges for index in range(start, stop)})
    found = merged(list(ranges))
    assert list(indexes(found)) == expected
    assert from_indexes(expected) == found
    assert [index for batch in batches(found, 7) for index in batch] == expected
    assert all(len(batch) == 7 for batch in list(batches(found, 7))[:-1])


@given(st.sets(st.integers(1, 60)), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_runs_within_a_set_are_what_both_hold(numbers: set[int], ranges: list[tuple[int, int]]) -> None:
    runs = [(first, stop - 1) for first, stop in from_indexes(sorted(numbers))]
    top = 40
    wanted = {n for low, high in ranges for n in range(min(low or top, high or top), max(low or top, high or top) + 1)}
    found = within(runs, SequenceSet(tuple(ranges)), top)
    assert [n for first, last in found for n in range(first, last + 1)] == sorted(numbers & wanted)


def test_many_runs_within_many_ranges_are_walked_once() -> None:
    runs = [(n, n) for n in range(1, 400_000, 2)]
    ranges = tuple((n, n + 1) for n in range(1, 90_000, 3))
    started = time.process_time()
    assert len(within(runs, SequenceSet(ranges), 1)) == 30_000
    assert time.process_time() - started < 5
