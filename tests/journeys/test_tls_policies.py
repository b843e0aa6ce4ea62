"""Mail between real hosts under DANE and MTA-STS: it arrives where they are kept and stays where somebody breaks them."""

from __future__ import annotations

import http.server
import imaplib
import json
import os
import re
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from mailhost.mailauth.resolver import A, Mx, Ptr, Rdata, Tlsa, Txt, reverse_name
from mailhost.tlspolicy.dane import record_for
from tests.journeys.house import ROOT, House, prepared, wait_until_gone
from tests.journeys.test_domain_dns import judged_by_dkimpy, sealed_by, wait_until_signing
from tests.journeys.test_kill import _unverified
from tests.journeys.test_sending import submit
from tests.patience import eventually
from tests.servers.dnsworld import DnsWorld, Signing, Zone, dns_world
from tests.servers.postfix import Postfix, postfix
from tests.servers.presence import need
from tests.servers.privatenetwork import PrivateNetwork, private_network

pytestmark = [pytest.mark.journey, pytest.mark.slow]

CELL, OTHER_CELL, POST, SITE, BETWEEN = (IPv4Address(f"127.0.0.{last}") for last in (1, 7, 3, 5, 6))
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: {}\r\nmax_age: 86400\r\n"


class Between(socketserver.ThreadingTCPServer):
    """Somebody on the wire who takes the word STARTTLS out; `heard` are the commands that passed."""

    allow_reuse_address = True

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        super().__init__((str(BETWEEN), 25), _Strip)


class _Strip(socketserver.StreamRequestHandler):
    server: Between

    def handle(self) -> None:
        with socket.create_connection((str(POST), 25)) as there, there.makefile("rb") as answers:
            while line := answers.readline():
                # An answer is passed on without the word; after its last line it is the client's turn.
                if b"STARTTLS" not in line:
                    self.wfile.write(line)
                if line[3:4] == b" ":
                    said = self.rfile.readline()
                    if not said:
                        return
                    self.server.heard.append(said)
                    there.sendall(said)


class _Policies(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        host = self.headers["Host"].removeprefix("mta-sts.")
        body = POLICY.format(f"mx.{host}").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class World:
    """Everything that runs. `ada` is the app password of ada@example.is."""

    dns: DnsWorld
    post: Postfix
    between: Between
    cell: House
    ada: str
    network: PrivateNetwork
    folder: Path
    authority: trustme.CA
    settings: dict[str, str] = field(default_factory=dict)

    def send(self, recipient: str, subject: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ada@example.is", recipient, subject
        message.set_content("High at noon.\n")
        submit(self.cell, self.ada, message, recipient)

    def at_post(self, subject: str) -> list[bytes]:
        found = [path.read_bytes() for path in (self.post.folder / "mail" / "all" / "new").glob("*")]
        return [text for text in found if f"Subject: {subject}\n".encode() in text]

    def wait_at_post(self, subject: str) -> bytes:
        return eventually(
            lambda: self.at_post(subject), lambda: f"{self.cell.skerry('queue', 'list')} {self.cell.log[-1500:]}"
        )[0]

    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.cell.skerry("queue", "list")]

    def wait_for_reason(self, *reasons: str, beside: int = 0) -> None:
        """Until one more waits for one of the reasons beside those that do already."""
        eventually(
            lambda: sum(map(self.reasons().count, reasons)) > beside,
            lambda: f"{self.reasons()}: {self.cell.log[-1500:]}",
        )


def certificate(folder: Path, authority: trustme.CA, name: str) -> tuple[dict[str, str], Tlsa]:
    """Settings for a cell with a certificate of `authority`, and the record that names it."""
    issued = authority.issue_cert(name)
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(chain), append=True)
    issued.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    found = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
    return {"SKERRY_TLS_CERT": str(chain), "SKERRY_TLS_KEY": str(key)}, record_for(found)


def records() -> dict[str, list[Rdata]]:
    made: dict[str, list[Rdata]] = {}
    for domain, address in (
        ("example.is", CELL),
        ("example.no", OTHER_CELL),
        ("dane.test", POST),
        ("wrong.test", POST),
        ("sts.test", POST),
        ("strict.test", BETWEEN),
        ("stripped.test", BETWEEN),
    ):
        made[domain] = [Mx(10, f"mx.{domain}")]
        made[f"mx.{domain}"] = [A(address)]
        made[reverse_name(address)] = [Ptr(f"mx.{domain}")]
    for domain in ("example.is", "example.no", "dane.test"):
        made[domain].append(Txt(b"v=spf1 mx -all"))
    for domain in ("sts.test", "strict.test"):
        made[f"_mta-sts.{domain}"] = [Txt(b"v=STSv1; id=1;")]
        made[f"mta-sts.{domain}"] = [A(SITE)]
    return made


SIGNED = ("example.is", "example.no", "dane.test", "wrong.test", "stripped.test")
ZONES = [
    *(Zone(name) for name in SIGNED),
    *(Zone(name, Signing.NONE) for name in ("sts.test", "strict.test", "127.in-addr.arpa")),
]


def send_spring_tides_on(cell: House, folder: Path) -> None:
    """A filter of Ada's, before the first mail: smtpd hears a moment later of what changes on a route that it knows."""
    condition = {"about": "subject", "asks": "contains", "value": "spring tide"}
    rule = {"name": "on", "when": [condition], "then": [{"does": "forward", "value": "dora@dane.test"}]}
    file = folder / "rules.json"
    file.write_text(json.dumps({"version": 1, "rules": [rule]}))
    words = ("filters", "set", "ada@example.is", "--file", str(file), "--agreed", "--password-stdin")
    assert cell.skerry(*words, answer=cell.password + "\n")["rules"] == 1


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    with ExitStack() as stack:
        network = stack.enter_context(private_network())
        dns = stack.enter_context(dns_world(records(), ZONES, resolver_port=53))
        post = stack.enter_context(postfix(network, "mx.sts.test", domain="dane.test", address=str(POST)))
        post.configure(virtual_mailbox_domains="dane.test wrong.test sts.test strict.test stripped.test")
        site = http.server.ThreadingHTTPServer((str(SITE), 443), _Policies)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("mta-sts.sts.test", "mta-sts.strict.test").configure_cert(context)
        site.socket = context.wrap_socket(site.socket, server_side=True)
        stack.enter_context(serving(site))
        between = Between()
        stack.enter_context(serving(between))
        trusted = folder / "authorities.pem"
        trusted.write_bytes(authority.cert_pem.bytes() + post.authority.cert_pem.bytes())
        own, tlsa = certificate(folder, authority, "mx.example.is")
        for host, record in (
            ("mx.example.is", tlsa),
            ("mx.dane.test", Tlsa(3, 1, 1, post.tlsa)),
            ("mx.stripped.test", Tlsa(3, 1, 1, post.tlsa)),
            ("mx.wrong.test", Tlsa(3, 1, 1, bytes(32))),
        ):
            dns.put(f"_25._tcp.{host}", record)
        settings = {"SKERRY_RESOLVER": dns.resolver, "SKERRY_PRIVATE_TARGETS": "true", "SSL_CERT_FILE": str(trusted)}
        reports = "reports@example.is"
        cell = stack.enter_context(
            prepared(SKERRY_HOSTNAME="mx.example.is", SKERRY_REPORTS_ADDRESS=reports, **settings, **own)
        )
        cell.ports["MX"] = 25
        cell.people("example", "example.is", ["ada"])
        cell.skerry("receiving", "send-reports", "example.is", "--on", "--tls")
        ada = cell.app_password("ada@example.is", "session")
        send_spring_tides_on(cell, folder)
        for one in cell.skerry("domain", "records", "example.is"):
            if "._domainkey." in one["name"]:
                dns.put(one["name"], Txt(one["value"].encode()))
        dns.put("_dmarc.example.is", Txt(b"v=DMARC1; p=reject; rua=mailto:reports@example.is"))
        cell.start()
        wait_until_signing(cell)
        yield World(dns, post, between, cell, ada, network, folder, authority, settings)


def texts(address: str, port: int, user: str, password: str) -> list[bytes]:
    with imaplib.IMAP4_SSL(address, port, ssl_context=_unverified()) as client:
        client.login(user, password)
        client.select("INBOX")
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in data if isinstance(part, tuple)]


def wait_for_text(address: str, port: int, user: str, password: str, part: bytes) -> bytes:
    return eventually(
        lambda: [text for text in texts(address, port, user, password) if part in text],
        lambda: f"nothing with {part!r}",
    )[0]


def test_mail_goes_to_the_host_whose_key_is_in_the_signed_dns(world: World) -> None:
    world.send("cleo@dane.test", "named")
    assert b"using TLSv1" in world.wait_at_post("named")


def test_mail_goes_to_the_host_that_the_policy_names_and_authorities_vouch_for(world: World) -> None:
    world.send("cleo@sts.test", "vouched")
    assert b"using TLSv1" in world.wait_at_post("vouched")


def test_msmtp_hands_in_what_postfix_gets_with_both_signatures_whole(world: World) -> None:
    need("msmtp")
    to = ["--host=127.0.0.1", f"--port={world.cell.ports['SUBMISSION']}", "--tls=on", "--tls-certcheck=off"]
    login = ["--auth=plain", "--user=ada@example.is", f"--passwordeval=printf %s {world.ada}"]
    letter = b"From: ada@example.is\nTo: cleo@dane.test\nSubject: by msmtp\n\nHigh at noon.\n"
    words = ["msmtp", "--file=/dev/null", *to, *login, "--from=ada@example.is", "--", "cleo@dane.test"]
    subprocess.run(words, input=letter, check=True, capture_output=True)
    text = world.wait_at_post("by msmtp").replace(b"\n", b"\r\n")
    assert judged_by_dkimpy(text) == [True, True]


def test_mail_stays_when_the_host_shows_another_key(world: World) -> None:
    world.send("cleo@wrong.test", "another key")
    world.wait_for_reason("dane_mismatch")
    assert not world.at_post("another key")


@pytest.mark.parametrize("domain", ["strict.test", "stripped.test"])
def test_nothing_passes_somebody_who_takes_starttls_away(world: World, domain: str) -> None:
    world.between.heard.clear()
    before = world.reasons().count("tls_stripped")
    world.send(f"cleo@{domain}", f"secret for {domain}")
    world.wait_for_reason("tls_stripped", beside=before)
    verbs = {said.split(b" ")[0].strip().upper() for said in world.between.heard}
    assert verbs
    assert verbs <= {b"EHLO", b"QUIT", b""}
    assert not world.at_post(f"secret for {domain}")


def test_postfix_brings_mail_over_a_connection_it_verified(world: World) -> None:
    world.post.configure(smtp_tls_security_level="dane-only")
    content = b"From: Cleo <cleo@dane.test>\r\nTo: ada@example.is\r\nSubject: ebb\r\n\r\nLow at six.\r\n"
    world.post.send("cleo@dane.test", ["ada@example.is"], content)
    text = wait_for_text("127.0.0.1", world.cell.ports["IMAPS"], "ada@example.is", world.ada, b"Low at six")
    eventually(lambda: "Verified TLS connection established to mx.example.is" in world.post.log)
    assert b"with ESMTPS" in text
    assert b"spf=pass" in text.replace(b"\r\n\t", b" ")


def test_what_a_filter_sends_on_leads_back_to_its_sender_and_is_sealed_for_dkimpy(world: World) -> None:
    world.post.configure(smtp_tls_security_level="dane-only")
    content = b"From: Cleo <cleo@dane.test>\r\nTo: ada@example.is\r\nSubject: spring tide\r\n\r\nHigh at one.\r\n"
    world.post.send("cleo@dane.test", ["ada@example.is"], content)
    text = world.wait_at_post("spring tide")
    returns = re.search(rb"^Return-Path: <(.+)>$", text, re.MULTILINE)
    assert returns
    assert re.fullmatch(rb"SRS0=[^@]+=dane\.test=cleo@example\.is", returns[1])
    # What Postfix put in front when it stored it was signed by nobody; from ours on it must be as it left.
    verdict, sealers = sealed_by(text[text.index(b"ARC-Seal:") :].replace(b"\n", b"\r\n"))
    assert (verdict, sealers) == (b"pass", [b"example.is"])
    assert b"spf=pass" in text.replace(b"\n\t", b" ")


def next_day(cell: House, counting: str) -> dict[str, int]:
    """Let a cell's day be over: how many reports it sends. The daemon that was counting writes down as it ends."""
    for pid, line in cell.children().items():
        if f"skerry: {counting}" in line:
            os.kill(pid, signal.SIGTERM)
            wait_until_gone([pid])
    words = [sys.executable, "-m", "tests.journeys.nextday"]
    done = subprocess.run(words, cwd=ROOT, env=cell.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def reported(cell: House, domain: str) -> list[tuple[str, str, int]]:
    """What stands in a cell's tables about its domain: who reported, what became of it, how often."""
    rows = eventually(lambda: cell.skerry("receiving", "reports", domain), lambda: f"no report: {cell.log[-1500:]}")
    return [(row["reporter"], row["result"], row["count"]) for row in rows]


def test_two_cells_exchange_mail_that_dane_protects_and_tell_each_other_how_it_went(world: World) -> None:
    own, tlsa = certificate(world.folder, world.authority, "mx.example.no")
    world.dns.put("_25._tcp.mx.example.no", tlsa)
    world.dns.put("_smtp._tls.example.no", Txt(b"v=TLSRPTv1; rua=mailto:reports@example.no"))
    world.network.add(str(OTHER_CELL))
    with prepared(
        SKERRY_HOSTNAME="mx.example.no",
        SKERRY_CELL="no-1",
        SKERRY_BIND=str(OTHER_CELL),
        SKERRY_REPORTS_ADDRESS="reports@example.no",
        # A cell that more than loopback reaches asks its operator why.
        SKERRY_OPERATOR_REASON="a journey",
        **world.settings,
        **own,
    ) as other:
        other.address = str(OTHER_CELL)
        other.ports["MX"] = 25
        other.people("fjord", "example.no", ["cleo"])
        cleo = other.app_password("cleo@example.no", "session")
        other.skerry("receiving", "send-reports", "example.no", "--on")
        other.start()
        world.send("cleo@example.no", "across")
        text = wait_for_text(str(OTHER_CELL), other.ports["IMAPS"], "cleo@example.no", cleo, b"Subject: across")
        for part in (b"with ESMTPS", b"spf=pass", b"dkim=pass", b"dmarc=pass"):
            assert part in text.replace(b"\r\n\t", b" "), part

        assert next_day(other, "smtpd") == {"dmarc": 1, "tls": 0}
        assert reported(world.cell, "example.is") == [("mx.example.no", "dmarc pass, pass", 1)]
        other.wait_until_served()
        assert next_day(world.cell, "dispatchd")["tls"] == 1
        assert reported(other, "example.no") == [("mx.example.is", "tls success", 1)]


def smtpd_of(post: Postfix) -> list[int]:
    """Processes of this Postfix that talk to clients."""
    master = int((post.folder / "queue" / "pid" / "master.pid").read_text())
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == "smtpd":
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                found += [int(entry.name)] if int(parent) == master else []
    return found


def test_a_postfix_that_refuses_puts_off_and_dies_over_a_message(world: World) -> None:
    known = "{ {gone@dane.test = REJECT nobody of that name}, {later@dane.test = DEFER not now} }"
    world.post.configure(
        smtpd_recipient_restrictions=f"check_recipient_access inline:{known}", smtpd_end_of_data_restrictions="sleep 60"
    )
    world.send("gone@dane.test", "for nobody")
    world.send("later@dane.test", "for later")
    inbox = ("127.0.0.1", world.cell.ports["IMAPS"], "ada@example.is", world.ada)
    assert b"Status: 5.7.1" in wait_for_text(*inbox, b"nobody of that name")
    world.wait_for_reason("deferred_by_host")

    seen = world.post.log.count("client=")
    world.send("cleo@dane.test", "over which it dies")
    eventually(lambda: world.post.log.count("client=") > seen)  # written when the first recipient is taken
    time.sleep(1)  # within the minute that it takes over the content
    for process in smtpd_of(world.post):
        os.kill(process, signal.SIGKILL)
    # Of what it had not read yet the kernel says that it is lost.
    world.wait_for_reason("closed", "unreachable")
    world.post.configure(smtpd_recipient_restrictions="", smtpd_end_of_data_restrictions="")
    # A master whose process was killed takes its time before it makes another; a new one does not.
    world.post.stop()
    world.post.start()

    def arrived() -> bool:
        for row in world.cell.skerry("queue", "list"):
            if row["reason"] not in {"dane_mismatch", "tls_stripped"}:
                with suppress(AssertionError):  # it has gone since it was listed
                    world.cell.skerry("queue", "retry", str(row["id"]))
        return bool(world.at_post("over which it dies") and world.at_post("for later"))

    eventually(arrived, lambda: world.cell.log[-1500:])
    assert not world.at_post("for nobody")
