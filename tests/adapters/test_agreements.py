"""Agreements in the database: who was asked agrees once, limits hold, and no row names anybody."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mailhost.adapters.agreements import DatabaseAgreements
from mailhost.agreements import LETTERS, LETTERS_A_DAY, LIFE, PAUSE, new_token
from mailhost.models import Domain, ForwardAgreement
from mailhost.provision import agreements
from mailhost.provision.agreements import AskedEnough, Waiting
from mailhost.provision.errors import NotFound
from mailhost.rules.rule import Rule, action, condition
from tests.adapters.conftest import NOW, Cell

KEY = b"k" * 32
TODAY = NOW.date()
ELSEWHERE = "Ada@elsewhere.test"


def rule(*addresses: str, off: bool = False) -> Rule:
    actions = tuple(action("forward", one) for one in addresses)
    return Rule("on", (condition("subject", "contains", "tides"),), actions, off=off)


async def ask(cell: Cell, address: str = ELSEWHERE, now: datetime = NOW) -> str:
    token = new_token()
    await cell.shop.readers.run(lambda: agreements.ask(cell.ada.mailbox, address, key=KEY, token=token, now=now))
    return token


async def given(cell: Cell, *targets: str) -> frozenset[str]:
    return await DatabaseAgreements(cell.shop.readers, key=KEY).given(cell.ada.mailbox.pk, targets)


async def waiting(cell: Cell, *rules: Rule, now: datetime = NOW) -> list[Waiting]:
    return await cell.shop.readers.run(lambda: agreements.waiting(cell.ada.mailbox, rules, key=KEY, now=now))


async def test_whoever_was_asked_agrees_once_and_for_one_mailbox(cell: Cell) -> None:
    run = cell.shop.readers.run
    token = await ask(cell)
    assert await given(cell, ELSEWHERE) == frozenset()
    looked = await run(lambda: agreements.asked_by(token, key=KEY, today=TODAY))
    assert looked == cell.ada.mailbox
    assert await given(cell, ELSEWHERE) == frozenset(), "looking is no answer"
    assert await run(lambda: agreements.agree(token, key=KEY, today=TODAY)) == cell.ada.mailbox
    assert await given(cell, "ada@ELSEWHERE.test", "mo@elsewhere.test", "no address") == {"ada@ELSEWHERE.test"}
    port = DatabaseAgreements(cell.shop.readers, key=KEY)
    assert await port.given(cell.ben.mailbox.pk, [ELSEWHERE]) == frozenset()
    with pytest.raises(NotFound):
        await run(lambda: agreements.agree(token, key=KEY, today=TODAY))
    assert await waiting(cell, rule(ELSEWHERE)) == []
    assert await run(agreements.sweep, TODAY + timedelta(days=400)) == 0, "an agreement lasts"


async def test_a_link_ends_after_its_days_and_with_the_next_letter(cell: Cell) -> None:
    run = cell.shop.readers.run
    first = await ask(cell)
    second = await ask(cell, now=NOW + PAUSE)
    over = TODAY + LIFE + timedelta(days=1)
    for token, today in ((first, TODAY), (second, over), (new_token(), TODAY), ("", TODAY), ("\udc80", TODAY)):
        with pytest.raises(NotFound):
            await run(lambda t, d: agreements.agree(t, key=KEY, today=d), token, today)
    assert await run(agreements.sweep, TODAY + LIFE) == 0
    assert await run(agreements.sweep, over) == 1


async def test_letters_are_few_for_an_address_and_for_a_mailbox(cell: Cell) -> None:
    await ask(cell)
    with pytest.raises(AskedEnough, match="within the last hour"):
        await ask(cell)
    for number in range(1, LETTERS):
        await ask(cell, now=NOW + number * PAUSE)
    with pytest.raises(AskedEnough, match="3 letters"):
        await ask(cell, now=NOW + timedelta(days=2))
    for number in range(LETTERS_A_DAY - LETTERS):
        await ask(cell, f"a{number}@elsewhere.test", now=NOW + LETTERS * PAUSE)
    with pytest.raises(AskedEnough, match="10 letters"):
        await ask(cell, "mo@elsewhere.test", now=NOW + LETTERS * PAUSE)
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
    vouch = lambda: agreements.vouch(cell.ada.mailbox, rules, key=KEY, today=TODAY)  # noqa: E731
    assert await cell.shop.readers.run(vouch) == 1
    assert await given(cell, ELSEWHERE) == {ELSEWHERE}


async def test_no_row_names_an_address_or_holds_a_link(cell: Cell) -> None:
    token = await ask(cell)
    row = await cell.shop.readers.run(lambda: ForwardAgreement.objects.values().get())
    whole = b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row.values())
    for secret in (b"elsewhere", b"ada", token.encode()):
        assert secret not in whole.lower()
