"""Standing consents in the database: found by who may have given them, lapsing, and naming nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jurisdiction.presets import home_policy
from mailhost.adapters.consents import DatabaseConsents
from mailhost.consents import DAYS, MAX_DAYS
from mailhost.models import Consent, MailboxKey
from mailhost.provision import consents
from mailhost.provision.errors import AccessForbidden, BadName, NoKeyYet, NotFound
from mailhost.seal import open_file
from tests.adapters.conftest import NOW, Cell

KEY = b"k" * 32
TODAY = NOW.date()
ALLOWING = replace(home_policy("IS"), consent=True)


async def give(cell: Cell, reader: str = "Cleo@other.test", days: int = DAYS) -> consents.ConsentView:
    box = cell.ada.mailbox
    return await cell.shop.readers.run(
        lambda: consents.add(box, reader, policy=ALLOWING, key=KEY, today=TODAY, days=days)
    )


async def given(cell: Cell, box: int, *readers: str, after: int = 0) -> frozenset[str]:
    port = DatabaseConsents(cell.shop.readers, key=KEY)
    return await port.given(box, readers, today=TODAY + timedelta(days=after))


async def test_a_consent_is_its_givers_for_its_reader_and_for_its_time(cell: Cell) -> None:
    await give(cell, days=10)
    ada, ben = cell.ada.mailbox.pk, cell.ben.mailbox.pk
    assert await given(cell, ada, "cleo@OTHER.test", "mo@other.test", "no address") == {"cleo@OTHER.test"}
    assert await given(cell, ben, "cleo@other.test") == frozenset()
    assert await given(cell, ada, "cleo@other.test", after=10)
    assert not await given(cell, ada, "cleo@other.test", after=11)
    assert await cell.shop.readers.run(consents.sweep, TODAY + timedelta(days=10)) == 0
    assert await cell.shop.readers.run(consents.sweep, TODAY + timedelta(days=11)) == 1


async def test_taken_back_it_is_gone_for_the_next_question(cell: Cell) -> None:
    run, box = cell.shop.readers.run, cell.ada.mailbox
    first = await give(cell)
    again = await give(cell, "cleo@other.test", days=5)
    assert first.number == again.number, "given anew, it is the same one"
    with pytest.raises(NotFound):
        await run(consents.revoke_number, cell.ben.mailbox, again.number)
    await run(lambda: consents.revoke(box, " cleo@other.test", key=KEY))
    assert not await given(cell, box.pk, "cleo@other.test")
    with pytest.raises(NotFound):
        await run(lambda: consents.revoke(box, "cleo@other.test", key=KEY))


async def test_only_its_owner_reads_for_whom_it_is(cell: Cell) -> None:
    await give(cell)
    [row] = await cell.shop.readers.run(lambda: list(Consent.objects.values()))
    whole = b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row.values())
    assert b"cleo" not in whole.lower()
    assert b"other.test" not in whole
    [view] = await cell.shop.readers.run(consents.listing, cell.ada.mailbox, TODAY)
    assert open_file([cell.ada.identity], view.shown).lower() == b"cleo@other.test"


async def test_what_is_refused_says_what_to_do(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    run, box = cell.shop.readers.run, cell.ada.mailbox
    with pytest.raises(AccessForbidden, match=r"\[link\]"):
        await run(lambda: consents.add(box, "cleo@other.test", policy=home_policy("IS"), key=KEY, today=TODAY))
    for reader, days in (("cleo", DAYS), ("cleo@other.test", 0), ("cleo@other.test", MAX_DAYS + 1)):
        with pytest.raises(BadName):
            await give(cell, reader, days)
    monkeypatch.setattr(consents, "MAX_CONSENTS", 1)
    await give(cell)
    with pytest.raises(BadName, match="take some back"):
        await give(cell, "mo@other.test")
    await run(lambda: MailboxKey.objects.filter(mailbox=box).delete())
    with pytest.raises(NoKeyYet):
        await give(cell)
