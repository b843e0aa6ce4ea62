"""Which MTA-STS policy binds: fetched once, kept until its own end, whatever the network says in between."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailhost.mailauth.resolver import Txt
from mailhost.outbound.stspolicies import MAX_REMEMBERED, FetchFailed, Found, StsPolicies
from mailhost.tlspolicy.mtasts import Cached, Mode, Policy, Unknown
from mailhost.tlspolicy.tlsrpt import ResultType
from tests.fakedns import FakeDns
from tests.people import NOW

FILE = b"version: STSv1\nmode: enforce\nmx: mx.other.test\nmax_age: 604800\n"


class World:
    """A domain's DNS record and web site, and our memory and clock."""

    def __init__(self) -> None:
        self.dns = FakeDns({"_mta-sts.other.test": [Txt(b"v=STSv1; id=1;")]})
        self.file: bytes | ResultType = FILE
        self.fetched = 0
        self.rows: dict[str, Cached] = {}
        self.now = NOW
        self.policies = self.process()

    def process(self) -> StsPolicies:
        return StsPolicies(resolver=self.dns, cache=self, fetcher=self, now=self._clock)

    def _clock(self) -> datetime:
        return self.now

    async def fetch(self, _domain: str) -> bytes:
        self.fetched += 1
        if isinstance(self.file, ResultType):
            raise FetchFailed(self.file)
        return self.file

    async def get(self, domain: str) -> Cached | None:
        return self.rows.get(domain)

    async def put(self, domain: str, cached: Cached) -> None:
        self.rows[domain] = cached

    async def ask(self, **later: float) -> Found:
        self.now += timedelta(**later)
        return await self.policies.of("other.test")


def mode(found: Found) -> Mode:
    assert isinstance(found, Policy)
    return found.mode


async def test_a_policy_is_fetched_once_and_outlives_the_process() -> None:
    world = World()
    assert mode(await world.ask()) is Mode.ENFORCE
    assert mode(await world.ask(minutes=5)) is Mode.ENFORCE
    world.policies = world.process()
    assert mode(await world.ask()) is Mode.ENFORCE
    assert world.fetched == 1


async def test_a_hundred_messages_ask_the_dns_once() -> None:
    world = World()
    for _ in range(100):
        await world.ask()
    assert len(world.dns.asked) == 1


async def test_nobody_wishes_a_policy_away() -> None:
    world = World()
    await world.ask()
    world.dns.fail.add("_mta-sts.other.test")
    assert mode(await world.ask(hours=1)) is Mode.ENFORCE
    world.dns.fail.clear()
    world.dns.replace("_mta-sts.other.test")
    assert mode(await world.ask(hours=1)) is Mode.ENFORCE
    world.dns.replace("_mta-sts.other.test", Txt(b"v=STSv1; id=2;"))
    world.file = ResultType.STS_POLICY_FETCH_ERROR
    assert mode(await world.ask(hours=1)) is Mode.ENFORCE
    world.file = b"<html>"
    assert mode(await world.ask(hours=1)) is Mode.ENFORCE
    assert await world.ask(days=8) is ResultType.STS_POLICY_INVALID, "its own age ends it"


async def test_a_policy_is_renewed_each_day_though_its_record_is_hidden() -> None:
    world = World()
    await world.ask()
    world.dns.fail.add("_mta-sts.other.test")
    for _ in range(8):
        assert mode(await world.ask(days=1)) is Mode.ENFORCE, "who hides the record does not outwait the policy"
    assert world.fetched == 9
    assert world.rows["other.test"].id == "1"


async def test_without_an_answer_nobody_knows_whether_there_is_a_policy() -> None:
    world = World()
    world.dns.fail.add("_mta-sts.other.test")
    assert await world.ask() == Unknown()
    assert world.fetched == 0
    world.dns.fail.clear()
    assert mode(await world.ask(minutes=1)) is Mode.ENFORCE, "asked again as soon as the DNS may answer"


async def test_a_new_version_is_fetched() -> None:
    world = World()
    await world.ask()
    world.file = FILE.replace(b"enforce", b"testing")
    assert mode(await world.ask(minutes=6)) is Mode.ENFORCE
    world.dns.replace("_mta-sts.other.test", Txt(b"v=STSv1; id=2;"))
    assert mode(await world.ask(minutes=6)) is Mode.TESTING


async def test_a_dead_web_site_is_asked_every_few_minutes_and_no_more() -> None:
    world = World()
    world.file = ResultType.STS_WEBPKI_INVALID
    for _ in range(10):
        assert await world.ask(seconds=59) is ResultType.STS_WEBPKI_INVALID
    assert world.fetched == 2


async def test_a_domain_without_a_record_is_left_alone() -> None:
    world = World()
    world.dns.replace("_mta-sts.other.test")
    assert await world.ask() is None
    assert world.fetched == 0


async def test_memory_is_bounded() -> None:
    world = World()
    for number in range(MAX_REMEMBERED + 10):
        await world.policies.of(f"n{number}.test")
    assert len(world.policies._recent) == MAX_REMEMBERED
