"""Ledger entries: one encoding each, and nothing personal in them."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurisdiction.ledger.entries import (
    CONTEXT,
    MAX_ITEMS,
    MAX_NUMBER,
    TYPES,
    ClientBundle,
    EntryError,
    KeyRecord,
    Placement,
    PolicyVersion,
    decode,
    encode,
)

texts = st.from_regex(r"[A-Za-z0-9:._+/=-]{0,80}", fullmatch=True)
values: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(0, MAX_NUMBER),
    tuple[str, ...]: st.lists(texts, max_size=4).map(tuple),
}
entries = st.one_of(
    [st.builds(kind, **{field.name: values[field.type] for field in fields(kind)}) for kind in TYPES.values()]
)
POLICY = PolicyVersion("2026-11-21", "a" * 64, 3, "b" * 64)


@given(entries)
def test_every_entry_comes_back_from_its_bytes(entry: Any) -> None:
    data = encode(entry)
    assert decode(data) == entry
    assert data.isascii()


@given(entries, entries)
def test_different_entries_have_different_bytes(one: Any, other: Any) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@pytest.mark.parametrize("text", ["ada@example.is", "Ada Lovelace", "á", "line\nbreak", '"', "x" * 4097])
def test_what_could_be_personal_is_refused(text: str) -> None:
    with pytest.raises(EntryError, match="tenant may hold"):
        encode(replace(POLICY, tenant=text))


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1, True, 1.0])
def test_numbers_are_whole_and_small_enough_for_json(number: Any) -> None:
    with pytest.raises(EntryError, match="version must be a whole number"):
        encode(replace(POLICY, version=number))


def test_lists_have_an_end() -> None:
    with pytest.raises(EntryError, match="wrong shape"):
        encode(KeyRecord("a", 1, ("k",) * (MAX_ITEMS + 1), "", ""))
    with pytest.raises(EntryError, match="longer"):
        encode(KeyRecord("a", 1, ("k" * 4096,) * 20, "", ""))
    with pytest.raises(EntryError, match="wrong shape"):
        encode(KeyRecord("a", 1, "k", "", ""))  # type: ignore[arg-type]
    with pytest.raises(EntryError, match="wrong shape"):
        encode(ClientBundle("2026-11-21", ("1",), "d"))  # type: ignore[arg-type]


def spelled(values: object) -> bytes:
    return CONTEXT + json.dumps(values, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        CONTEXT,
        CONTEXT + b"[]",
        CONTEXT + b"{}",
        CONTEXT + b"[" * 100_000,
        spelled({"type": "gossip"}),
        spelled({"type": ["policy"]}),
        spelled({"type": "policy"}),
        encode(POLICY) + b" ",
        encode(POLICY).replace(b":3", b": 3"),
        encode(POLICY).replace(b":3", b":3.0"),
        encode(POLICY).replace(b":3", b":03"),
        encode(POLICY).replace(b":3", b':"3"'),
        encode(POLICY).replace(b":3", b":null"),
        encode(POLICY).replace(b'"aaaa', b'"\\u0061aaa'),
        encode(POLICY).replace(b"}", b',"version":3}'),
        encode(POLICY).replace(b"}", b',"more":3}'),
        encode(POLICY).replace(b"v1", b"v2"),
        encode(POLICY)[:-1],
    ],
)
def test_every_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(EntryError):
        decode(data)


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_nothing_but_the_entry_error(data: bytes) -> None:
    for candidate in (data, CONTEXT + data):
        with pytest.raises(EntryError):
            decode(candidate)


def test_a_placement_carries_everything_it_was_based_on() -> None:
    entry = Placement(
        on="2026-11-21",
        tenant="a" * 64,
        asset="b" * 64,
        cell="is-1",
        kind="primary",
        verdict="deny",
        because=("BLOC_DENIED:FVEY", "CTRL_DENIED:US:FVEY"),
        policy="c" * 64,
        facts_serial=7,
        facts="d" * 64,
        evidence=("e" * 64,),
        expires="2026-12-21",
    )
    assert b'"because":["BLOC_DENIED:FVEY","CTRL_DENIED:US:FVEY"]' in encode(entry)
    assert decode(encode(entry)) == entry
