"""A domain from its first check to green, and its mail judged by programs that nobody here wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import dkim  # type: ignore[import-untyped]  # it ships no types
import dns.resolver
import pytest

from mailhost.mailauth.resolver import A, Cname, Mx, Rdata, Srv, Tlsa, Txt
from tests.journeys.house import House, prepared
from tests.journeys.otherhost import other_host
from tests.journeys.test_sending import mail, submit
from tests.patience import eventually
from tests.servers.dnsworld import DnsWorld, Zone, dns_world
from tests.servers.presence import need
from tests.servers.privatenetwork import PrivateNetwork, private_network

pytestmark = [pytest.mark.journey, pytest.mark.slow]

CELL_ZONE = "is-1.cells.test"


@pytest.fixture
def world() -> Iterator[tuple[PrivateNetwork, DnsWorld]]:
    records: dict[str, list[Rdata]] = {f"mx.{CELL_ZONE}": [A(IPv4Address("127.0.0.1"))]}
    zones = [Zone("example.is"), Zone("cells.test")]
    with private_network() as network, dns_world(records, zones, resolver_port=53) as made:
        yield network, made


def publish(world: DnsWorld, records: list[dict[str, Any]]) -> None:
    """Do what a domain's owner does with the list of records."""
    found: dict[str, list[Rdata]] = {}
    for one in records:
        words = one["value"].split()
        match one["type"]:
            case "MX":
                record: Rdata = Mx(int(words[0]), words[1])
            case "CNAME":
                record = Cname(one["value"])
            case "SRV":
                record = Srv(int(words[0]), int(words[1]), int(words[2]), words[3])
            case "TLSA":
                record = Tlsa(int(words[0]), int(words[1]), int(words[2]), bytes.fromhex(words[3]))
            case _:
                record = Txt(one["value"].encode())
        found.setdefault(one["name"], []).append(record)
    for name, values in found.items():
        world.put(name, *values)


def wait_until_signing(cell: House) -> None:
    def states() -> set[str]:
        return {key["state"] for key in cell.skerry("domain", "keys", "example.is")}

    eventually(lambda: states() == {"signing"}, lambda: cell.log[-3000:])


def test_a_domain_goes_from_wrong_to_right_and_its_mail_is_believed(world: tuple[PrivateNetwork, DnsWorld]) -> None:
    need("opendkim-testmsg")
    network, names = world
    settings = {
        "SKERRY_RESOLVER": names.resolver,
        "SKERRY_ZONE": CELL_ZONE,
        "SKERRY_HOSTNAME": f"mx.{CELL_ZONE}",
        "SKERRY_MTA_STS": "testing",
    }
    with other_host() as other, prepared(SKERRY_SMARTHOST=f"127.0.0.1:{other.port}", **settings) as cell:
        cell.people("example", "example.is", ["ada"])
        ada = cell.app_password("ada@example.is", "session")
        assert {key["state"] for key in cell.skerry("domain", "keys", "example.is")} == {"published"}
        wrong = cell.skerry("domain", "check", "example.is", fails=True)
        assert {one["status"] for one in wrong["records"] if one["required"]} == {"missing"}

        publish(names, cell.skerry("domain", "records", "example.is"))
        publish(names, cell.skerry("domain", "zone"))
        right = cell.skerry("domain", "check", "example.is")
        assert [one for one in right["records"] if one["status"] != "ok"] == []

        cell.start()
        wait_until_signing(cell)
        submit(cell, ada, mail("Signed"), "cleo@other.test")
        other.wait_for(1)
    text = other.arrived[0].content
    assert text.count(b"DKIM-Signature:") == 2
    judged = judged_by_dkimpy(text)
    assert judged == [True, True]
    done = subprocess.run(
        [*network.prefix, "opendkim-testmsg"],
        input=text,
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert judged_by_dkimpy(text.replace(b"Subject: Signed", b"Subject: Forged")) == [False, False]


def judged_by_dkimpy(text: bytes) -> list[bool]:
    """Each signature, looked up in the world."""
    message = dkim.DKIM(text)
    return [bool(message.verify(idx=index, dnsfunc=_look)) for index in range(2)]


def sealed_by(text: bytes) -> tuple[bytes, list[bytes]]:
    """What dkimpy thinks of a message's ARC chain, and the domains that sealed it (RFC 8617 §5.2)."""
    verdict, instances, _ = dkim.arc_verify(text, dnsfunc=_look)
    return verdict, [one["as-domain"] for one in instances]


def _look(name: bytes, timeout: int = 5) -> bytes | None:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    answer = resolver.resolve(name.decode(), "TXT")
    return b"".join(answer[0].strings)
