"""Sequence sets: `1:3,7,*` and what they mean on a folder of half a million messages.

A set is kept as ranges, never as numbers, so `1:4294967295` costs what `1` costs. Resolving it against the
ascending UIDs of a folder is two bisections a range. Results are *index ranges* (start, stop) into the
client's picture: sorted, merged, half-open; sequence number = index + 1 (RFC 9051 §2.3.1.2, §9 sequence-set).
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

# nz-number is 32 bits (RFC 9051 §9); 0 stands for "*" inside this module and is never a number on the wire.
MAX_NUMBER = 0xFFFFFFFF
STAR = 0
# A line of 64 KiB can hold 32,768 ranges at most; the limit is there for literals and callers of other kinds.
MAX_RANGES = 40_000

_RANGE = re.compile(rb"(\*|[1-9]\d{0,9})(?::(\*|[1-9]\d{0,9}))?")

type IndexRanges = list[tuple[int, int]]


class BadSet(ValueError):
    """Not a sequence set."""


class OutOfRange(ValueError):
    """A sequence number above the number of messages."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as the client wrote them; STAR (0) is the highest number in use. `saved` is `$` of RFC 5182."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False


SAVED = SequenceSet((), saved=True)


def parse_set(text: bytes) -> SequenceSet:
    """Read `sequence-set` of RFC 9051 §9, `$` included. Raises BadSet."""
    if text == b"$":
        return SAVED
    ranges = []
    for item in text.split(b",", MAX_RANGES):
        found = _RANGE.fullmatch(item)
        if found is None:
            raise BadSet("Not a sequence set")
        low = _number(found[1])
        high = low if found[2] is None else _number(found[2])
        ranges.append((low, high))
    return SequenceSet(tuple(ranges))


def _number(text: bytes) -> int:
    if text == b"*":
        return STAR
    number = int(text)
    if number > MAX_NUMBER:
        raise BadSet("A number in the sequence set has more than 32 bits")
    return number


def numbered(sequence: SequenceSet, exists: int, *, strict: bool) -> IndexRanges:
    """Index ranges of a set of sequence numbers in a folder of `exists` messages.

    `strict` raises OutOfRange for a number that no message has (FETCH, STORE, COPY); SEARCH just finds nothing.
    An empty folder accepts sets that name `*`: clients ask `1:*` there and mean "whatever there is".
    """
    found = []
    for low, high in sequence.ranges:
        first, last = (exists if n == STAR else n for n in (low, high))
        if first > last:
            first, last = last, first
        if not exists and STAR in (low, high):
            continue
        if strict and last > exists:
            raise OutOfRange("No message has that sequence number")
        if first <= exists:
            found.append((first - 1, min(last, exists)))
    return merged(found)


def with_uids(sequence: SequenceSet, uids: array[int]) -> IndexRanges:
    """Index ranges of a set of UIDs; UIDs that do not exist are passed over (RFC 9051 §6.4.9).

    `n:*` always includes the last message, whatever n is, for `*` is its UID and ranges have no direction.
    """
    if not uids:
        return []
    top = uids[-1]
    found = []
    for low, high in sequence.ranges:
        first, last = (top if n == STAR else n for n in (low, high))
        if first > last:
            first, last = last, first
        start, stop = bisect_left(uids, first), bisect_right(uids, last)
        if start < stop:
            found.append((start, stop))
    return merged(found)


def merged(ranges: IndexRanges) -> IndexRanges:
    """Sorted, without overlaps or seams."""
    if len(ranges) < 2:
        return ranges
    ranges.sort()
    result = [ranges[0]]
    for start, stop in ranges[1:]:
        last_start, last_stop = result[-1]
        if start <= last_stop:
            if stop > last_stop:
                result[-1] = (last_start, stop)
        else:
            result.append((start, stop))
    return result


def count(ranges: IndexRanges) -> int:
    """How many messages."""
    return sum(stop - start for start, stop in ranges)


def indexes(ranges: IndexRanges) -> Iterator[int]:
    """Each index, ascending."""
    for start, stop in ranges:
        yield from range(start, stop)


def batches(ranges: IndexRanges, size: int) -> Iterator[Sequence[int]]:
    """The same indexes in lots of `size` (the last may be smaller), so that long work can pause between them.

    A lot reaches over gaps: a set of a thousand single numbers is one lot and not a thousand.
    """
    gathered: list[int] = []
    for first, stop in ranges:
        start = first
        while start < stop:
            taken = range(start, min(stop, start + size - len(gathered)))
            start = taken.stop
            if len(taken) == size:
                yield taken
                continue
            gathered += taken
            if len(gathered) == size:
                yield gathered
                gathered = []
    if gathered:
        yield gathered


def from_indexes(ascending: Iterable[int]) -> IndexRanges:
    """Index ranges of ascending indexes."""
    result: IndexRanges = []
    start = stop = -1
    for index in ascending:
        if index == stop:
            stop += 1
            continue
        if stop > start:
            result.append((start, stop))
        start, stop = index, index + 1
    if stop > start:
        result.append((start, stop))
    return result


def format_set(numbers: Sequence[int]) -> bytes:
    """`1:3,7` from numbers in any order that suits the caller; runs are found only where they ascend by one."""
    runs = []
    position, end = 0, len(numbers)
    while position < end:
        first = last = numbers[position]
        position += 1
        while position < end and numbers[position] == last + 1:
            last += 1
            position += 1
        runs.append((first, last))
    return format_runs(runs)


def format_runs(runs: Iterable[tuple[int, int]]) -> bytes:
    """`1:3,7` from runs (first, last)."""
    return b",".join([b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in runs])


def within(runs: Sequence[tuple[int, int]], sequence: SequenceSet, top: int) -> list[tuple[int, int]]:
    """What ascending runs (first, last) have in common with a set in which `*` is `top`, in one walk along both."""
    wanted = merged([(min(low or top, high or top), max(low or top, high or top) + 1) for low, high in sequence.ranges])
    found = []
    position = 0
    for first, last in runs:
        while position < len(wanted) and wanted[position][1] <= first:
            position += 1
        here = position
        while here < len(wanted) and wanted[here][0] <= last:
            start, stop = wanted[here]
            found.append((max(first, start), min(last, stop - 1)))
            here += 1
        # The last of them may reach into the next run as well.
        position = max(position, here - 1)
    return found
