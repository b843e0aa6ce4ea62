"""Agreements in the database: who was asked agrees once, limits hold, and no row names anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from mailhost.adapters.agreements import DatabaseAgreements
from mailhost.models import Domain, ForwardAgreement, Mailbox, Tenant
from mailhost.provision import agreements
from mailhost.provision.agreements import AskedEnough, Waiting
from mailhost.provision.errors import NotFound
from mailhost.rules.rule import Rule, action, condition
from mailhost.wishes.agreements import LETTERS, LETTERS_A_DAY, LIFE, PAUSE, PEACE, Step, new_token
from tests.adapters.conftest import NOW, Cell

KEY = b"k" * 32
TODAY = NOW.date()
ELSEWHERE = "Ada@elsewhere.test"


def rule(*addresses: str, off: bool = False) -> Rule:
    actions = tuple(action("forward", one) for one in addresses)
    return Rule("on", (condition("subject", "contains", "tides"),), actions, off=off)


async def ask(cell: Cell, address: str = ELSEWHERE, now: datetime = NOW) -> str:
    token, run = new_token(), cell.shop.readers.run
    await run(agreements.sent, await begin(cell, token, address, now))
    return token


async def begin(cell: Cell, token: str, address: str = ELSEWHERE, now: datetime = NOW) -> agreements.Letter:
    """A letter of which nobody knows yet whether it leaves."""
    return await cell.shop.readers.run(lambda: agreements.ask(cell.ada.mailbox, address, token, key=KEY, now=now))


async def say(cell: Cell, token: str, step: Step, today: date = TODAY) -> agreements.Asked:
    return await cell.shop.readers.run(lambda: agreements.answered(token, step, key=KEY, today=today))


async def given(cell: Cell, *targets: str) -> frozenset[str]:
    answers = await DatabaseAgreements(cell.shop.readers, key=KEY).answers(cell.ada.mailbox.pk, targets)
    return frozenset(target for target, takes in answers.items() if takes)


async def waiting(cell: Cell, *rules: Rule, now: datetime = NOW) -> list[Waiting]:
    return await cell.shop.readers.run(lambda: agreements.waiting(cell.ada.mailbox, rules, key=KEY, now=now))


async def test_whoever_was_asked_agrees_once_and_for_one_mailbox(cell: Cell) -> None:
    run = cell.shop.readers.run
    token = await ask(cell)
    assert await given(cell, ELSEWHERE) == frozenset()
    looked = await run(lambda: agreements.asked_by(token, key=KEY, today=TODAY))
    assert looked == agreements.Asked(cell.ada.mailbox, None, None)
    assert await given(cell, ELSEWHERE) == frozenset(), "looking is no answer"
    assert await say(cell, token, Step.YES) == agreements.Asked(cell.ada.mailbox, TODAY, None)
    assert await given(cell, "ada@ELSEWHERE.test", "mo@elsewhere.test", "no address") == {"ada@ELSEWHERE.test"}
    port = DatabaseAgreements(cell.shop.readers, key=KEY)
    assert await port.answers(cell.ben.mailbox.pk, [ELSEWHERE]) == {}
    assert (await say(cell, token, Step.YES, TODAY + LIFE)).agreed == TODAY, "who says it again changes no day"
    assert await waiting(cell, rule(ELSEWHERE)) == []
    assert await run(agreements.sweep, TODAY + timedelta(days=400)) == 0, "an agreement lasts"


async def test_the_link_ends_an_agreement_for_as_long_as_there_is_one(cell: Cell) -> None:
    run, later = cell.shop.readers.run, NOW + timedelta(days=400)
    token = await ask(cell)
    await say(cell, token, Step.YES)
    assert await say(cell, token, Step.NO, later.date()) == agreements.Asked(cell.ada.mailbox, None, later.date())
    assert await given(cell, ELSEWHERE) == frozenset()
    assert await waiting(cell, rule(ELSEWHERE), now=later) == [
        Waiting("ada@elsewhere.test", None, may_ask=False, ended=later.date())
    ]
    with pytest.raises(AskedEnough, match="does not want"):
        await ask(cell, now=later)
    assert await run(agreements.sweep, (later + PEACE).date()) == 0
    await say(cell, token, Step.YES, (later + PEACE).date())
    assert await given(cell, ELSEWHERE) == {ELSEWHERE}


async def test_who_does_not_want_it_is_left_in_peace_for_a_year_and_forgotten(cell: Cell) -> None:
    await say(cell, await ask(cell), Step.NO)
    over = NOW + PEACE + timedelta(days=1)
    assert [one.may_ask for one in await waiting(cell, rule(ELSEWHERE), now=over)] == [True]
    await say(cell, await ask(cell, now=over), Step.YES, over.date())
    assert await given(cell, ELSEWHERE) == {ELSEWHERE}
    await say(cell, await ask(cell, "mo@elsewhere.test"), Step.NO)
    assert await cell.shop.readers.run(agreements.sweep, over.date()) == 1


async def test_a_reader_who_answers_while_the_next_letter_is_written_keeps_the_link(cell: Cell) -> None:
    run, token = cell.shop.readers.run, await ask(cell)
    newer = new_token()
    letter = await begin(cell, newer, now=NOW + 2 * PAUSE)
    await say(cell, token, Step.YES)
    await run(agreements.sent, letter)
    assert (await say(cell, token, Step.NO)).ended == TODAY
    assert (await say(cell, newer, Step.YES)).agreed == TODAY, "that letter has left as well"


async def test_until_it_is_known_whether_a_letter_left_its_link_counts_and_so_does_the_one_before(cell: Cell) -> None:
    run, today, lost, third = cell.shop.readers.run, TODAY + LIFE, new_token(), new_token()

    async def counts(token: str, on: date = TODAY) -> bool:
        try:
            return bool(await run(lambda: agreements.asked_by(token, key=KEY, today=on)))
        except NotFound:
            return False

    first = await ask(cell)
    await begin(cell, lost, now=NOW + timedelta(days=3))  # and there the program ended
    assert await counts(first)
    assert await counts(lost, today + timedelta(days=3)), "to the day that its letter names"
    letter = await begin(cell, third, now=NOW + timedelta(days=4))
    assert await counts(third)
    await run(agreements.unsent, letter)
    assert [await counts(one) for one in (first, lost, third)] == [True, True, False]
    assert not await counts(lost, today + timedelta(days=4))
    await run(agreements.sent, await begin(cell, third, now=NOW + timedelta(days=5)))
    assert [await counts(one) for one in (first, lost, third)] == [False, False, True]


async def test_between_two_letters_there_is_an_hour_also_around_the_turn_of_one(cell: Cell) -> None:
    late = NOW.replace(minute=59, second=59)
    await ask(cell, now=late)
    for after in (timedelta(seconds=1), timedelta(minutes=59)):
        with pytest.raises(AskedEnough, match="another can be sent from 16:00 UTC"):
            await ask(cell, now=late + after)
    await ask(cell, now=late + PAUSE + timedelta(seconds=1))
    # On the full hour itself it is an hour as well, and never more than two.
    at = (NOW + timedelta(days=2)).replace(minute=0, second=0)
    await ask(cell, "mo@elsewhere.test", now=at)
    with pytest.raises(AskedEnough):
        await ask(cell, "mo@elsewhere.test", now=at + PAUSE - timedelta(seconds=1))
    await ask(cell, "mo@elsewhere.test", now=at + PAUSE)


async def test_what_is_ones_own_is_what_leads_to_nobody_else_whoever_the_domain_belongs_to(cell: Cell) -> None:
    def guest() -> None:
        tenant = Tenant.objects.create(cell="is-1", slug="guest", name="Guest", created=TODAY)
        Mailbox.objects.filter(pk=cell.ben.mailbox.pk).update(tenant=tenant)

    run = cell.shop.readers.run
    assert await waiting(cell, rule("ben@example.is")) == []
    await run(guest)
    assert [one.address for one in await waiting(cell, rule("ben@example.is"))] == ["ben@example.is"]
    ben = await run(lambda: Mailbox.objects.get(pk=cell.ben.mailbox.pk))
    theirs = await run(lambda: agreements.waiting(ben, (rule("ada@example.is", "ben@example.is"),), key=KEY, now=NOW))
    assert [one.address for one in theirs] == ["ada@example.is"]


async def test_a_link_ends_after_its_days_and_with_the_next_letter(cell: Cell) -> None:
    run = cell.shop.readers.run
    first = await ask(cell)
    second = await ask(cell, now=NOW + 2 * PAUSE)
    over = TODAY + LIFE + timedelta(days=1)
    for token, today in ((first, TODAY), (second, over), (new_token(), TODAY), ("", TODAY), ("\udc80", TODAY)):
        with pytest.raises(NotFound):
            await say(cell, token, Step.YES, today)
    assert await run(agreements.sweep, TODAY + LIFE) == 0
    assert await run(agreements.sweep, over) == 1


async def test_letters_are_few_for_an_address_and_for_a_mailbox(cell: Cell) -> None:
    await ask(cell)
    with pytest.raises(AskedEnough, match="a short while ago"):
        await ask(cell)
    for number in range(1, LETTERS):
        await ask(cell, now=NOW + 2 * number * PAUSE)
    with pytest.raises(AskedEnough, match="3 letters"):
        await ask(cell, now=NOW + timedelta(days=2))
    for number in range(LETTERS_A_DAY - LETTERS):
        await ask(cell, f"a{number}@elsewhere.test", now=NOW + 2 * LETTERS * PAUSE)
    with pytest.raises(AskedEnough, match="10 letters"):
        await ask(cell, "mo@elsewhere.test", now=NOW + 2 * LETTERS * PAUSE)
    await ask(cell, "mo@elsewhere.test", now=NOW + timedelta(days=2))


async def test_what_waits_is_what_rules_in_use_send_outside(cell: Cell) -> None:
    run = cell.shop.readers.run
    rules = (rule(ELSEWHERE, "ben@example.is"), rule("mo@elsewhere.test", off=True))
    assert await waiting(cell, *rules) == [Waiting("ada@elsewhere.test", None, may_ask=True)]
    await ask(cell)
    assert await waiting(cell, *rules) == [Waiting("ada@elsewhere.test", TODAY + LIFE, may_ask=False)]
    later = NOW + LIFE + timedelta(days=1)
    assert await waiting(cell, *rules, now=later) == [Waiting("ada@elsewhere.test", None, may_ask=True)]
    # A domain that only claims to be the tenant's own is somebody else's.
    await run(lambda: Domain.objects.update(verified=None))
    assert {one.address for one in await waiting(cell, *rules)} == {"ada@elsewhere.test", "ben@example.is"}


async def test_an_operator_may_say_that_they_have_agreed(cell: Cell) -> None:
    rules = (rule(ELSEWHERE, "ben@example.is"),)
    box, run = cell.ada.mailbox, cell.shop.readers.run
    vouch = lambda: agreements.vouch(box, rules, key=KEY, today=TODAY)  # noqa: E731
    assert await run(vouch) == 0
    assert await run(ForwardAgreement.objects.count) == 1
    assert await given(cell, ELSEWHERE) == {ELSEWHERE}
    await run(lambda: agreements.end(box, ELSEWHERE, key=KEY, today=TODAY))
    assert await run(vouch) == 1, "not against its reader"
    assert await given(cell, ELSEWHERE) == frozenset()


async def test_no_row_names_an_address_or_holds_a_link(cell: Cell) -> None:
    token = await ask(cell)
    row = await cell.shop.readers.run(lambda: ForwardAgreement.objects.values().get())
    whole = b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row.values())
    for secret in (b"elsewhere", b"ada", token.encode()):
        assert secret not in whole.lower()


async def test_an_answer_is_about_all_sub_addresses_and_so_are_the_limits(cell: Cell) -> None:
    run, box = cell.shop.readers.run, cell.ada.mailbox
    every = ("mo@elsewhere.test", "Mo+lists@elsewhere.test", "mo+0@elsewhere.test")
    token = await ask(cell, every[1])
    with pytest.raises(AskedEnough, match="a short while ago"):
        await ask(cell, every[2])
    await say(cell, token, Step.YES)
    assert await given(cell, *every, "+mo@elsewhere.test", "mo@example.no") == {*every}
    await say(cell, token, Step.NO)
    assert await given(cell, *every) == frozenset()
    assert [one.ended for one in await waiting(cell, rule(*every))] == [TODAY] * 3
    with pytest.raises(AskedEnough, match="does not want"):
        await ask(cell, every[2])
    await say(cell, token, Step.YES)
    await run(lambda: agreements.end(box, every[0], key=KEY, today=TODAY))
    assert await given(cell, *every) == frozenset()
    assert await run(lambda: agreements.vouch(box, (rule(*every),), key=KEY, today=TODAY)) == 3


async def test_who_is_not_asked_because_it_is_ones_own_can_end_it_all_the_same(cell: Cell) -> None:
    run, box, rules = cell.shop.readers.run, cell.ada.mailbox, (rule("ben@example.is"),)
    port = DatabaseAgreements(cell.shop.readers, key=KEY)
    assert await port.answers(box.pk, ["ben@example.is"]) == {}
    await run(lambda: agreements.end(box, "Ben@example.is", key=KEY, today=TODAY))
    assert await port.answers(box.pk, ["ben@example.is"]) == {"ben@example.is": False}
    assert await waiting(cell, *rules) == [Waiting("ben@example.is", None, may_ask=False, ended=TODAY)]
    assert await run(lambda: agreements.vouch(box, rules, key=KEY, today=TODAY)) == 1
    assert await waiting(cell, *rules, now=NOW + PEACE + timedelta(days=1)) == []


class Meanwhile:
    """Somebody else who speaks right after the first look at the row; who has to wait for its end is waited for then."""

    def __init__(self, speak: Callable[[], object]) -> None:
        self._speak = speak
        self._thread: threading.Thread | None = None

    def __call__(self, execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if self._thread is None and sql.startswith("SELECT") and ForwardAgreement._meta.db_table in sql:
            self._thread = threading.Thread(target=self._and_leave)
            self._thread.start()
            self._thread.join(0.2)
        return answer

    def _and_leave(self) -> None:
        try:
            self._speak()
        finally:
            connection.close()

    def during(self, act: Callable[[], object]) -> None:
        with connection.execute_wrapper(self):
            act()
        assert self._thread is not None
        self._thread.join()


@pytest.mark.parametrize("act", ["yes", "vouch", "ask"])
async def test_a_no_said_at_the_same_moment_is_not_overwritten(cell: Cell, act: str) -> None:
    box, token, later = cell.ada.mailbox, await ask(cell), NOW + 2 * PAUSE
    if act == "ask":
        later = NOW + LIFE + timedelta(days=1)  # the row is there, and nothing in it counts any more
    acts: dict[str, Callable[[], object]] = {
        "yes": lambda: agreements.answered(token, Step.YES, key=KEY, today=TODAY),
        "vouch": lambda: agreements.vouch(box, (rule(ELSEWHERE),), key=KEY, today=TODAY),
        "ask": lambda: agreements.ask(box, ELSEWHERE, new_token(), key=KEY, now=later),
    }
    no = Meanwhile(lambda: agreements.end(box, ELSEWHERE, key=KEY, today=later.date()))
    await cell.shop.readers.run(no.during, acts[act])
    row = await cell.shop.readers.run(ForwardAgreement.objects.get)
    assert (row.agreed, row.ended) == (None, later.date())
