"""The fuzz target of the ledger, fed with good samples, damaged ones and chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurisdiction.ledger.entries import CONTEXT, FactsBundle, encode
from tests.fuzz.fuzz_ledger import one

NOTE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
SAMPLES = [
    NOTE.encode(),
    b"old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\n" + NOTE.encode(),
    b"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    encode(FactsBundle("2026-11-21", 1, "d" * 64)).removeprefix(CONTEXT),
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_and_every_truncation_of_them(sample: bytes) -> None:
    for end in range(len(sample) + 1):
        one(sample[:end])


@given(st.sampled_from(SAMPLES), st.integers(0, 400), st.binary(max_size=4))
def test_samples_with_damage(sample: bytes, position: int, damage: bytes) -> None:
    position %= len(sample)
    one(sample[:position] + damage + sample[position + len(damage) :])


@given(st.binary(max_size=200))
def test_chance(data: bytes) -> None:
    one(data)
