"""Who may send, as whom, and to how many people a day: app passwords, grants, and the counts of a mailbox and its tenant."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from mailhost.adapters.grants import DatabaseGrants
from mailhost.adapters.logins import DatabaseLogins
from mailhost.adapters.tally import DatabaseTally, count_all, look
from mailhost.models import AppPassword, Domain, SenderGrant, SendingLimit, SentToday, Tenant, WrittenTo
from mailhost.ports import Account, Allowance, Counting, Tallied, Tally
from mailhost.seal.apppassword import app_password_hash, new_app_password, parse_app_password
from tests.adapters.conftest import NOW, Cell
from tests.fakes import MemoryTally


@pytest.fixture(params=["database", "memory"])
def tally(request: pytest.FixtureRequest, cell: Cell) -> Tally:
    return MemoryTally() if request.param == "memory" else DatabaseTally(cell.shop.writer)


async def test_recipients_of_a_day_are_counted_and_new_ones_apart(tally: Tally, cell: Cell) -> None:
    ada = Account(cell.ada.mailbox.pk, cell.ada.mailbox.tenant_id, "ada@example.is", 1)
    ben = Account(cell.ben.mailbox.pk, cell.ben.mailbox.tenant_id, "ben@example.is", 1)
    allowed = Allowance(mailbox=4, mailbox_new=2, tenant=6, tenant_new=3)

    async def count(account: Account, *names: str, now: datetime = NOW) -> Tallied:
        return await tally.count(Counting(account, {name.encode().ljust(16) for name in names}, allowed, now.date()))

    assert await count(ada, "a", "b") is Tallied.OK
    assert await count(ada, "c") is Tallied.TOO_MANY_NEW
    assert await count(ada, "a", "b") is Tallied.OK
    assert await count(ada, "a") is Tallied.TOO_MANY
    assert await count(ben, "d") is Tallied.OK
    assert await count(ben, "e") is Tallied.TOO_MANY_NEW, "the tenant's limit"
    assert await count(ben, "d") is Tallied.OK
    assert await count(ben, "d") is Tallied.TOO_MANY, "the tenant's limit"
    tomorrow = NOW + timedelta(days=1)
    assert await count(ada, "c", "a", now=tomorrow) is Tallied.OK


async def test_a_look_says_what_counting_would_and_counts_nothing(tally: Tally, cell: Cell) -> None:
    ada = Account(cell.ada.mailbox.pk, cell.ada.mailbox.tenant_id, "ada@example.is", 1)
    allowed = Allowance(mailbox=3, mailbox_new=2)

    async def foreseen(*names: bytes) -> tuple[Tallied, Tallied]:
        counting = Counting(ada, {name.ljust(16) for name in names}, allowed, NOW.date())
        if isinstance(tally, MemoryTally):
            said = tally.look(counting)
        else:
            said = await cell.shop.readers.run(look, counting)
        return said, await tally.count(counting)

    assert await foreseen(b"a", b"b") == (Tallied.OK, Tallied.OK)
    assert await foreseen(b"c") == (Tallied.TOO_MANY_NEW, Tallied.TOO_MANY_NEW)
    assert await foreseen(b"a") == (Tallied.OK, Tallied.OK)
    assert await foreseen(b"a") == (Tallied.TOO_MANY, Tallied.TOO_MANY)


async def test_messages_that_are_counted_together_share_the_days_allowance(cell: Cell) -> None:
    ada = Account(cell.ada.mailbox.pk, cell.ada.mailbox.tenant_id, "ada@example.is", 1)
    ben = Account(cell.ben.mailbox.pk, cell.ben.mailbox.tenant_id, "ben@example.is", 1)
    allowed = Allowance(mailbox=3, mailbox_new=2, tenant=4, tenant_new=10)
    today, tomorrow = NOW.date(), NOW.date() + timedelta(days=1)
    together = [
        (ada, "ab", today, Tallied.OK),
        (ben, "a", today, Tallied.OK),  # of the tenant's four that was the third
        (ada, "cd", tomorrow, Tallied.OK),
        (ada, "c", today, Tallied.TOO_MANY_NEW),
        (ada, "a", today, Tallied.OK),  # no longer new, and the last of both
        (ada, "b", today, Tallied.TOO_MANY),
        (ben, "b", today, Tallied.TOO_MANY),
        (ben, "b", tomorrow, Tallied.OK),
        (ada, "e", tomorrow, Tallied.TOO_MANY_NEW),
    ]
    calls = [Counting(who, {one.encode().ljust(16) for one in to}, allowed, day) for who, to, day, _ in together]
    found = await cell.shop.writer.change(lambda cursor: count_all(cursor, calls))
    assert found == [answer for *_, answer in together]
    kept = SentToday.objects.filter(day=tomorrow).order_by("mailbox").values_list("mailbox", "recipients", "new")
    assert await cell.shop.readers.run(lambda: list(kept)) == [(ada.mailbox_id, 2, 2), (ben.mailbox_id, 1, 1)]


async def test_a_young_tenant_may_write_to_fewer_people_until_it_is_grown(tally: Tally, cell: Cell) -> None:
    ada = Account(cell.ada.mailbox.pk, cell.ada.mailbox.tenant_id, "ada@example.is", 1)
    allowed = Allowance(young=Allowance(mailbox=2, mailbox_new=1, tenant=2, tenant_new=1))
    last_day = NOW.date() + timedelta(days=3)
    if isinstance(tally, MemoryTally):
        tally.young_until[ada.tenant_id] = last_day
    else:
        young = Tenant.objects.filter(pk=ada.tenant_id)
        await cell.shop.readers.run(lambda: young.update(young_until=last_day))

    async def count(*names: str, after: int = 0) -> Tallied:
        digests = {name.encode().ljust(16) for name in names}
        return await tally.count(Counting(ada, digests, allowed, NOW.date() + timedelta(days=after)))

    assert await count("a") is Tallied.OK
    assert await count("b") is Tallied.TOO_MANY_NEW
    assert await count("a") is Tallied.OK
    assert await count("a") is Tallied.TOO_MANY
    assert await count("b", "c", after=3) is Tallied.TOO_MANY_NEW, "the last day"
    assert await count("b", "c", "d", after=4) is Tallied.OK


async def test_whom_a_mailbox_wrote_to_is_forgotten_after_half_a_year(cell: Cell) -> None:
    tally = DatabaseTally(cell.shop.writer)
    ada = Account(cell.ada.mailbox.pk, cell.ada.mailbox.tenant_id, "ada@example.is", 1)
    for months in (0, 5):
        await tally.count(Counting(ada, {b"x" * 16}, Allowance(), NOW.date() + timedelta(days=30 * months)))
    await tally.count(Counting(ada, {b"y" * 16}, Allowance(), NOW.date() + timedelta(days=300)))
    assert await cell.shop.readers.run(WrittenTo.objects.count) == 2
    await tally.count(Counting(ada, {b"y" * 16}, Allowance(), NOW.date() + timedelta(days=400)))
    assert await cell.shop.readers.run(WrittenTo.objects.count) == 1


async def test_an_app_password_of_either_access_logs_in_until_it_ends(cell: Cell) -> None:
    logins = DatabaseLogins(cell.shop.readers, key=b"s" * 32, now=lambda: NOW)
    words = {}

    def make() -> None:
        for name, more in {
            "sealed": {},
            "session": {},
            "old": {"expires": date(2026, 1, 1)},
            "gone": {"revoked": date(2026, 1, 1)},
        }.items():
            words[name] = new_app_password()
            AppPassword.objects.create(
                mailbox=cell.ada.mailbox,
                name=name,
                access="session" if name == "session" else "sealed",
                secret_hash=app_password_hash(b"s" * 32, parse_app_password(words[name])),
                created=NOW.date(),
                **more,
            )

    await cell.shop.readers.run(make)
    ids = await cell.shop.readers.run(lambda: dict(AppPassword.objects.values_list("name", "pk")))
    box = cell.ada.mailbox
    for user, name, word in (
        ("Ada@EXAMPLE.is ", "sealed", words["sealed"]),
        ("ada@example.is", "session", words["session"].upper()),
    ):
        assert await logins.login(user, word) == Account(box.pk, box.tenant_id, "ada@example.is", ids[name])
    for user, word in (
        ("ada@example.is", words["old"]),
        ("ada@example.is", words["gone"]),
        ("ben@example.is", words["sealed"]),
        ("ada@example.is", "x"),
        ("", words["sealed"]),
        ("ada@example.is", ""),
    ):
        assert await logins.login(user, word) is None


async def test_an_operators_own_limits_go_before_the_usual_ones(cell: Cell) -> None:
    box = cell.ada.mailbox
    account = Account(box.pk, box.tenant_id, "ada@example.is", 1)
    tally = DatabaseTally(cell.shop.writer)

    def limit(mailbox: int | None, recipients: int, new: int) -> None:
        SendingLimit.objects.create(tenant_id=box.tenant_id, mailbox_id=mailbox, recipients=recipients, new=new)

    await cell.shop.readers.run(limit, box.pk, 2, 1)
    usual = Allowance()
    assert await tally.count(Counting(account, [b"a" * 16, b"b" * 16], usual, NOW.date())) is Tallied.TOO_MANY_NEW
    assert await tally.count(Counting(account, [b"a" * 16], usual, NOW.date())) is Tallied.OK
    assert await tally.count(Counting(account, [b"a" * 16, b"b" * 16], usual, NOW.date())) is Tallied.TOO_MANY
    await cell.shop.readers.run(limit, None, 1, 1)
    assert await tally.count(Counting(account, [b"a" * 16], usual, NOW.date())) is Tallied.TOO_MANY


async def test_a_grant_holds_while_the_domain_is_the_tenants_own(cell: Cell) -> None:
    grants, box = DatabaseGrants(cell.shop.readers), cell.ada.mailbox

    def change(domain: str, tenant: int) -> None:
        Domain.objects.filter(name=domain).update(tenant_id=tenant)

    def give() -> int:
        SenderGrant.objects.create(cell="is-1", mailbox=box, address=f"board@{box.address.partition('@')[2]}")
        return Tenant.objects.create(cell="is-1", slug="elsewhere", name="Elsewhere", created=NOW.date()).pk

    other = await cell.shop.readers.run(give)
    domain = box.address.partition("@")[2]
    assert await grants.granted(box.pk, f"board@{domain}")
    assert not await grants.granted(box.pk, f"sales@{domain}")
    await cell.shop.readers.run(change, domain, other)
    assert not await grants.granted(box.pk, f"board@{domain}")
