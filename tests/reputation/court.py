"""A judge over a DNS, a memory and a clock of the test's own; mail comes from Cleo at demo.test to Ada and Ben."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, ip_network

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.limits import RateLimits
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim_key import key_record
from mailhost.mailauth.dkim_signing import sign
from mailhost.mailauth.resolver import A, Ptr, Txt
from mailhost.message.address import parse_address
from mailhost.outcomes import Reason
from mailhost.ports import Route
from mailhost.reputation.judge import Judge, Ruling, Sources
from mailhost.reputation.rates import SenderRates
from tests.fakedns import FakeDns
from tests.fakes import CountedMetrics
from tests.mailauth.people import key
from tests.people import ADA, NOW
from tests.reputation.doubles import Choices, FixedFilter, MemoryOfSenders

HOST = "mx.is-1.example"
SECRET = b"k" * 32
MAIL_HOST, BOT = "192.0.2.1", "198.51.100.9"
LIST, OTHER_LIST = "block.example", "more.example"
LETTER = b"From: Cleo <cleo@demo.test>\r\nTo: ada@example.is\r\nSubject: Tides\r\n\r\nHigh at noon.\r\n"
CLEO_SIGNS = key(domain="demo.test")


def reverse(address: str) -> str:
    return IPv4Address(address).reverse_pointer


def world(policy: str = "reject") -> FakeDns:
    """The DNS of a well kept domain; its mail host has a name of its own, a bot has none."""
    return FakeDns(
        {
            "demo.test": [Txt(f"v=spf1 ip4:{MAIL_HOST} -all".encode())],
            "_dmarc.demo.test": [Txt(f"v=DMARC1; p={policy}".encode())],
            "s1._domainkey.demo.test": [Txt(key_record(CLEO_SIGNS.private).encode())],
            reverse(MAIL_HOST): [Ptr("mail.demo.test")],
            "mail.demo.test": [A(IPv4Address(MAIL_HOST))],
            "in-addr.arpa": [Txt(b"")],
            LIST: [Txt(b"")],
            OTHER_LIST: [Txt(b"")],
        }
    )


def signed(letter: bytes = LETTER) -> bytes:
    return sign(Parts(letter), (CLEO_SIGNS,), now=NOW) + letter


class Court:
    """`rule` sends a letter and says what becomes of it."""

    def __init__(self, dns: FakeDns | None = None, **sources: object) -> None:
        self.dns = dns or world()
        self.memory = MemoryOfSenders()
        self.choices = Choices()
        self.filter = FixedFilter()
        self.metrics = CountedMetrics()
        self.now = NOW
        self.clock = 0.0
        self.slept: list[float] = []
        made: dict[str, object] = {
            "memory": self.memory,
            "policies": self.choices,
            "resolver": self.dns,
            "block_lists": (LIST, OTHER_LIST),
            "content_filter": self.filter,
            "strangers": (ip_network("127.0.0.2/32"),),
        }
        self.judge = Judge(
            Sources(**{**made, **sources}),  # type: ignore[arg-type]
            hostname=HOST,
            key=SECRET,
            rates=SenderRates(RateLimits(address=50, helo=60, domain=70), b"r" * 16),
            metrics=self.metrics,
            clock=lambda: self.clock,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def list(self, address: str, *zones: str, answer: str = "127.0.0.2") -> None:
        labels = reverse(address).removesuffix(".in-addr.arpa")
        for zone in zones:
            self.dns.add(f"{labels}.{zone}", A(IPv4Address(answer)))

    async def rule(
        self,
        letter: bytes = LETTER,
        *routes: Route,
        peer: str = MAIL_HOST,
        helo: str = "mail.demo.test",
        sender: str = "cleo@demo.test",
        to: str = "",
    ) -> Ruling:
        envelope = Envelope(
            parse_address(sender) if sender else None,
            Client(peer, helo, "ESMTPS"),
            recipients=[Recipient(parse_address(to or one.address), (one,)) for one in routes or (ADA,)],
        )
        return await self.judge.rule(envelope, bytearray(letter), now=self.now)

    async def reason(self, *args: object, **changed: object) -> Reason:
        return (await self.rule(*args, **changed)).reason  # type: ignore[arg-type]

    async def junk(self, *args: object, **changed: object) -> bool:
        """Whether it lands in the Junk of every tenant."""
        ruling = await self.rule(*args, **changed)  # type: ignore[arg-type]
        assert ruling.reason is Reason.OK, ruling.reason
        return all(verdict.junk for verdict in ruling.verdicts.values())

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)
