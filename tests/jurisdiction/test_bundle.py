"""The shipped bundle is whole, and a damaged one is refused with every problem at once."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from jurisdiction.atlas import Atlas
from jurisdiction.bundle import (
    DATA,
    MAX_FILE_BYTES,
    Accepted,
    AtlasErrors,
    RollbackRefused,
    accept,
    load,
    parse,
    read_folder,
)

TODAY = date(2026, 11, 21)


@pytest.fixture
def documents() -> dict[str, bytes]:
    return read_folder(DATA)


def damaged(documents: dict[str, bytes]) -> str:
    with pytest.raises(AtlasErrors) as caught:
        parse(documents)
    return str(caught.value)


def edit(documents: dict[str, bytes], file: str, old: str, new: str) -> None:
    text = documents[file].decode()
    assert old in text
    documents[file] = text.replace(old, new, 1).encode()


def test_the_seed_arrived_whole(atlas: Atlas) -> None:
    assert len(atlas.facts) == 121
    assert len(atlas.countries) == 249
    assert atlas.fact("IS.telecom_retention").value == "6 months"
    assert atlas.fact("AU.provider_decryption_duty").confidence == "unverified"
    assert {fact.checked_on for fact in atlas.facts} == {TODAY}


def test_every_member_of_the_union_but_denmark_is_bound_by_eevidence(atlas: Atlas) -> None:
    members = atlas.members("EU", TODAY)
    assert len(members) == 27
    states = {country: atlas.state(country, "eevidence_bound", TODAY, TODAY) for country in members}
    assert {country for country, found in states.items() if found.state != "yes"} == {"DK"}
    assert all(found.settled for found in states.values())


def test_the_eyes_contain_each_other(atlas: Atlas) -> None:
    five, nine, fourteen = (set(atlas.members(bloc, TODAY)) for bloc in ("FVEY", "9EYES", "14EYES"))
    assert five == {"US", "GB", "CA", "AU", "NZ"}
    assert nine - five == {"DK", "FR", "NL", "NO"}
    assert fourteen - nine == {"BE", "DE", "ES", "IT", "SE"}
    assert nine < fourteen
    assert five < nine


def test_the_economic_area_is_the_union_and_three_more(atlas: Atlas) -> None:
    assert set(atlas.members("EEA", TODAY)) - set(atlas.members("EU", TODAY)) == {"IS", "LI", "NO"}


def test_norway_is_a_country_and_not_false(atlas: Atlas) -> None:
    assert atlas.countries["NO"] == "Norway"
    assert atlas.fact("NO.telecom_retention").jurisdiction == "NO"


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("facts/NO.toml", 'jurisdiction = "NO"', "jurisdiction = NO", "facts/NO.toml: is not valid TOML"),
        ("facts/NO.toml", 'jurisdiction = "NO"', "jurisdiction = false", "Without them Norway"),
        ("facts/NO.toml", 'jurisdiction = "NO"', 'jurisdiction = "NX"', "unknown country 'NX'"),
        ("facts/NO.toml", 'jurisdiction = "NO"', 'jurisdiction = "SE"', "Move it to facts/SE.toml"),
        ("facts/NO.toml", 'sources = ["eyes"]', "sources = []", "verified but names no source"),
        ("facts/NO.toml", 'sources = ["eyes"]', 'sources = ["ears"]', "unknown source 'ears'"),
        ("facts/NO.toml", 'sources = ["eyes"]', "", "sources is missing"),
        ("facts/NO.toml", "next_review = 2027-02-21", "", "next_review is missing"),
        ("facts/NO.toml", "checked_on = 2026-11-21", "", "checked_on is missing"),
        ("facts/NO.toml", "next_review = 2027-02-21", "next_review = 2026-01-01", "next review before its last"),
        ("facts/NO.toml", 'state = "yes"', 'state = "maybe"', "state is 'maybe'"),
        ("facts/NO.toml", 'state = "yes"', "state = true", "state is True"),
        ("facts/NO.toml", 'state = "yes"', 'state = "unknown"', "verified and unknown at once"),
        ("facts/NO.toml", 'status = "in_force"', 'status = "repealed"', "repealed without an end"),
        ("facts/NO.toml", 'status = "in_force"', 'status = "scheduled"', "scheduled without a day"),
        ("facts/NO.toml", 'value = "9EYES"', 'value = "14EYES"', "blocs.toml does not"),
        ("facts/NO.toml", 'value = "9EYES"', 'value = "7EYES"', "unknown bloc '7EYES'"),
        ("facts/NO.toml", 'key = "sigint_bloc"', 'key = "sigint"', "unknown key 'sigint'"),
        ("facts/NO.toml", 'note = "reported', 'nota = "reported', "nota is not a key"),
        ("facts/NO.toml", "[[fact]]", "[[facts]]", "facts: is not known in this file"),
        ("facts/NO.toml", 'id = "NO.sigint_bloc"', 'id = "NO.telecom_retention"', "An id begins with NO.sigint_bloc"),
        ("facts/NO.toml", "2022-01-01", "2022-01-01T00:00:00", "must be a date"),
        ("facts/GB.toml", "in_force_until = 2031-12-27", "in_force_until = 2001-12-27", "ends before it begins"),
        ("sources.toml", 'kind = "academic"', 'kind = "rumour"', "kind is 'rumour'"),
        ("sources.toml", 'url = "https://', 'url = "gopher://', "A url begins with"),
        ("sources.toml", 'id = "lagasafn70"', 'id = "temanord"', "temanord: is defined twice"),
        ("blocs.toml", '{ country = "NO", from = 2013-01-01 }', '{ country = "NO" }', "from is missing"),
        ("blocs.toml", '{ country = "NO", from', "{ country = false, from", "Without them Norway"),
        ("blocs.toml", '{ country = "NO", from', '{ country = "DK", from', "counts DK twice"),
        ("blocs.toml", 'includes = ["FVEY"]', 'includes = ["SIX"]', "unknown bloc 'SIX'"),
        ("blocs.toml", "until = 2020-01-31", "until = 1960-01-31", "left before it joined"),
        ("entities.toml", 'entity = "amazon-com"', 'entity = "amazon"', "unknown parent 'amazon'"),
        ("entities.toml", "share = 100", "share = 101", "share is 101"),
        ("entities.toml", "asns = [16509]", "asns = [-1]", "list of AS numbers"),
        ("entities.toml", 'ownership = "listed"', 'ownership = "held"', "is held but names no parent"),
        ("events.toml", 'bloc = "EU"', "", "neither or both"),
        ("events.toml", 'fact = "CH.vuepf_revision"', 'fact = "CH.other"', "unknown fact 'CH.other'"),
        ("events.toml", 'stage = "cabinet"', 'stage = "rumour"', "stage is 'rumour'"),
        ("countries.toml", '"NO" = "Norway"', "NO = false", "countries.toml: NO: is not a code with a name"),
        ("countries.toml", '"NO" = "Norway"', '"no" = "Norway"', "countries.toml: no: is not a code"),
        ("sites.toml", "lat = 64.15", "lat = 640.15", "lat is 640.15"),
        ("sites.toml", 'country = "FO"', 'country = "IS"', "nearest place abroad at home"),
        ("bundle.toml", "serial = 3", "serial = 0", "serial is 0"),
        ("bundle.toml", "schema = 1", "schema = 2", "schema is 2"),
        ("keys.toml", 'kind = "bloc"', 'kind = "block"', "kind is 'block'"),
    ],
)
def test_damage_is_named_with_file_and_remedy(
    documents: dict[str, bytes], file: str, old: str, new: str, complaint: str
) -> None:
    edit(documents, file, old, new)
    message = damaged(documents)
    assert complaint in message
    assert file in message


def test_all_problems_are_reported_at_once(documents: dict[str, bytes]) -> None:
    edit(documents, "facts/IS.toml", 'jurisdiction = "IS"', 'jurisdiction = "XX"')
    edit(documents, "facts/US.toml", 'sources = ["eyes"]', "sources = []")
    edit(documents, "facts/DE.toml", "[[fact]]", "[fact")
    edit(documents, "blocs.toml", 'includes = ["FVEY"]', 'includes = ["SIX"]')
    with pytest.raises(AtlasErrors) as caught:
        parse(documents)
    assert {problem.file for problem in caught.value.problems} >= {
        "facts/IS.toml",
        "facts/US.toml",
        "facts/DE.toml",
        "blocs.toml",
    }


def test_two_values_in_force_on_one_day_are_refused(documents: dict[str, bytes]) -> None:
    edit(documents, "facts/DE.toml", 'status = "proposed"', 'status = "in_force"')
    assert "is in force on days on which DE.telecom_retention.2 is in force too" in damaged(documents)


def test_a_value_that_follows_another_is_no_overlap(documents: dict[str, bytes]) -> None:
    edit(documents, "facts/DE.toml", "as_of = 2025-07-01", "as_of = 2025-07-01\nin_force_until = 2026-12-31")
    edit(documents, "facts/DE.toml", 'status = "proposed"', 'status = "scheduled"\nin_force_from = 2027-01-01')
    atlas = parse(documents)
    states = [atlas.state("DE", "telecom_retention", on, TODAY).state for on in (TODAY, date(2027, 1, 1))]
    assert states == ["no", "yes"]


def test_a_fact_told_twice_is_refused(documents: dict[str, bytes]) -> None:
    documents["facts/NO.toml"] += documents["facts/NO.toml"][documents["facts/NO.toml"].index(b"[[fact]]") :]
    assert "NO.sigint_bloc: is defined twice" in damaged(documents)


@pytest.mark.parametrize("file", sorted(name for name in read_folder(DATA) if "/" not in name))
def test_a_missing_or_empty_file_is_refused(documents: dict[str, bytes], file: str) -> None:
    removed = dict(documents)
    del removed[file]
    assert f"{file}: is missing from the bundle" in damaged(removed)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff", "not UTF-8"),
        (b"a = 1\na = 2", "not valid TOML"),
        (b"x = " + b"[" * 50_000, "facts/IS.toml"),
        (b"#" * (MAX_FILE_BYTES + 1), "larger than"),
    ],
    ids=["encoding", "repetition", "nesting", "size"],
)
def test_hostile_files_are_refused(documents: dict[str, bytes], content: bytes, complaint: str) -> None:
    documents["facts/IS.toml"] = content
    assert complaint in damaged(documents)


def test_a_file_that_does_not_belong_is_refused(documents: dict[str, bytes]) -> None:
    documents["facts.toml"] = b""
    assert "facts.toml: is not a file of a bundle" in damaged(documents)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(AtlasErrors, match=r"holds bundle\.toml"):
        load(tmp_path / "nowhere")


def test_the_digest_speaks_of_facts_and_not_of_bytes(documents: dict[str, bytes], atlas: Atlas) -> None:
    documents["facts/IS.toml"] += b"\n# a comment\n"
    assert parse(documents).digest == atlas.digest
    edit(documents, "facts/IS.toml", '"6 months"', '"7 months"')
    assert parse(documents).digest != atlas.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda documents: edit(documents, "blocs.toml", "from = 2013-01-01", "from = 2013-01-02"),
        lambda documents: edit(documents, "sites.toml", "lat = 59.91", "lat = 59.92"),
        lambda documents: edit(documents, "entities.toml", "share = 100", "share = 99"),
        lambda documents: edit(documents, "events.toml", 'stage = "cabinet"', 'stage = "committee"'),
        lambda documents: edit(documents, "bundle.toml", "serial = 3", "serial = 4"),
    ],
)
def test_the_digest_covers_every_kind_of_record(
    documents: dict[str, bytes], atlas: Atlas, change: Callable[[dict[str, bytes]], None]
) -> None:
    change(documents)
    assert parse(documents).digest != atlas.digest


def test_an_older_bundle_is_refused(atlas: Atlas) -> None:
    with pytest.raises(RollbackRefused, match=f"serial {atlas.serial + 1} was accepted before"):
        accept(atlas, Accepted(atlas.serial + 1, "0" * 64))


def test_another_bundle_under_the_same_serial_is_refused(atlas: Atlas) -> None:
    with pytest.raises(RollbackRefused, match="different content"):
        accept(atlas, Accepted(atlas.serial, "0" * 64))


def test_the_same_and_a_newer_bundle_are_accepted(atlas: Atlas) -> None:
    accepted = accept(atlas, None)
    assert accept(atlas, accepted) == accepted
    assert accept(atlas, Accepted(0, "0" * 64)) == Accepted(atlas.serial, atlas.digest)
    assert load(accepted=accepted) == atlas
