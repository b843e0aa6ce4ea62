"""Index segments: round trips, what does not open, and how little their bytes say."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal import CannotOpen
from mailhost.seal.padding import padme
from mailhost.seal.segment import (
    MAX_ENTRY_SIZE,
    MAX_SEGMENT_SIZE,
    SEGMENT_UIDS,
    IndexEntry,
    SegmentPlace,
    open_segment,
    seal_segment,
)
from tests.seal.people import ADA, BEN

PLACE = SegmentPlace("f" * 32, 11, 1)
OVERHEAD = 1 + 16 + 16  # version, salt, tag


def entry(uid: int, envelope: bytes | None = b'("Mon, 1 Jan 2024" "Hi")') -> IndexEntry:
    return IndexEntry(
        uid, 1_700_000_000 + uid, 1_699_999_200, 4096, bytes(16), b"0" * 32, envelope, b"B", None, b"", b"<a@b>"
    )


texts = st.none() | st.binary(max_size=400)
entries = st.lists(
    st.builds(
        IndexEntry,
        uid=st.integers(SEGMENT_UIDS, 2 * SEGMENT_UIDS - 1),
        internaldate=st.integers(-(2**63), 2**63 - 1),
        saved=st.integers(0, 2**40),
        size=st.integers(0, 2**63 - 1),
        file_key=st.binary(min_size=16, max_size=16),
        email_id=st.binary(max_size=32),
        envelope=texts,
        body=texts,
        bodystructure=texts,
        preview=texts,
        references=texts,
    ),
    max_size=20,
    unique_by=lambda one: one.uid,
).map(lambda found: sorted(found, key=lambda one: one.uid))


@given(entries)
def test_what_goes_in_comes_out(some: list[IndexEntry]) -> None:
    assert open_segment(ADA, PLACE, seal_segment(ADA, PLACE, some)) == some


def test_a_full_segment_of_the_longest_entries_opens() -> None:
    room = MAX_ENTRY_SIZE - len(entry(0, b"")[5]) - 6
    longest = [entry(SEGMENT_UIDS + number, b"x" * room) for number in range(SEGMENT_UIDS)]
    assert all(one.fits() for one in longest)
    box = seal_segment(ADA, PLACE, longest)
    assert len(box) <= MAX_SEGMENT_SIZE
    assert open_segment(ADA, PLACE, box) == longest


def test_more_or_longer_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer"):
        seal_segment(ADA, PLACE, [entry(number) for number in range(SEGMENT_UIDS + 1)])
    with pytest.raises(ValueError, match="shorter"):
        seal_segment(ADA, PLACE, [entry(SEGMENT_UIDS, b"x" * MAX_ENTRY_SIZE)])


@pytest.mark.parametrize(
    "place",
    [PLACE._replace(folder="e" * 32), PLACE._replace(uidvalidity=12), PLACE._replace(number=2)],
    ids=["folder", "uidvalidity", "number"],
)
def test_a_box_opens_only_in_its_place(place: SegmentPlace) -> None:
    with pytest.raises(CannotOpen):
        open_segment(ADA, place, seal_segment(ADA, PLACE, [entry(600)]))


def test_nobody_else_opens_it() -> None:
    with pytest.raises(CannotOpen):
        open_segment(BEN, PLACE, seal_segment(ADA, PLACE, [entry(600)]))


@given(st.data())
def test_a_changed_box_does_not_open(data: st.DataObject) -> None:
    box = bytearray(seal_segment(ADA, PLACE, [entry(600)]))
    place = data.draw(st.integers(0, len(box) - 1))
    box[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotOpen):
        open_segment(ADA, PLACE, bytes(box))


@pytest.mark.parametrize("length", [0, 1, 16, 17, 32, 33, 100])
def test_a_box_cut_short_does_not_open(length: int) -> None:
    with pytest.raises(CannotOpen):
        open_segment(ADA, PLACE, seal_segment(ADA, PLACE, [entry(600)])[:length])


def test_a_box_larger_than_any_is_not_looked_at() -> None:
    with pytest.raises(CannotOpen):
        open_segment(ADA, PLACE, b"\x01" + bytes(MAX_SEGMENT_SIZE))


@dataclass
class Cipher:
    """In place of the cipher: what it is given to encrypt is `plain`, so that a wrong writer can be played."""

    plain: bytes

    def decrypt(self, nonce: bytes, data: bytes, aad: None) -> bytes:
        assert nonce
        assert aad is None
        return self.plain


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda some: b"\x02\0\0\0\x58\x02\0\0\x59\x02\0\0" + some))
def test_a_wrong_writer_can_make_nothing_worse_than_cannot_open(plain: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailhost.seal.segment._cipher", lambda *_: Cipher(plain))
        with suppress(CannotOpen):
            open_segment(ADA, PLACE, b"\x01" + bytes(100))


@pytest.mark.parametrize("uids", [(601, 600), (600, 600), (600, 1024), (511, 600)])
def test_uids_ascend_and_belong_to_the_segment(uids: tuple[int, int]) -> None:
    with pytest.raises(CannotOpen):
        open_segment(ADA, PLACE, seal_segment(ADA, PLACE, [entry(uid) for uid in uids]))


def test_two_boxes_of_the_same_entries_have_nothing_in_common() -> None:
    first, second = (seal_segment(ADA, PLACE, [entry(600)]) for _ in range(2))
    assert first[1:] != second[1:]
    assert first[17:] != second[17:]


def test_the_length_is_a_padme_length_and_does_not_depend_on_what_is_repeated() -> None:
    alike = [entry(600 + number, b"a" * 300) for number in range(50)]
    unlike = [entry(600 + n, hashlib.shake_256(bytes([n])).digest(300)) for n in range(50)]
    lengths = {len(seal_segment(ADA, PLACE, some)) - OVERHEAD for some in (alike, unlike)}
    assert len(lengths) == 1
    [length] = lengths
    assert padme(length) == length
