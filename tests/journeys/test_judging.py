"""Mail from strangers, judged: Postfix and plain clients send to a cell over port 25, in a DNS of the test's own.

Each client has an address of its own on loopback, and the cell is told to take all of them for strangers. The
signature is made by dkimpy, so that no code of ours vouches for itself.
"""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailhost.mailauth.dkim_key import key_record
from mailhost.mailauth.resolver import A, Mx, Ptr, Rdata, Txt, reverse_name
from tests.journeys.house import House, prepared
from tests.journeys.test_kill import _unverified
from tests.patience import eventually
from tests.servers.dnsworld import DnsWorld, Signing, Zone, dns_world
from tests.servers.postfix import Postfix, postfix
from tests.servers.privatenetwork import private_network

pytestmark = [pytest.mark.journey, pytest.mark.slow]

MAIL_HOST, BOT, LISTED, NAMED = (IPv4Address(f"127.0.0.{n}") for n in (3, 66, 67, 68))
KEY = rsa.generate_private_key(65537, 2048)


@dataclass
class Scene:
    """The cell, the DNS, a real mail server, and Ada's way to her mail."""

    cell: House
    dns: DnsWorld
    postfix: Postfix
    password: str

    def folder(self, name: str) -> list[bytes]:
        with imaplib.IMAP4_SSL("127.0.0.1", self.cell.ports["IMAPS"], ssl_context=_unverified()) as client:
            client.login("ada@example.is", self.password)
            client.select(name)
            _, data = client.fetch("1:*", "(BODY.PEEK[])")
            return [part[1] for part in data if isinstance(part, tuple)]

    def wait_for(self, folder: str, words: bytes) -> bytes:
        found = eventually(
            lambda: [text for text in self.folder(folder) if words in text],
            lambda: f"{self.cell.log[-2000:]} {self.postfix.log[-2000:]}",
        )
        return found[0].replace(b"\r\n\t", b" ")

    def offer(
        self, peer: IPv4Address, content: bytes, sender: str = "cleo@post.test", helo: str = "mx.post.test"
    ) -> str:
        """What the cell answers to the content, as code and enhanced code."""
        with smtplib.SMTP("127.0.0.1", 25, local_hostname=helo, timeout=60, source_address=(str(peer), 0)) as client:
            client.ehlo_or_helo_if_needed()
            client.mail(sender)
            client.rcpt("ada@example.is")
            code, text = client.data(content)
            return f"{code} {text.decode().split()[0]}"


def letter(subject: str, author: str = "cleo@post.test") -> bytes:
    return f"From: Cleo <{author}>\r\nTo: ada@example.is\r\nSubject: {subject}\r\n\r\nHigh at noon.\r\n".encode()


def signed(content: bytes) -> bytes:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return bytes(dkim.sign(content, b"s1", b"post.test", pem, canonicalize=(b"relaxed", b"relaxed"))) + content


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    records: dict[str, list[Rdata]] = {
        "post.test": [Mx(10, "mx.post.test"), Txt(f"v=spf1 ip4:{MAIL_HOST} -all".encode())],
        "_dmarc.post.test": [Txt(b"v=DMARC1; p=reject")],
        "s1._domainkey.post.test": [Txt(key_record(KEY).encode())],
        "mx.post.test": [A(MAIL_HOST)],
        reverse_name(MAIL_HOST): [Ptr("mx.post.test")],
        reverse_name(NAMED): [Ptr("host.named.test")],
        "host.named.test": [A(NAMED)],
        "broken.test": [Txt(b"v=spf1 +all")],
        "example.is": [Mx(10, "mx.example.is")],
        "mx.example.is": [A(IPv4Address("127.0.0.1"))],
        "67.0.0.127.block.test": [A(IPv4Address("127.0.0.2"))],
        "loop.test": [Txt(b"v=spf1 include:loop.test -all")],
    }
    zones = [
        Zone("post.test"),
        Zone("example.is"),
        Zone("broken.test", Signing.BROKEN),
        Zone("block.test", Signing.NONE),
        Zone("127.in-addr.arpa", Signing.NONE),
    ]
    with (
        private_network() as network,
        dns_world(records, zones, resolver_port=53) as dns,
        postfix(network, "mx.post.test", address=str(MAIL_HOST)) as other,
        prepared(
            SKERRY_HOSTNAME="mx.example.is",
            SKERRY_RESOLVER=dns.resolver,
            SKERRY_STRANGERS="127.0.0.0/8",
            SKERRY_DNSBL="block.test",
            SKERRY_FIRST_TIME_SECONDS="1",
            SKERRY_SMTPD_WORKERS="1",
            SKERRY_IMAPD_WORKERS="1",
        ) as cell,
    ):
        cell.ports["MX"] = 25
        cell.people("example", "example.is", ["ada"])
        password = cell.app_password("ada@example.is", "session")
        cell.start()
        yield Scene(cell, dns, other, password)


def test_postfix_delivers_a_signed_letter_that_passes_everything(scene: Scene) -> None:
    content = signed(letter("from postfix")).replace(b"\r\n", b"\n")
    scene.postfix.send("cleo@post.test", ["ada@example.is"], content)
    text = scene.wait_for("INBOX", b"from postfix")
    results = next(line for line in text.split(b"\r\n") if line.startswith(b"Authentication-Results: mx.example.is;"))
    for word in (b"spf=pass", b"dkim=pass", b"header.d=post.test", b"dmarc=pass"):
        assert word in results, results
    assert text.startswith(b"Return-Path: <cleo@post.test>\r\nAuthentication-Results: ")


def test_a_signed_letter_keeps_its_pass_when_it_is_forwarded(scene: Scene) -> None:
    assert scene.offer(NAMED, signed(letter("forwarded")), "bounce@named.test", "host.named.test") == "250 2.0.0"
    text = scene.wait_for("INBOX", b"forwarded")
    assert b"dkim=pass" in text
    assert b"dmarc=pass" in text


def test_a_changed_letter_and_forged_results_are_seen_through(scene: Scene) -> None:
    forged = b"Authentication-Results: mx.example.is; dmarc=pass header.from=post.test\r\n"
    changed = signed(letter("changed")).replace(b"noon", b"five")
    assert scene.offer(MAIL_HOST, forged + changed) == "250 2.0.0"
    text = scene.wait_for("INBOX", b"changed")  # SPF alone carries DMARC
    assert text.count(b"Authentication-Results:") == 1
    assert b"dkim=fail" in text


def test_a_forgery_is_refused_from_a_nameless_host_and_put_off_from_a_named_one(scene: Scene) -> None:
    assert scene.offer(BOT, letter("forged")) == "550 5.7.26"
    first = scene.offer(NAMED, letter("forged too"), helo="host.named.test")
    assert first == "451 4.7.1"  # not known, and its SPF fails: it may come again


def test_a_listed_host_that_forges_is_refused(scene: Scene) -> None:
    assert scene.offer(LISTED, letter("listed")) == "550 5.7.26"


def test_strangers_are_put_off_once(scene: Scene) -> None:
    note = letter("hello", "mo@news.test")
    assert scene.offer(BOT, note, "mo@news.test", "host.news.test") == "451 4.7.1"
    assert scene.offer(NAMED, note, "mo@news.test", "host.named.test") == "250 2.0.0"


def test_a_record_that_includes_itself_ends_in_permerror(scene: Scene) -> None:
    assert scene.offer(NAMED, letter("loop", "mo@loop.test"), "mo@loop.test", "host.named.test") == "250 2.0.0"
    assert b"spf=permerror" in scene.wait_for("INBOX", b"Subject: loop")


def test_a_dns_that_says_nothing_about_the_sender_puts_the_mail_off(scene: Scene) -> None:
    assert scene.offer(MAIL_HOST, letter("bogus", "mo@broken.test"), "mo@broken.test") == "451 4.4.3"
    scene.dns.fail("post.test")
    assert (
        scene.offer(NAMED, letter("refused", "mo@sub.post.test"), "mo@sub.post.test", "host.named.test") == "451 4.4.3"
    )
    scene.dns.heal("post.test")
    scene.dns.silence("quiet.test")
    # Within the minute that this client waits; others wait for ten (RFC 5321 §4.5.3.2.6).
    assert scene.offer(NAMED, letter("silent", "mo@quiet.test"), "mo@quiet.test", "host.named.test") == "451 4.4.3"


def test_figures_count_reasons_and_name_nobody(scene: Scene) -> None:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{scene.cell.ports['WEB']}/metrics", timeout=60) as answer:
        page = answer.read().decode()
    assert 'skerry_smtp_rulings_total{ruling="forged"}' in page
    assert 'skerry_sender_findings_total{finding="no_reverse_name"}' in page
    for name in ("post.test", "127.0.0.66", "cleo"):
        assert name not in page
        assert name not in scene.cell.log
