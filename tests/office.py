"""A dispatcher with a queue, a network, the rules of the world and a clock in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from mailhost.dispatch import Dispatcher
from mailhost.limits import DispatchLimits
from mailhost.message.letter import Say, english
from mailhost.outbound.handover import Handover, Here
from mailhost.outbound.held import Held
from mailhost.outbound.leaving import Leaving
from mailhost.outbound.mxwalk import Target, Targets, Walk
from mailhost.outbound.notices import Notices
from mailhost.outbound.reach import Reach
from mailhost.outbound.securelinks import SecureLinks
from mailhost.outbound.stayed import Stayed
from mailhost.outbound.transport import Answer, ConnectionFailed, Permission, Transaction, Verdict
from mailhost.outbox import Forward, Outgoing, Passing, TlsNeed
from mailhost.reports.tlscounts import Session
from mailhost.seal import open_header, open_payload
from mailhost.seal.password import Argon2Parameters
from mailhost.tlspolicy.requirement import Barred, Requirement
from mailhost.tlspolicy.tlsrpt import ResultType
from tests.fakes import MemoryConsents, MemoryLinks, MemoryOutbox, MemoryWishCounts
from tests.people import identity
from tests.smtp.talk import HOST, Talk

MX = Target("mx.other.test", "93.184.215.14")
BACKUP = Target("backup.other.test", "93.184.215.15")
OK = Answer(250, "2.0.0", "kept")
TOO_MANY = Answer(452, "4.5.3", "too many recipients")
# A language of its own for tests: what is put in stands where it stood.
LANGUAGES = {"xx": lambda sentence: f"¡{sentence}!"}
LETTER = b"From: ada@example.is\r\nSubject: Tides\r\n\r\nHigh at noon.\r\n"


class FakeLink:
    """A connection that answers as its network says."""

    def __init__(self, network: Network, target: Target) -> None:
        self.target = target
        self.secure = network.secure and target not in network.clear
        self.broken = False
        self.tells = network.tells
        self.requiretls = network.requiretls
        self._network = network

    async def send(self, transaction: Transaction, content: bytes) -> list[Answer]:
        await asyncio.sleep(0)
        recipients = tuple(forward.address for forward in transaction.recipients)
        self._network.heard(content)
        self._network.sent.append((self.target.name, transaction.sender, recipients, transaction.smtputf8))
        if self._network.breaks or len(self._network.sent) > self._network.breaks_after:
            raise ConnectionFailed(self._network.breaks or "closed")
        said = [self._network.answers.get(recipient, OK) for recipient in recipients]
        most = self._network.most or len(said)
        return said[:most] + [TOO_MANY] * (len(said) - most)

    async def close(self) -> None:
        self._network.closed += 1


class Network:
    """Other hosts. `down` are those that take no connections, `clear` those without TLS. `most`: recipients that they take in
    one transaction, 0 for all."""

    def __init__(self) -> None:
        self.secure = True
        self.tells = False
        self.requiretls = False
        self.breaks = ""
        self.breaks_after = 1_000_000  # transactions
        self.most = 0
        self.results: dict[Target, ResultType] = {}
        self.asked: list[Requirement] = []
        self.down: set[Target] = set()
        self.clear: set[Target] = set()
        self.answers: dict[str, Answer] = {}
        self.sent: list[tuple[str, str, tuple[str, ...], bool]] = []
        self.connected: list[str] = []
        self.closed = 0
        self.heard: Callable[[bytes], None] = lambda _content: None

    async def connect(self, target: Target, requirement: Requirement) -> FakeLink:
        self.connected.append(target.name)
        self.asked.append(requirement)
        if target in self.down:
            raise ConnectionFailed("refused")
        if requirement.tls and target in self.results:
            raise ConnectionFailed("tls_certificate", result=self.results[target])
        return FakeLink(self, target)


class Office:
    """A dispatcher with everything around it in memory."""

    def __init__(self) -> None:
        self.talk = Talk()
        self.outbox = MemoryOutbox()
        self.network = Network()
        self.walk: Walk | Here = Targets((MX, BACKUP))
        self.requirement: Requirement | Barred = Requirement(MX.name)
        self.sessions: list[Session] = []
        self.reporting = {"example.is"}
        self.links = MemoryLinks()
        self.consents = MemoryConsents()
        self.leaves_it_to_authors = True
        self.rule: Callable[[Target, bool, bool], Verdict] = lambda _target, secure, sealed: (
            Verdict.ALLOW if secure or sealed else Verdict.DENY
        )
        self.counts = MemoryWishCounts()
        held = Held(
            hostname=HOST,
            receiver=self.talk.house.receiver,  # type: ignore[arg-type]
            outbox=self.outbox,
            now=lambda: self.now,
        )
        self.dispatcher = Dispatcher(
            outbox=self.outbox,
            find=self._find,
            here=lambda: Handover(self.talk.house.receiver, HOST),  # type: ignore[arg-type]
            reach=Reach(
                transport=self.network, rules=self, counts=self, metrics=self.talk.metrics, now=lambda: self.now
            ),
            leaving=Leaving(
                decider=self,
                consents=self.consents,
                held=held,
                links=SecureLinks(
                    hostname=HOST,
                    address="https://cell.example.is",
                    key=bytes(32),
                    receiver=self.talk.house.receiver,  # type: ignore[arg-type]
                    outbox=self.outbox,
                    queue=self.outbox,
                    store=self.links,
                    say=lambda language: LANGUAGES.get(language, english),
                    now=lambda: self.now,
                    parameters=Argon2Parameters.insecure_for_tests(),
                ),
                metrics=self.talk.metrics,
                now=lambda: self.now,
            ),
            stayed=Stayed(held=held, counts=self.counts, now=lambda: self.now),
            notices=Notices(
                hostname=HOST,
                receiver=self.talk.house.receiver,  # type: ignore[arg-type]
                outbox=self.outbox,
                now=lambda: self.now,
                say_to=self._say_to,
                random_word=lambda: "w" * 32,
            ),
            metrics=self.talk.metrics,
            now=lambda: self.now,
            limits=DispatchLimits(),
        )

    @property
    def now(self) -> datetime:
        return self.talk.now

    def later(self, **passed: float) -> None:
        self.talk.now += timedelta(**passed)

    async def _say_to(self, mailbox_id: int) -> Say:
        return LANGUAGES.get(await self.links.language(mailbox_id), english)

    async def _find(self, _domain: str) -> Walk | Here:
        return self.walk

    async def of(self, domain: str, target: Target, need: TlsNeed) -> Requirement | Barred:
        return self.requirement

    def wanted(self, authors: Collection[str]) -> bool:
        return not self.reporting.isdisjoint(authors)

    def observe(self, session: Session) -> None:
        self.sessions.append(session)

    async def may_leave(
        self,
        tenant_id: int,
        domain: str,
        targets: Sequence[Target],
        *,
        secure: bool,
        sealed: bool,
        consent: bool,
        note: bool,
        standing: bool,
        now: datetime,
    ) -> Permission:
        allowed = consent or (standing and self.leaves_it_to_authors) or (note and secure)
        found = [Verdict.ALLOW if allowed else self.rule(target, secure, sealed) for target in targets]
        verdict = next(one for one in (Verdict.DENY, Verdict.HOLD, Verdict.LINK, Verdict.ALLOW) if one in found)
        return Permission(verdict, ("LOC_UNKNOWN",), "d" * 32, "Nobody knows where it stands.")

    async def put(
        self,
        *recipients: str,
        sender: str = "ada@example.is",
        notify: str = "",
        smtputf8: bool = False,
        sealed: bool = False,
        tls: TlsNeed = TlsNeed.ORDINARY,
        hold_until: datetime | None = None,
        consent: bool = False,
        passing: Passing = Passing.NO,
        link: bool = False,
        content: bytes = LETTER,
    ) -> None:
        forwards = tuple(Forward(name, name.rpartition("@")[2], notify) for name in recipients)
        message = Outgoing(
            "0" * 32,
            1,
            1,
            sender,
            forwards,
            content,
            smtputf8,
            "",
            sealed,
            tls=tls,
            hold_until=hold_until,
            author="ada@example.is",
            consent=consent,
            passing=passing,
            link=link,
        )
        await self.outbox.put(message, now=self.now)

    async def work(self) -> None:
        for claim in await self.outbox.claim(now=self.now, lease=timedelta(seconds=30), destinations=10, items=100):
            await self.dispatcher.work(claim)

    def notices(self) -> list[str]:
        return [
            open_payload(open_header([identity("ada")], delivery.header), delivery.payload).decode()
            for delivery in self.talk.store.deliveries
            if delivery.mailbox_id == 1
        ]
