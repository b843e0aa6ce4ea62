"""Where this machine puts an address: datasets that are there, missing, damaged, replaced."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jurisdiction.declared import PlacesErrors
from tests.notaries import atlas
from webadmin.cell.gazetteer import Gazetteer, country_of, number_of
from webadmin.environ import Environ, read

TODAY = date(2026, 11, 22)
COUNTRIES = atlas().countries


def environ(tmp_path: Path, **values: Any) -> Environ:
    return read({"home": tmp_path, **values})


def dataset(folder: Path, code: str) -> None:
    folder.mkdir(exist_ok=True)
    made = "# Generated: Fri, 20 Nov 2026 00:00:00 GMT\n"
    (folder / "geoip").write_text(f"{made}16843009,16843010,{code}\n")
    (folder / "geoip6").write_text(f"{made}2001:200::,2001:200:ffff::,{code}\n")


def test_without_datasets_everything_is_unknown_with_the_remedy(tmp_path: Path) -> None:
    where = Gazetteer(environ(tmp_path), COUNTRIES, tor=tmp_path)
    found = where("1.1.1.1", TODAY).located
    assert (found.verdict, "apt install tor-geoipdb" in found.why) == ("unknown", True)
    assert where("127.0.0.1", TODAY).located.verdict == "not_a_country"


def test_a_dataset_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    where = Gazetteer(environ(tmp_path), COUNTRIES, tor=tmp_path / "tor")
    assert where("1.1.1.1", TODAY).located.first == "??"
    dataset(tmp_path / "tor", "AU")
    assert where("1.1.1.1", TODAY).located.first == "AU"
    (tmp_path / "tor" / "geoip").write_text("damaged\n")
    assert "No geolocation dataset" in where("1.1.1.1", TODAY).located.why


def test_a_second_dataset_that_is_no_dataset_is_none(tmp_path: Path) -> None:
    dataset(tmp_path / "tor", "AU")
    (tmp_path / "x.mmdb").write_bytes(b"not a database")
    where = Gazetteer(environ(tmp_path, geo_database=tmp_path / "x.mmdb"), COUNTRIES, tor=tmp_path / "tor")
    assert "second dataset" in where("1.1.1.1", TODAY).located.why


def test_declared_places_come_from_the_setting_or_the_file(tmp_path: Path) -> None:
    where = Gazetteer(environ(tmp_path, places="127.0.0.2/32=IS, 10.0.0.0/8=DE/US"), COUNTRIES, tor=tmp_path)
    assert where("127.0.0.2", TODAY).located.country == "IS"
    assert where("10.1.1.1", TODAY).owners == ("US",)
    (tmp_path / "is-1").mkdir()
    (tmp_path / "is-1" / "places").write_text("# the laboratory\n127.0.0.3/32 = NO\n")
    where = Gazetteer(environ(tmp_path), COUNTRIES, tor=tmp_path)
    assert where("127.0.0.3", TODAY).located.country == "NO"


def test_a_declaration_that_cannot_be_read_stops_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PlacesErrors, match="unknown country 'UK'"):
        Gazetteer(environ(tmp_path, places="10.0.0.0/8=UK"), COUNTRIES, tor=tmp_path)


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "IS"}}, "IS"),
        ({"country_code": "is"}, "IS"),
        ({"country": "IS"}, "IS"),
        ({"country": {"iso_code": 7}}, "??"),
        ({}, "??"),
        (None, "??"),
    ],
)
def test_a_country_is_found_wherever_a_database_keeps_it(record: Any, country: str) -> None:
    assert country_of(record) == country


@pytest.mark.parametrize(
    ("record", "number"),
    [
        ({"autonomous_system_number": 15169}, 15169),
        ({"asn": "AS15169"}, 15169),
        ({"asn": "ASx"}, None),
        ({"asn": "0"}, None),
        ({"asn": str(2**32)}, None),
        (None, None),
    ],
)
def test_a_networks_number_is_a_number(record: Any, number: int | None) -> None:
    assert number_of(record) == number
