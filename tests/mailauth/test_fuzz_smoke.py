"""The fuzz targets, for a moment, without a fuzzer."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import fuzz_dkim, fuzz_dmarc, fuzz_spf

pytestmark = pytest.mark.slow  # a fuzz smoke

WORDS = st.sampled_from(
    [
        b"v=",
        b"a:",
        b"%{d2r}",
        b"include:demo.test",
        b"-all",
        b"p=reject",
        b"psd=y",
        b"From: ",
        b"DKIM-Signature: ",
        b"\r\n",
        b"ARC-Seal: i=1; ",
        b"; ",
        b"b=",
        b"h=from",
        b"@",
        b"(",
        b'"',
        b"l=0",
        b"\x00",
        b"\xff",
        b"ptr",
        b"mx",
        b"sp=none",
    ]
)
DATA = st.one_of(st.binary(max_size=100), st.lists(WORDS, max_size=12).map(b"".join))


@pytest.mark.parametrize("target", [fuzz_spf.one, fuzz_dkim.one, fuzz_dmarc.one])
@settings(max_examples=150, deadline=None)
@given(reader=st.integers(0, 4), data=DATA)
def test_no_input_is_a_finding(target: Callable[[bytes], None], reader: int, data: bytes) -> None:
    target(bytes([reader]) + data)
