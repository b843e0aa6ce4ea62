"""Secure links: the message stays, its reader hears of it and not from it, and only the author has the words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, message_from_string

import pytest

from mailhost.dispatch import BACKOFF
from mailhost.message.headers import read_headers
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.securelinks import LinkRules, NewLink, Record, drawn
from mailhost.outbound.transport import Verdict
from mailhost.outbox import Outgoing, Passing
from mailhost.ports import HELD_FOLDER, MailboxFull, MailboxState, StoreFull
from mailhost.seal import open_file
from mailhost.seal.link import link_keys, token_digest
from mailhost.seal.password import Argon2Parameters
from tests.office import LETTER, Office
from tests.people import ADA, BEN, NOW

CHEAP = Argon2Parameters.insecure_for_tests()


def linking() -> Office:
    office = Office()
    office.rule = lambda *_: Verdict.LINK
    return office


def notes(office: Office) -> list[bytes]:
    """What waits in the queue because of links."""
    return [row.content for row in office.outbox.items.values() if row.item.note]


def words_in(letter: str) -> dict[str, str]:
    """Reference and words, as the author's letter has them."""
    return dict(re.findall(r"link ([A-Z0-9]{6}):\r\n\r\n    ([a-z ]+)\r\n", letter))


def opened(link: NewLink, words: str) -> tuple[bytes, Record]:
    keys = link_keys(words, link.salt, CHEAP)
    return open_file([keys.identity], link.content), Record.opened(keys.auth_key, link.record)


async def test_each_reader_gets_a_link_of_their_own_and_only_its_words_open_it() -> None:
    office = linking()
    await office.put("cleo@other.test", "mo@other.test")
    await office.work()
    [letter] = office.notices()
    words, links = words_in(letter), list(office.links.kept.values())
    assert len(words) == len(links) == 2
    assert len({(link.salt, link.token, words[link.reference]) for link in links}) == 2
    readers = set()
    for link in links:
        message, record = opened(link, words[link.reference])
        assert message == LETTER
        assert (record.author, record.shown) == ("ada@example.is", "ada@example.is")
        readers.add(record.reader)
        assert (link.expires - link.made).days == 31
    assert readers == {"cleo@other.test", "mo@other.test"}


async def test_the_note_says_who_and_where_and_nothing_that_was_written() -> None:
    office = linking()
    await office.put("cleo@other.test")
    await office.work()
    [note], [link] = notes(office), office.links.kept.values()
    text = " ".join(note.decode().split())
    assert "From: <ada@example.is> To: <cleo@other.test> Subject: ada@example.is has a message for you" in text
    assert "ada@example.is (Harbour) has written you a message" in text
    found = re.search(r"https://cell\.example\.is/l/([A-Za-z0-9_-]{43}) ", text)
    assert found
    assert token_digest(bytes(32), found[1]) == link.token
    assert f"called {link.reference} and opens until 2026-12-22" in text
    [letter] = office.notices()
    for secret in ("Tides", "High at noon", *words_in(letter).values()):
        assert secret not in text


async def test_the_note_goes_out_by_itself_and_the_message_never_does() -> None:
    office = linking()
    await office.put("cleo@other.test")
    for _ in range(3):
        await office.work()
        office.later(minutes=5)
    assert office.network.sent == [("mx.other.test", "ada@example.is", ("cleo@other.test",), False)]
    assert not office.outbox.items
    assert len(office.links.kept) == 1
    assert office.talk.metrics.counts["queue_attempts", "linked"] == 1


async def test_not_even_the_note_goes_out_without_tls() -> None:
    office = linking()
    office.network.secure = False
    await office.put("cleo@other.test")
    for _ in range(6):
        await office.work()
        office.later(hours=1)
    assert office.network.sent == []
    assert "offers no encryption" in " ".join(office.notices()[-1].split())


async def test_the_letter_says_what_to_do_and_why() -> None:
    office = linking()
    await office.put("cleo@other.test")
    await office.work()
    [letter] = office.notices()
    text = " ".join(letter.split())
    for expected in (
        "Subject: Seven words for cleo@other.test",
        'Your message "Tides" was not sent as mail. Nobody knows where it stands. This is on record as decision',
        "Do not mail them",
        "For cleo@other.test, link",
        "opens until 2026-12-22",
        "https://cell.example.is/mailbox/links/",
        "An answer that is written on the page comes into this mailbox",
    ):
        assert expected in text, expected
    assert "High at noon" not in text


async def test_what_is_passed_on_for_a_mailbox_has_no_author_to_tell_and_stays_with_its_mailbox() -> None:
    office = linking()
    await office.put("cleo@other.test", passing=Passing.ONLY)
    await office.work()
    assert office.links.kept == {}
    assert not notes(office)
    assert office.network.connected == []


async def test_an_author_may_ask_for_a_link_where_nothing_forbids_the_mail() -> None:
    office = Office()
    await office.put("cleo@other.test", link=True)
    await office.put("mo@other.test", link=True, sealed=True)
    await office.work()
    assert [sent[2] for sent in office.network.sent] == [("mo@other.test",)], "what only its reader opens goes as it is"
    assert len(office.links.kept) == 1
    assert "You asked for it to stay here." in " ".join(office.notices()[0].split())


async def test_without_room_for_the_words_nothing_is_kept_and_it_comes_up_again() -> None:
    office = linking()
    office.talk.store.failures = [MailboxFull({ADA.mailbox_id})]
    await office.put("cleo@other.test")
    await office.work()
    [row] = office.outbox.items.values()
    assert (row.item.reason, row.due) == ("link_waits", NOW + BACKOFF[0])
    assert office.links.kept == {}
    office.later(minutes=1)
    await office.work()
    assert len(office.links.kept) == 1


async def test_without_room_for_links_it_waits_in_the_queue() -> None:
    office = linking()
    office.links.failure = StoreFull("links")
    await office.put("cleo@other.test")
    with pytest.raises(StoreFull):
        await office.work()
    assert len(office.outbox.items) == 1
    assert office.notices() == []


async def test_what_has_no_author_to_be_told_the_words_is_held() -> None:
    office = linking()
    await office.put("cleo@other.test", sender="")
    await office.work()
    assert office.links.kept == {}
    assert [one.special_use for one in office.talk.store.deliveries] == [HELD_FOLDER]
    office.talk.add("ada@example.is", replace(ADA, state=MailboxState.SUSPENDED))
    office.talk.clock += 60
    await office.put("cleo@other.test")
    await office.work()
    assert office.links.kept == {}
    assert not notes(office)


async def test_the_words_go_to_who_handed_it_in_and_not_to_others_behind_the_address() -> None:
    office = linking()
    office.talk.add("sales@example.is", ADA, BEN)
    office.talk.add("ada@example.is", ADA, BEN)
    await office.put("cleo@other.test", sender="sales@example.is")
    await office.work()
    assert {delivery.mailbox_id for delivery in office.talk.store.deliveries} == {ADA.mailbox_id}
    assert b"From: <sales@example.is>" in notes(office)[0]


async def test_a_tenants_choice_counts() -> None:
    office = linking()
    office.links.chosen[1] = LinkRules("Harbour\r\nBcc: mo@other.test", days=3, answers=False)
    await office.put("cleo@other.test")
    await office.work()
    [letter], [link] = office.notices(), office.links.kept.values()
    assert (link.expires - link.made).days == 4
    assert "An answer" not in letter
    assert not read_headers(notes(office)[0]).has_any({b"bcc"}), "a name is a line of text, whatever is in it"


async def test_one_host_that_denies_decides_for_all_and_a_link_is_milder_than_a_hold() -> None:
    office = Office()
    office.rule = lambda target, *_: Verdict.LINK if target.name == "mx.other.test" else Verdict.HOLD
    await office.put("cleo@other.test")
    await office.work()
    assert office.links.kept == {}
    assert office.network.connected == []


async def test_a_backup_that_only_may_have_a_note_still_gets_one() -> None:
    office = linking()
    office.network.down = {Target("mx.other.test", "93.184.215.14")}
    await office.put("cleo@other.test")
    await office.work()
    await office.work()
    assert [sent[0] for sent in office.network.sent] == ["backup.other.test"]


@pytest.mark.parametrize("notes_queued", [0, 1])
async def test_a_crash_after_the_letter_makes_the_same_links_again_and_never_a_second_one(
    monkeypatch: pytest.MonkeyPatch, notes_queued: int
) -> None:
    office = linking()
    await office.put("cleo@other.test", "mo@other.test")
    put = office.outbox.put
    queued: list[Outgoing] = []

    async def killed(message: Outgoing, *, now: datetime) -> None:
        if len(queued) == notes_queued:
            raise SystemExit
        queued.append(message)
        await put(message, now=now)

    monkeypatch.setattr(office.outbox, "put", killed)
    with pytest.raises(SystemExit):
        await office.work()
    before = dict(office.links.kept)
    monkeypatch.setattr(office.outbox, "put", put)
    office.outbox.claims.clear()
    office.later(minutes=1)
    await office.work()
    assert list(office.links.kept) == list(before), "the same two addresses"
    first, second = map(words_in, office.notices())
    assert first == second, "whichever letter the author kept has the words that open it"
    for link in office.links.kept.values():
        assert opened(link, first[link.reference])[0] == LETTER
    addresses = {re.search(rb"/l/([\w-]{43})", note)[1] for note in notes(office)}  # type: ignore[index]
    assert len(addresses) == 2
    assert {token_digest(bytes(32), address.decode()) for address in addresses} == set(office.links.kept)


async def test_a_link_that_was_told_of_stays_though_the_next_letter_finds_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = linking()
    await office.put("cleo@other.test", "mo@other.test")
    put = office.outbox.put

    async def full(_message: Outgoing, *, now: datetime) -> None:
        raise StoreFull("queue")

    monkeypatch.setattr(office.outbox, "put", full)
    with pytest.raises(StoreFull):
        await office.work()
    monkeypatch.setattr(office.outbox, "put", put)
    [told] = map(words_in, office.notices())
    office.outbox.claims.clear()
    office.talk.store.failures = [MailboxFull({ADA.mailbox_id})]
    office.later(minutes=1)
    await office.work()
    assert len(office.links.kept) == 2
    for link in office.links.kept.values():
        assert opened(link, told[link.reference])[0] == LETTER


def test_what_is_drawn_for_a_link_is_one_readers_and_one_messages_alone() -> None:
    take, again = drawn("a" * 64, "cleo@other.test"), drawn("a" * 64, "cleo@other.test")
    pieces = take(32), take(16), take(16)
    assert (again(32), again(32)) == (pieces[0], pieces[1] + pieces[2])
    assert len({*pieces, drawn("a" * 64, "mo@other.test")(32), drawn("b" * 64, "cleo@other.test")(32)}) == 5


async def test_both_letters_are_in_the_authors_language_and_the_readers_has_english_below() -> None:
    office = linking()
    office.links.languages[ADA.mailbox_id] = "xx"
    await office.put("cleo@other.test")
    await office.work()
    [letter], [note] = office.notices(), notes(office)
    assert note.isascii(), "what is written in another language needs no host that takes more than ASCII (RFC 6531)"
    assert not next(iter(office.outbox.items.values())).item.smtputf8
    told, asked = message_from_string(letter), message_from_bytes(note)
    assert read_headers(letter.encode()).text(b"subject") == "¡Seven words for cleo@other.test!"
    assert read_headers(note).text(b"subject") == "¡ada@example.is has a message for you!"
    text = asked.get_payload(decode=True).decode()  # type: ignore[union-attr]
    above, below = text.split("* * *")
    assert "¡ada@example.is (Harbour) has written you a message." in above
    assert "¡" not in below
    assert above.count("/l/") == below.count("/l/") == 2
    assert "¡" in told.get_payload(decode=True).decode()  # type: ignore[union-attr]


class TestStandingConsent:
    """An owner's consent for one reader lets that reader's share go; the rest is kept."""

    async def test_lets_mail_for_its_reader_go_and_keeps_that_for_others(self) -> None:
        office = linking()
        office.consents.kept = {(1, "cleo@other.test"): NOW.date()}
        await office.put("cleo@other.test", "mo@other.test")
        await office.work()
        [letter] = office.notices()
        assert "mo@other.test" in letter
        assert "cleo@other.test" not in letter
        [row] = [row for row in office.outbox.items.values() if not row.item.note]
        assert ([one.address for one in row.item.recipients], row.item.reason) == (["cleo@other.test"], "parted")
        office.later(minutes=1)
        await office.work()
        await office.work()
        assert sorted(sent[2] for sent in office.network.sent) == [("cleo@other.test",), ("mo@other.test",)]
        assert len(office.links.kept) == 1

    @pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.HOLD])
    async def test_counts_until_its_day_and_not_once_it_is_taken_back(self, verdict: Verdict) -> None:
        office = Office()
        office.rule = lambda *_: verdict
        for until, after, gone in ((NOW.date(), 0, 1), (None, 0, 1), (NOW.date(), 1, 1)):
            office.consents.kept = {} if until is None else {(1, "cleo@other.test"): until}
            office.later(days=after)
            await office.put("cleo@other.test")
            await office.work()
            assert len(office.network.sent) == gone
            assert not office.outbox.items

    async def test_is_worth_nothing_where_the_policy_does_not_leave_it_to_authors(self) -> None:
        office = linking()
        office.leaves_it_to_authors = False
        office.consents.kept = {(1, "cleo@other.test"): NOW.date()}
        await office.put("cleo@other.test")
        await office.work()
        assert len(office.links.kept) == 1
        assert office.network.sent == []

    async def test_is_for_what_its_owner_writes_and_not_for_what_is_passed_on(self) -> None:
        office = linking()
        office.consents.kept = {(1, "cleo@other.test"): NOW.date()}
        await office.put("cleo@other.test", passing=Passing.ONLY)
        await office.work()
        assert office.network.sent == []
