"""Postfix in a network of its own: it resolves, believes signed answers, takes mail and sends mail, over DANE too."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from mailhost.mailauth.resolver import A, Mx, Ptr, Rdata, Tlsa, reverse_name
from tests.journeys.otherhost import other_host
from tests.patience import eventually
from tests.servers.dnsworld import DnsWorld, Signing, Zone, dns_world
from tests.servers.postfix import Postfix, postfix
from tests.servers.privatenetwork import private_network

pytestmark = [pytest.mark.journey, pytest.mark.slow]

FIRST, SECOND = IPv4Address("127.0.0.3"), IPv4Address("127.0.0.4")
MAIL = b"From: Cleo <cleo@post.test>\r\nSubject: Tides\r\n\r\nHigh at noon.\r\n"


@pytest.fixture(scope="module")
def worlds() -> Iterator[tuple[DnsWorld, Postfix, Postfix]]:
    records: dict[str, list[Rdata]] = {
        "post.test": [Mx(10, "mx.post.test")],
        "mx.post.test": [A(FIRST)],
        reverse_name(FIRST): [Ptr("mx.post.test")],
        "third.test": [Mx(10, "mx.third.test")],
        "mx.third.test": [A(SECOND)],
        "plain.test": [Mx(10, "mx.plain.test")],
        "mx.plain.test": [A(IPv4Address("127.0.0.1"))],
    }
    zones = [Zone("post.test"), Zone("third.test"), Zone("127.in-addr.arpa", Signing.NONE)]
    with (
        private_network() as network,
        dns_world(records, zones, resolver_port=53) as world,
        postfix(network, "mx.post.test", address=str(FIRST)) as one,
        postfix(network, "mx.third.test", address=str(SECOND)) as two,
    ):
        world.put("_25._tcp.mx.third.test", Tlsa(3, 1, 1, two.tlsa))
        yield world, one, two


def test_mail_arrives_over_a_connection_verified_by_dane(worlds: tuple[DnsWorld, Postfix, Postfix]) -> None:
    world, one, two = worlds
    one.configure(smtp_tls_security_level="dane")
    one.send("cleo@post.test", ["dora@third.test"], MAIL)
    [message] = two.wait_for("dora")
    assert b"High at noon" in message
    eventually(lambda: "Verified TLS connection established to mx.third.test" in one.log)
    # A wrong association keeps the mail back. Postfix's processes remember the right one until they are replaced.
    world.put("_25._tcp.mx.third.test", Tlsa(3, 1, 1, bytes(32)))
    one.configure()
    one.send("cleo@post.test", ["elsa@third.test"], MAIL)
    eventually(lambda: "Server certificate not verified" in one.log, lambda: one.log[-3000:])
    assert two.arrived("elsa") == []
    world.put("_25._tcp.mx.third.test", Tlsa(3, 1, 1, two.tlsa))
    one.configure()

    def tried_again() -> list[bytes]:
        """It tries what waits, not what it is still putting aside."""
        one.flush()
        return two.arrived("elsa")

    eventually(tried_again, lambda: one.log[-3000:])


def test_mail_comes_in_from_and_goes_out_to_the_tests_own_process(worlds: tuple[DnsWorld, Postfix, Postfix]) -> None:
    _, one, _ = worlds
    one.configure(smtp_tls_security_level="may")
    with smtplib.SMTP(str(FIRST), 25, timeout=60) as client:
        client.sendmail("ada@example.is", ["fay@post.test"], MAIL)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("ada@example.is", ["dora@third.test"], MAIL)
    one.wait_for("fay")
    with other_host(25) as here:
        one.send("cleo@post.test", ["ada@plain.test"], MAIL)
        here.wait_for(1)
    assert here.arrived[0].sender == "cleo@post.test"
