"""Address to country: the reader of Debian's files, and two opinions."""

from datetime import date, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurisdiction.geo import (
    MAX_AGE_DAYS,
    TOR_FOLDER,
    Dataset,
    GeoDataError,
    Located,
    load_tor,
    locate,
    parse_tor,
)

MADE = date(2026, 11, 1)
TODAY = date(2026, 11, 21)
HEAD = ["# Generated: Sun, 01 Nov 2026 04:33:59 GMT\n", "#\n"]
FOUR = [
    *HEAD,
    "16777216,16777471,AU\n",
    "16777472,16777727,??\n",
    "16778240,16778240,IS\n",
    "3221225472,4294967295,EU\n",
]
SIX = [
    *HEAD,
    "2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,IS\n",
    "2001:db8:1::5,2001:db8:1::5,NO\n",
    "ffff::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,CH\n",
]
COUNTRIES = {"AU", "IS", "NO", "CH"}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return parse_tor(FOUR, SIX)


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("1.0.0.0", "AU"),
        ("1.0.0.255", "AU"),
        ("1.0.1.0", "??"),
        ("1.0.2.0", "??"),
        ("1.0.4.0", "IS"),
        ("1.0.4.1", "??"),
        ("0.0.0.0", "??"),
        ("255.255.255.255", "EU"),
        ("2001:db8::", "IS"),
        ("2001:0DB8:0:0::1", "IS"),
        ("2001:db8:1::4", "??"),
        ("2001:db8:1::5", "NO"),
        ("2001:db8:1::6", "??"),
        ("::", "??"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "CH"),
        ("::ffff:1.0.0.1", "AU"),
        ("", "??"),
        ("1.0.0", "??"),
        ("1.0.0.0.0", "??"),
        ("0x1.0.0.0", "??"),
        ("01.0.0.0", "??"),
        ("1.0.0.0 ", "??"),
        ("1.0.0.0\0", "??"),
        ("example.is", "??"),
        ("fe80::1%eth0", "??"),
        ("ø", "??"),
    ],
)
def test_labels_of_addresses(dataset: Dataset, address: str, label: str) -> None:
    assert dataset.label(address) == label


gaps = st.lists(st.tuples(st.integers(1, 2**28), st.integers(0, 2**27), st.sampled_from(["IS", "NO"])), max_size=12)


@pytest.mark.slow  # reads every line
@settings(max_examples=20)  # each builds the index of a whole address space
@given(gaps, st.lists(st.integers(0, 2**32 - 1), max_size=30))
def test_the_search_agrees_with_reading_every_line(gaps: list[tuple[int, int, str]], addresses: list[int]) -> None:
    rows: list[tuple[int, int, str]] = []
    position = -1
    for gap, length, code in gaps:
        start = position + gap
        if start + length < 2**32:
            rows.append((start, start + length, code))
            position = start + length
    found = parse_tor([f"{start},{end},{code}\n" for start, end, code in rows], [])
    for number in addresses + [edge for row in rows for edge in row[:2]]:
        expected = next((code for start, end, code in rows if start <= number <= end), "??")
        assert found.label(str(ip_address(number))) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "1,2",
        "1,2,ISL",
        "1,2,",
        "2,1,IS",
        "-2,1,IS",
        "1.5,2,IS",
        "4294967295,4294967296,IS",
        "1,99999999999999999999999,IS",
        "9" * 5000 + ",1,IS",
    ],
)
def test_a_damaged_line_is_named(line: str) -> None:
    with pytest.raises(GeoDataError, match="line 3"):
        parse_tor([*HEAD, line + "\n"], [])


def test_lines_out_of_order_or_overlapping_are_refused() -> None:
    for lines in (["5,9,IS\n", "1,2,NO\n"], ["1,5,IS\n", "5,9,NO\n"]):
        with pytest.raises(GeoDataError, match="line 2"):
            parse_tor(lines, [])
    with pytest.raises(GeoDataError, match="line 1"):
        parse_tor([], ["1.2.3.4,1.2.3.5,IS\n"])


def test_the_date_is_the_older_of_both_files() -> None:
    assert parse_tor(FOUR, SIX).made == MADE
    older = [line.replace("Sun, 01 Nov 2026", "Thu, 01 Oct 2026") for line in SIX]
    assert parse_tor(FOUR, older).made == date(2026, 10, 1)
    with pytest.raises(GeoDataError, match="no date"):
        parse_tor(["# Generated: yesterday\n"], [])


@pytest.mark.parametrize(("age", "stale"), [(0, False), (MAX_AGE_DAYS, False), (MAX_AGE_DAYS + 1, True), (-2, True)])
def test_a_dataset_is_stale_after_four_months(dataset: Dataset, age: int, stale: bool) -> None:
    assert dataset.stale(MADE + timedelta(days=age)) is stale
    assert dataset.age_days(MADE + timedelta(days=age)) == age


def test_a_dataset_without_a_date_is_stale() -> None:
    assert parse_tor([], []).stale(TODAY)


def ask(dataset: Dataset | None, address: str = "1.0.4.0", second: str | None = "IS", today: date = TODAY) -> Located:
    anycast = [ip_network("1.0.0.128/25"), ip_network("2600::/48")]
    return locate(address, dataset, None if second is None else lambda _address: second, COUNTRIES, today, anycast)


def test_two_datasets_agree(dataset: Dataset) -> None:
    found = ask(dataset)
    assert (found.verdict, found.country) == ("agree", "IS")


@pytest.mark.parametrize(
    ("address", "second", "verdict", "why"),
    [
        ("1.0.4.0", "NO", "conflict", "One dataset says IS, the other NO"),
        ("1.0.4.0", None, "unknown", "second dataset is needed"),
        ("1.0.4.0", "??", "unknown", "no label"),
        ("1.0.4.1", "IS", "unknown", "no label"),
        ("nonsense", "IS", "unknown", "no label"),
        ("193.0.0.1", "EU", "not_a_country", "region"),
        ("1.0.4.0", "AP", "not_a_country", "region"),
        ("1.0.0.200", "AU", "anycast", "many places"),
        ("2600::9", "IS", "anycast", "many places"),
        ("192.168.0.1", "IS", "not_a_country", "not on the internet"),
        ("2001:db8::9", "IS", "not_a_country", "not on the internet"),
    ],
)
def test_anything_but_agreement_names_no_country(
    dataset: Dataset, address: str, second: str | None, verdict: str, why: str
) -> None:
    found = ask(dataset, address, second)
    assert (found.verdict, found.country) == (verdict, "??")
    assert why in found.why


def test_missing_and_stale_data_say_what_to_install(dataset: Dataset) -> None:
    for found in (ask(None), ask(dataset, today=MADE + timedelta(days=MAX_AGE_DAYS + 1))):
        assert (found.verdict, found.country) == ("unknown", "??")
        assert "apt install tor-geoipdb" in found.why


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(GeoDataError, match="apt install tor-geoipdb"):
        load_tor(tmp_path)
    (tmp_path / "geoip").write_bytes(b"\xff")
    (tmp_path / "geoip6").write_bytes(b"")
    with pytest.raises(GeoDataError, match="cannot be read"):
        load_tor(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not (TOR_FOLDER / "geoip").exists(), reason="Debian's tor-geoipdb is not installed")
def test_debians_files_are_read() -> None:
    dataset = load_tor()
    assert len(dataset.ipv4.starts) > 100_000
    assert len(dataset.ipv6.starts) > 100_000
    assert dataset.made is not None
    assert dataset.label("8.8.8.8") == "US"
