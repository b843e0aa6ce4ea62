"""The fuzz target of sealing, fed by hypothesis: rubbish, and published files with one thing changed."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.fuzz_age_header import READERS, one
from tests.seal.test_vectors import FOLDER

SEEDS = [
    base64.b64decode(vector["header"])
    for vector in json.loads((FOLDER / "messages.json").read_text(encoding="utf-8"))["vectors"]
]


@pytest.mark.parametrize("reader", range(len(READERS)))
@given(data=st.binary(max_size=400))
def test_rubbish_is_no_finding(reader: int, data: bytes) -> None:
    one(bytes([reader]) + data)


@given(st.sampled_from(SEEDS), st.data())
def test_a_published_header_with_a_piece_replaced_is_no_finding(seed: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(seed)))
    end = draw.draw(st.integers(start, min(len(seed), start + 70)))
    one(b"\x00" + seed[:start] + draw.draw(st.binary(max_size=70)) + seed[end:])
    one(b"\x05" + seed[:start] + draw.draw(st.binary(max_size=70)) + seed[end:])


def test_every_reader_can_be_reached_and_accepts_something() -> None:
    one(b"")
    for seed in SEEDS:
        READERS[0](seed)
    READERS[1](b'{"size":1,"internaldate":2}')
