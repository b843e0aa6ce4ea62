"""Who holds a mail host: by its name, its network, its network's number; and what stays unknown."""

from dataclasses import replace
from datetime import date

import pytest

from jurisdiction.atlas import Atlas, Entity
from jurisdiction.bundle import DATA, AtlasErrors, parse, read_folder
from jurisdiction.consistency import check
from jurisdiction.holders import Holders

TODAY = date(2026, 11, 22)


def entity(name: str, country: str, *, hosts: tuple[str, ...] = (), networks: tuple[str, ...] = ()) -> Entity:
    return Entity(
        name, name, country, "listed", (), (), "verified", ("eyes",), TODAY, date.max, hosts=hosts, networks=networks
    )


@pytest.fixture
def world(atlas: Atlas) -> Atlas:
    added = (
        entity("fjord", "NO", hosts=("mail.fjord.no",)),
        entity("outer", "DE", networks=("198.18.0.0/15", "2001:db8:1::/48")),
        entity("inner", "CH", networks=("198.18.7.0/24",)),
    )
    return replace(atlas, entities={**atlas.entities, **{one.id: one for one in added}})


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("mail.fjord.no", "fjord"),
        ("MX1.Mail.Fjord.no.", "fjord"),
        ("aspmx.l.google.com", "google"),
        ("example-com.mail.protection.outlook.com", "microsoft"),
        ("fjord.no", None),
        ("notmail.fjord.no", None),
        ("mail.fjord.no.evil.test", None),
        ("", None),
    ],
)
def test_the_end_of_a_name_tells_the_operator_label_by_label(world: Atlas, name: str, holder: str | None) -> None:
    found = Holders(world).by_name(name)
    assert (found.id if found else None) == holder


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("198.18.0.1", "outer"),
        ("198.18.7.255", "inner"),
        ("::ffff:198.18.7.1", "inner"),
        ("2001:db8:1::25", "outer"),
        ("198.20.0.1", None),
        ("not an address", None),
    ],
)
def test_the_smallest_network_tells_the_landlord(world: Atlas, address: str, holder: str | None) -> None:
    found = Holders(world).by_network(address)
    assert (found.id if found else None) == holder


def test_operator_and_landlord_count_together(world: Atlas) -> None:
    assert Holders(world).of("mail.fjord.no", "198.18.7.1", TODAY).controllers == ("NO", "CH")
    assert Holders(world).of("mail.fjord.no", "203.0.113.9", TODAY).controllers == ("NO",)


def test_a_known_landlord_does_not_make_the_operator_known(world: Atlas) -> None:
    held = Holders(world).of("mx.example.test", "198.18.7.1", TODAY)
    assert (held.entities, held.controllers) == (("inner",), ("CH", "??"))
    assert Holders(world).of("mx.example.test", "203.0.113.9", TODAY).controllers == ("??",)


def test_the_number_of_a_network_names_its_holder_where_no_network_does(world: Atlas) -> None:
    assert "US" in Holders(world).of("mx.example.test", "203.0.113.9", TODAY, asn=16509).controllers
    assert Holders(world).of("mx.example.test", "198.18.7.1", TODAY, asn=16509).controllers == ("CH", "??")


def test_no_name_or_network_belongs_to_two(world: Atlas) -> None:
    twice = replace(world, entities={**world.entities, "again": entity("again", "SE", hosts=("mail.fjord.no",))})
    assert any("mail.fjord.no" in problem.what for problem in check(twice))


@pytest.mark.parametrize("line", ['hosts = ["com"]', 'hosts = ["Google.com"]', 'networks = ["10.0.0.1/8"]'])
def test_what_is_no_name_or_network_is_a_problem(line: str) -> None:
    documents = read_folder(DATA)
    text = documents["entities.toml"].decode()
    documents["entities.toml"] = text.replace("asns = []", f"asns = []\n{line}", 1).encode()
    with pytest.raises(AtlasErrors):
        parse(documents)


def test_every_well_known_host_has_an_entity_with_a_country(atlas: Atlas) -> None:
    holders = Holders(atlas)
    for name, country in {
        "aspmx.l.google.com": "US",
        "x.mail.protection.outlook.com": "US",
        "in1-smtp.messagingengine.com": "AU",
        "mail.protonmail.ch": "CH",
        "mx1.mail.icloud.com": "US",
        "mta5.am0.yahoodns.net": "US",
        "mx00.gmx.net": "DE",
        "eu-smtp-inbound-1.mimecast.com": "GB",
    }.items():
        assert country in holders.of(name, "203.0.113.9", TODAY).controllers
