"""Reports of round trips: signed by somebody known, about this cell's data, of this week; everything else is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from jurisdiction.evidence import ChallengeFailed
from jurisdiction.ledger.notes import ED25519, PublicKey
from jurisdiction.roundtrips import MAX_AGE_DAYS, Report, ReportRefused, accept, parse, signed

TODAY = date(2026, 11, 21)
HOUR = datetime(2026, 11, 21, 14, tzinfo=UTC)
KEY = SigningKey(b"m" * 32)
MEASURER = PublicKey("measurer/Reykjavik", ED25519, bytes(KEY.verify_key))
REPORT = Report("mx.example.is/is-1", "Reykjavik", b"n" * 32, b"a" * 32, 16, HOUR, 900, TODAY)


def expected(nonce: bytes, as_of: datetime) -> tuple[bytes, int]:
    assert (nonce, as_of) == (REPORT.nonce, HOUR)
    return b"a" * 32, 16


def brought(text: str, today: date = TODAY) -> Report:
    return accept(text.encode(), {"Reykjavik": MEASURER}, REPORT.cell, today, expected)


def test_a_genuine_report_is_a_round_trip_in_milliseconds() -> None:
    found = brought(signed(REPORT, MEASURER.name, KEY))
    assert found == REPORT
    assert (found.round_trip.landmark, found.round_trip.ms) == ("Reykjavik", 0.9)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"cell": "mx.example.no/no-1"}, "not about this cell"),
        ({"landmark": "Oslo"}, "nobody is known who measures from 'Oslo'"),
        ({"taken_on": TODAY - timedelta(days=MAX_AGE_DAYS + 1)}, "measure again"),
        ({"taken_on": TODAY + timedelta(days=1)}, "measure again"),
    ],
)
def test_a_report_about_something_else_is_refused(changed: dict[str, object], why: str) -> None:
    other = replace(REPORT, **changed)  # type: ignore[arg-type]
    with pytest.raises(ReportRefused, match=why):
        brought(signed(other, MEASURER.name, KEY))


def test_an_answer_over_other_data_is_refused() -> None:
    with pytest.raises(ChallengeFailed, match="does not fit the stored blobs"):
        brought(signed(replace(REPORT, answer=b"b" * 32), MEASURER.name, KEY))


def test_a_report_that_was_changed_or_signed_by_another_is_refused() -> None:
    text = signed(REPORT, MEASURER.name, KEY)
    for forged in (text.replace("\n900\n", "\n1\n"), signed(REPORT, MEASURER.name, SigningKey(b"x" * 32)), text[:-3]):
        with pytest.raises(ReportRefused, match="was not signed by its measurer"):
            brought(forged)


@pytest.mark.parametrize(
    "change",
    [
        ("skerry-roundtrip-v1", "skerry-roundtrip-v2"),
        ("\n900\n", "\n0\n"),
        ("\n900\n", "\n-5\n"),
        ("\n900\n", "\n99999999999\n"),
        ("\n900\n", "\n0900\n"),
        ("\n16\n", "\n-1\n"),
        ("+00:00", ""),
        ("6e" * 32, "6e" * 31),
        ("2026-11-21\n", "2026-11-21\nmore\n"),
        ("Reykjavik", "Reykja\nvik"),
    ],
)
def test_what_is_no_report_is_refused(change: tuple[str, str]) -> None:
    text = REPORT.text()
    assert change[0] in text
    with pytest.raises(ReportRefused):
        parse(text.replace(*change))


@given(st.text())
def test_any_text_is_a_report_or_refused(text: str) -> None:
    with suppress(ReportRefused):
        assert parse(text).text() == text
