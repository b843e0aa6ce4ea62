"""Secure links in the database: stored whole, found by the hash of a token, gone with message and file."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta

import pytest

from mailhost.adapters.blobs import BLOB_FROM
from mailhost.adapters.securelinks import DatabaseLinks
from mailhost.adapters.sweep import BLOB_GRACE, sweep
from mailhost.models import SecureLink
from mailhost.outbound.securelinks import MAX_DAYS, LinkRules, NewLink, Record
from mailhost.provision import languages, securelinks
from mailhost.provision.errors import BadName, NotFound, WrongSecret
from mailhost.seal import Summary, open_file, seal
from mailhost.seal.link import link_keys, link_verifier, new_salt, new_token, token_digest
from mailhost.seal.password import Argon2Parameters
from tests.adapters.conftest import NOW, Cell

KEY, FAKE = b"k" * 32, b"f" * 32
WORDS = "zoo wolf able"
TODAY = NOW.date()
LETTER = b"Subject: Tides\r\n\r\nHigh at noon.\r\n"


def fresh(content: bytes = LETTER, expires: date = TODAY + timedelta(days=31)) -> tuple[str, NewLink]:
    token, salt = new_token(), new_salt()
    keys = link_keys(WORDS, salt, Argon2Parameters())
    sealed = seal(keys.identity.recipient, content, Summary(size=len(content), internaldate=0))
    record = Record("cleo@other.test", "ada@example.is", "ada@example.is", "<a@example.is>")
    link = NewLink(
        token=token_digest(KEY, token),
        verifier=link_verifier(KEY, keys.auth_key),
        salt=salt,
        parameters=Argon2Parameters().text,
        reference="ABC234",
        made=TODAY,
        expires=expires,
        record=record.sealed(keys.auth_key),
        content=sealed.header + sealed.payload,
    )
    return token, link


def store(cell: Cell) -> DatabaseLinks:
    return DatabaseLinks(cell.shop.writer, cell.shop.readers, cell.shop.blobs, cell="is-1")


async def add(cell: Cell, *links: NewLink) -> Collection[bytes]:
    box = cell.ada.mailbox
    return await store(cell).add(links, tenant_id=box.tenant_id, mailbox_id=box.pk, now=NOW)


def read(cell: Cell, token: str, today: date = TODAY) -> bytes:
    offered = securelinks.offer(token, key=KEY, fake_key=FAKE, today=today)
    keys = link_keys(WORDS, offered.salt, Argon2Parameters.from_text(offered.parameters))
    found = securelinks.open_link(token, keys.auth_key, key=KEY, today=today)
    assert found.record.reader == "cleo@other.test"
    return open_file([keys.identity], securelinks.content(found, cell.shop.blobs))


@pytest.mark.parametrize("content", [LETTER, LETTER + secrets.token_bytes(BLOB_FROM)], ids=["row", "file"])
async def test_a_link_is_opened_by_its_words_counted_and_ended(cell: Cell, content: bytes) -> None:
    run = cell.shop.readers.run
    token, link = fresh(content)
    await add(cell, link)
    assert await run(read, cell, token) == content
    [row] = await run(securelinks.listing, cell.ada.mailbox, TODAY)
    assert (row.reference, row.opened, row.answers, row.last_day) == ("ABC234", 1, 0, TODAY + timedelta(days=30))
    with pytest.raises(NotFound):
        await run(lambda: securelinks.end(cell.ben.mailbox, row.number, blobs=cell.shop.blobs))
    assert await run(lambda: securelinks.end(cell.ada.mailbox, row.number, blobs=cell.shop.blobs)) == "ABC234"
    assert list(cell.shop.blobs.names()) == []
    with pytest.raises(WrongSecret):
        await run(read, cell, token)


async def test_no_row_names_a_correspondent_or_a_word_of_the_message(cell: Cell) -> None:
    token, link = fresh()
    await add(cell, link)
    row = await cell.shop.readers.run(lambda: SecureLink.objects.values().get())
    whole = b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row.values())
    for secret in (b"cleo", b"other.test", b"Tides", b"noon", b"wolf", token.encode()):
        assert secret not in whole


async def test_another_token_and_other_words_get_the_same_refusal_and_a_stable_salt(cell: Cell) -> None:
    run = cell.shop.readers.run
    token, link = fresh()
    await add(cell, link)
    said = set()
    for asked, key in ((token, bytes(32)), (new_token(), bytes(32)), (token, b"")):
        with pytest.raises(WrongSecret) as refused:
            await run(lambda a, k: securelinks.open_link(a, k, key=KEY, today=TODAY), asked, key)
        said.add(str(refused.value))
    assert len(said) == 1
    unknown = new_token()
    offers = [await run(lambda t: securelinks.offer(t, key=KEY, fake_key=FAKE, today=TODAY), unknown) for _ in "ab"]
    assert offers[0] == offers[1]
    assert offers[0].parameters == link.parameters
    assert offers[0].salt != link.salt


async def test_a_link_ends_by_itself_and_goes_with_its_file(cell: Cell) -> None:
    run = cell.shop.readers.run
    short, lasting = fresh(secrets.token_bytes(BLOB_FROM), TODAY + timedelta(days=1)), fresh()
    await add(cell, short[1], lasting[1])
    assert await run(read, cell, short[0])
    with pytest.raises(WrongSecret):
        await run(read, cell, short[0], TODAY + timedelta(days=1))
    assert await run(securelinks.sweep, TODAY, cell.shop.blobs) == 0
    assert await run(securelinks.sweep, TODAY + timedelta(days=1), cell.shop.blobs) == 1
    assert list(cell.shop.blobs.names()) == []
    assert await run(read, cell, lasting[0]) == LETTER


async def test_the_same_link_again_is_one_link_with_the_newer_content(cell: Cell) -> None:
    run = cell.shop.readers.run
    token, link = fresh(secrets.token_bytes(BLOB_FROM))
    await add(cell, link)
    await run(read, cell, token)
    again = replace(fresh(LETTER, TODAY + timedelta(days=32))[1], token=link.token, reference=link.reference)
    assert await add(cell, replace(again, salt=link.salt, verifier=b"d" * 32)) == frozenset()
    [row] = await run(lambda: list(SecureLink.objects.all()))
    assert (row.opened, row.expires) == (1, TODAY + timedelta(days=32))
    assert (row.blob, bytes(row.content), bytes(row.verifier)) == ("", again.content, b"d" * 32)
    other = fresh(LETTER)[1]
    assert await add(cell, replace(again, salt=link.salt), other) == {other.token}


async def test_the_language_of_an_owner_is_what_they_were_last_seen_with(cell: Cell) -> None:
    box = cell.ada.mailbox
    assert await store(cell).language(box.pk) == ""
    for language in ("is", "fr"):
        await cell.shop.readers.run(languages.keep, box, language)
        assert await store(cell).language(box.pk) == language
        assert await cell.shop.readers.run(languages.of, box) == language


async def test_an_unread_link_waits_a_week_for_its_author_to_be_told_and_its_message_does_not(cell: Cell) -> None:
    run, blobs, over = cell.shop.readers.run, cell.shop.blobs, TODAY + timedelta(days=31)
    for content in (LETTER, secrets.token_bytes(BLOB_FROM)):
        await add(cell, fresh(content)[1])
    token, opened = fresh()
    await add(cell, opened)
    await run(read, cell, token)
    assert await run(securelinks.lapsed, over - timedelta(days=1)) == []
    unread = await run(securelinks.lapsed, over)
    assert [(one.mailbox.address, one.last_day) for one in unread] == [("ada@example.is", over - timedelta(days=1))] * 2
    assert await run(lambda: securelinks.lapsed(over, after=unread[0].number)) == unread[1:]
    assert await run(securelinks.sweep, over, blobs) == 1, "the one that was opened"
    assert list(blobs.names()) == []
    assert await run(lambda: {bytes(row.content) for row in SecureLink.objects.all()}) == {b""}
    await run(securelinks.told, [unread[0].number], blobs)
    assert await run(securelinks.lapsed, over) == unread[1:]
    assert await run(securelinks.sweep, over + securelinks.UNTOLD, blobs) == 1
    assert await run(SecureLink.objects.count) == 0


async def test_the_stores_sweep_leaves_the_files_of_links_alone_and_takes_strays(cell: Cell) -> None:
    content = secrets.token_bytes(BLOB_FROM)
    token, link = fresh(content)
    await add(cell, link)
    cell.shop.blobs.write(b"nobody's", NOW)
    later = NOW + BLOB_GRACE + timedelta(hours=2)
    assert (await sweep(cell.shop.writer, cell.shop.readers, cell.shop.blobs, later)).blobs == 1
    assert await cell.shop.readers.run(read, cell, token) == content


async def test_what_nobody_was_told_of_is_forgotten(cell: Cell) -> None:
    token, link = fresh(secrets.token_bytes(BLOB_FROM))
    await add(cell, link)
    await store(cell).remove([link.token, b"x" * 16])
    assert list(cell.shop.blobs.names()) == []
    with pytest.raises(WrongSecret):
        await cell.shop.readers.run(read, cell, token)


async def test_a_tenants_choice_is_what_links_are_made_by(cell: Cell) -> None:
    tenant = cell.ada.mailbox.tenant
    assert await store(cell).rules(tenant.pk) == LinkRules(tenant.name)
    run = cell.shop.readers.run
    chosen = await run(lambda: securelinks.choose(tenant.slug, days=7, answers=True, attachments=False))
    assert await store(cell).rules(tenant.pk) == chosen == LinkRules(tenant.name, 7, True, False)
    for days in (0, MAX_DAYS + 1):
        with pytest.raises(BadName):
            await run(lambda d: securelinks.choose(tenant.slug, days=d, answers=True, attachments=True), days)
    assert await store(cell).rules(4711) == LinkRules()


async def test_answers_are_counted_and_come_to_an_end(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    run = cell.shop.readers.run
    monkeypatch.setattr(securelinks, "MAX_ANSWERS", 2)
    token, link = fresh()
    await add(cell, link)
    keys = link_keys(WORDS, link.salt, Argon2Parameters())
    found = await run(lambda: securelinks.open_link(token, keys.auth_key, key=KEY, today=TODAY))
    begin = lambda: securelinks.begin_answer(found, attachments=False)  # noqa: E731
    await run(begin)
    await run(begin)
    with pytest.raises(securelinks.AnswersClosed, match="2 answers"):
        await run(begin)
    await run(securelinks.answer_failed, found)
    await run(begin)
    assert (await run(securelinks.counts, cell.ada.mailbox.tenant, TODAY)) == securelinks.Counts(1, 1, 1)
