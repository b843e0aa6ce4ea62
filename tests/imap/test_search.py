"""SEARCH: every key, nesting, charsets, and the extended answers (RFC 9051 §6.4.4)."""

from __future__ import annotations

import dataclasses
import time
import weakref
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from mailhost.imap import search as search_module
from mailhost.imap.search_keys import And, Size, Text
from mailhost.imap.selected import Selected
from mailhost.imap.store import Damaged
from tests.imap.dialogue import ADA, NOW, PASSWORD, Client, Clock, Dialogue, ada_with, make_endpoint, message
from tests.imap.memory import MemoryFolder, MemoryStore

GRUSS = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <jurgen@example.is>\r\nTo: team: Ada <ada@example.is>, cleo@demo.test;\r\n"
    b"Cc: Mo <mo@example.is>\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe_aus_Reykjav=EDk?=\r\n"
    b"Date: Sat, 21 Nov 2026 23:30:00 -0500\r\nX-Mood: =?utf-8?q?fr=C3=B6hlich?=\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"U2Now7ZuZSBHcsO8w59lCg==\r\n"
)
PLAIN = b'From: "Doe, John" (the one) <john@demo.test>\r\nBcc: hidden@demo.test\r\nMessage-ID: <p1@demo.test>\r\n\r\nhello\r\n'


def store() -> MemoryStore:
    """1: Message 1, unseen; 2: greetings, seen and flagged; 3: plain, old and large; 4: Message 4, deleted, $Work."""
    made = ada_with()
    _password, mailbox = made._people[ADA]
    made.put(mailbox, "INBOX", message("Message 1", "Body 1."), now=NOW)
    made.put(mailbox, "INBOX", GRUSS, now=NOW - timedelta(hours=1), flags=["\\Seen", "\\Flagged"])
    made.put(mailbox, "INBOX", PLAIN + b"x" * 5000, now=NOW - timedelta(days=300), flags=["\\Answered", "\\Draft"])
    made.put(mailbox, "INBOX", message("Message 4", "Body 4."), now=NOW, flags=["\\Deleted", "$Work"])
    return made


async def found(line: str, made: MemoryStore | None = None) -> list[int]:
    """The numbers that SEARCH answers."""
    client = Client(make_endpoint(made or store()))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    answer = await client.ask(line.join(["a SEARCH ", ""]))
    assert b"\r\na OK" in answer, answer
    return [int(number) for number in answer.split(b"\r\n")[0].split()[2:]]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ALL", [1, 2, 3, 4]),
        ("SEEN", [2]),
        ("UNSEEN", [1, 3, 4]),
        ("ANSWERED", [3]),
        ("UNANSWERED", [1, 2, 4]),
        ("DELETED", [4]),
        ("UNDELETED", [1, 2, 3]),
        ("DRAFT", [3]),
        ("UNDRAFT", [1, 2, 4]),
        ("FLAGGED", [2]),
        ("UNFLAGGED", [1, 3, 4]),
        ("RECENT", [1, 2, 3, 4]),
        ("NEW", [1, 3, 4]),
        ("OLD", []),
        ("KEYWORD $work", [4]),
        ("UNKEYWORD $Work", [1, 2, 3]),
        ("KEYWORD $None", []),
        ("UNKEYWORD $None", [1, 2, 3, 4]),
        ("1", [1]),
        ("1:*", [1, 2, 3, 4]),
        ("*", [4]),
        ("2:3,1", [1, 2, 3]),
        ("1000", []),
        ("1:1000", [1, 2, 3, 4]),
        ("UID 2:4294967295", [2, 3, 4]),
        ("UID *", [4]),
        ("NOT 1", [2, 3, 4]),
        ("NOT NOT 1", [1]),
        ("NOT UID 1 NOT SEEN", [3, 4]),
        ("OR 1 OR 2 3", [1, 2, 3]),
        ("OR (SEEN FLAGGED) (NOT SEEN DELETED)", [2, 4]),
        ("OR SEEN NOT UNDELETED", [2, 4]),
        ("SEEN UNSEEN", []),
        ("UNSEEN NOT DELETED NOT ANSWERED", [1]),
        ("(ALL)", [1, 2, 3, 4]),
        ("SUBJECT message", [1, 4]),
        ("SUBJECT MESSAGE", [1, 4]),
        ('SUBJECT "sage 4"', [4]),
        ('SUBJECT ""', [1, 2, 4]),
        ('SUBJECT "grüsse"', [2]),
        ('SUBJECT "GRÜßE"', [2]),
        ('SUBJECT "reykjavík"', [2]),
        ("FROM ben", [1, 4]),
        ('FROM "jürgen"', [2]),
        ("FROM jurgen@example.is", [2]),
        ('FROM "Jürgen <jurgen@example.is>"', [2]),
        ('FROM "doe, john"', [3]),
        ("TO ada@", [1, 2, 4]),
        ("TO team", [2]),
        ("TO cleo", [2]),
        ('TO ""', [1, 2, 4]),
        ("CC mo", [2]),
        ("BCC hidden", [3]),
        ("NOT FROM ben", [2, 3]),
        ('HEADER Message-ID "p1@demo"', [3]),
        ('HEADER X-Mood ""', [2]),
        ('HEADER X-Mood "fröhlich"', [2]),
        ("HEADER x-mood sad", []),
        ('NOT HEADER X-Mood ""', [1, 3, 4]),
        ("HEADER Date nov", [1, 2, 4]),
        ('BODY "schöne"', [2]),
        ('BODY "grüsse"', [2]),
        ("BODY hello", [3]),
        ("BODY subject", []),
        ("TEXT subject", [1, 2, 4]),
        ('TEXT "fröhlich"', [2]),
        ('TEXT "reykjavík" BODY "schöne"', [2]),
        ("OR BODY hello SUBJECT 4", [3, 4]),
        ("NOT TEXT body", [2, 3]),
        ("LARGER 5000", [3]),
        ("SMALLER 5000", [1, 2, 4]),
        ("NOT LARGER 0", []),
        ("SINCE 22-Nov-2026", [1, 2, 4]),
        ("BEFORE 22-Nov-2026", [3]),
        ("ON 22-Nov-2026", [1, 2, 4]),
        ("SENTON 21-Nov-2026", [2]),
        ("SENTSINCE 22-Nov-2026", [1, 4]),
        ("SENTBEFORE 22-Nov-2026", [2]),
        ("SAVEDON 22-Nov-2026", [1, 2, 4]),
        ("SAVEDBEFORE 1-Jan-2026", []),
        ("SAVEDSINCE 1-Mar-2026", [1, 2, 4]),
        ("SAVEDATESUPPORTED", [1, 2, 3, 4]),
        ("YOUNGER 600", [1, 4]),
        ("OLDER 600", [2, 3]),
        ("OLDER 4294967295", []),
        ("EMAILID M0", []),
        ("THREADID T1", []),
    ],
)
async def test_keys(key: str, expected: list[int]) -> None:
    assert await found(key) == expected


async def test_uid_search_answers_uids() -> None:
    await Dialogue(store(), select="INBOX").play(r"""
        C: a STORE 1 +FLAGS.SILENT (\Deleted)
        S: a OK ...
        C: b EXPUNGE
        S: * 1 EXPUNGE
        S: * 3 EXPUNGE
        S: b OK ...
        C: c UID SEARCH ALL
        S: * SEARCH 2 3
        S: c OK ...
        C: d SEARCH ALL
        S: * SEARCH 1 2
        S: d OK ...
        C: e SEARCH UID 3
        S: * SEARCH 2
        S: e OK ...
    """)


async def test_charsets() -> None:
    await Dialogue(store(), select="INBOX").play("""
        C: a SEARCH CHARSET UTF-8 SUBJECT Grüße
        S: a BAD ...
        C: b SEARCH CHARSET UTF-8 SUBJECT "Grüße"
        S: * SEARCH 2
        S: b OK ...
        C: c SEARCH CHARSET X-MARTIAN SUBJECT x
        S: c NO [BADCHARSET (US-ASCII UTF-8)] ...
        C: d ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: d OK ...
        C: e SEARCH SUBJECT "Grüße"
        S: * SEARCH 2
        S: e OK ...
        C: f SEARCH CHARSET UTF-8 SUBJECT x
        S: f BAD ...
    """)


async def test_an_unknown_charset_leaves_nothing_saved_and_a_wrong_word_does() -> None:
    await Dialogue(store(), select="INBOX").play("""
        C: a SEARCH RETURN (SAVE) 1:2
        S: a OK ...
        C: b SEARCH RETURN (SAVE) MOOD
        S: b BAD ...
        C: c SEARCH RETURN (COUNT) $
        S: * ESEARCH (TAG "c") COUNT 2
        S: c OK ...
        C: d SEARCH RETURN (SAVE) CHARSET X-MARTIAN SUBJECT x
        S: d NO [BADCHARSET ...
        C: e SEARCH RETURN (COUNT) $
        S: * ESEARCH (TAG "e") COUNT 0
        S: e OK ...
        C: f CLOSE
        S: f OK ...
        C: g SEARCH CHARSET X-MARTIAN SUBJECT x
        S: g BAD ...
    """)


async def test_a_string_in_the_wrong_charset() -> None:
    client = Client(make_endpoint(store()))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    for line in (b'a SEARCH CHARSET UTF-8 SUBJECT "Gr\xfc\xdfe"', b'a SEARCH SUBJECT "Gr\xfc\xdfe"'):
        assert b"a NO [BADCHARSET" in await client.ask(line)
    assert b"* SEARCH 2\r\n" in await client.ask(b'a SEARCH CHARSET ISO-8859-1 SUBJECT "Gr\xfc\xdfe"')


async def test_extended_answers() -> None:
    await Dialogue(store(), select="INBOX").play("""
        C: a SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN
        S: * ESEARCH (TAG "a") MIN 1 MAX 4 ALL 1,3:4 COUNT 3
        S: a OK ...
        C: b UID SEARCH RETURN () ALL
        S: * ESEARCH (TAG "b") UID ALL 1:4
        S: b OK ...
        C: c SEARCH RETURN (MIN) KEYWORD none
        S: * ESEARCH (TAG "c")
        S: c OK ...
        C: d SEARCH RETURN (COUNT) KEYWORD none
        S: * ESEARCH (TAG "d") COUNT 0
        S: d OK ...
    """)


async def test_modseqs_of_what_is_told() -> None:
    await Dialogue(store(), select="INBOX").play(r"""
        C: a SEARCH MODSEQ 3
        S: * OK [HIGHESTMODSEQ 5] ...
        S: * SEARCH 2 3 4 (MODSEQ 5)
        S: a OK ...
        C: b STORE 2 +FLAGS.SILENT ($x)
        S: * FLAGS ...
        S: * OK [PERMANENTFLAGS ...
        S: * 2 FETCH (MODSEQ (6))
        S: b OK ...
        C: c SEARCH RETURN (MIN) MODSEQ 1
        S: * ESEARCH (TAG "c") MIN 1 MODSEQ 2
        S: c OK ...
        C: d SEARCH RETURN (MIN MAX) MODSEQ 1
        S: * ESEARCH (TAG "d") MIN 1 MAX 4 MODSEQ 5
        S: d OK ...
        C: e SEARCH RETURN (ALL) MODSEQ 1
        S: * ESEARCH (TAG "e") ALL 1:4 MODSEQ 6
        S: e OK ...
        C: f SEARCH MODSEQ 99
        S: * SEARCH
        S: f OK ...
    """)


async def test_a_saved_result_is_used_by_other_commands() -> None:
    await Dialogue(store(), select="INBOX").play(r"""
        C: a SEARCH RETURN (SAVE) UNSEEN
        S: a OK ...
        C: b FETCH $ UID
        S: * 1 FETCH (UID 1)
        S: * 3 FETCH (UID 3)
        S: * 4 FETCH (UID 4)
        S: b OK ...
        C: c UID SEARCH RETURN (COUNT) UID $ NOT 1
        S: * ESEARCH (TAG "c") UID COUNT 2
        S: c OK ...
        C: d SEARCH RETURN (SAVE MIN) ALL
        S: * ESEARCH (TAG "d") MIN 1
        S: d OK ...
        C: e UID COPY $ Sent
        S: e OK [COPYUID ... 1 1] ...
        C: f SEARCH RETURN (SAVE COUNT) 2:3
        S: * ESEARCH (TAG "f") COUNT 2
        S: f OK ...
        C: g STORE $ +FLAGS.SILENT (\Deleted)
        S: g OK ...
        C: h EXPUNGE
        S: * 2 EXPUNGE
        S: * 2 EXPUNGE
        S: * 2 EXPUNGE
        S: h OK ...
        C: i FETCH $ UID
        S: i OK ...
    """)


async def test_a_search_that_fails_saves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = Dialogue(store(), select="INBOX")
    await dialogue.play("""
        C: a SEARCH RETURN (SAVE) ALL
        S: a OK ...
    """)
    monkeypatch.setattr(search_module, "MAX_VISITS", 3)
    await dialogue.play("""
        C: b SEARCH RETURN (SAVE) ALL
        S: b NO [LIMIT] ...
        C: c FETCH $ UID
        S: c OK ...
    """)


async def test_a_search_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "MAX_OPENED", 4000)
    await Dialogue(store(), select="INBOX").play("""
        C: a SEARCH TEXT nothing
        S: a NO [LIMIT] ...
        C: b SEARCH 1 TEXT body
        S: * SEARCH 1
        S: b OK ...
    """)


@pytest.mark.slow
async def test_many_keys_cost_one_decoding() -> None:
    made = ada_with()
    _password, mailbox = made._people[ADA]
    made.put(mailbox, "INBOX", message("Long", "lorem ipsum dolor\r\n" * 50_000), now=NOW)
    began = time.process_time()
    assert await found(" ".join(f"NOT TEXT sit{number}" for number in range(400)), made) == [1]
    assert time.process_time() - began < 3


class Opening(MemoryFolder):
    """A folder that knows how many of the messages it gave away were held at once."""

    most = 0

    async def contents(self, uids: Sequence[int]) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        given: list[weakref.ref[memoryview]] = []
        for uid in uids:
            content = memoryview(message())
            given.append(weakref.ref(content))
            yield uid, content
            del content
            self.most = max(self.most, sum(one() is not None for one in given))


async def test_one_opened_message_is_in_memory_at_a_time() -> None:
    made = ada_with(20)
    account = await made.login(ADA, PASSWORD, source="")
    box = (await account.open("INBOX")).box
    folder = Opening(account, box)
    selected = await Selected.select(folder, read_only=True)
    program = And((Text("subject", headers=True), Size(1, larger=True)))
    assert len(await search_module.Search(selected, [], NOW).run(program)) == 20
    assert folder.most <= 2


async def test_damaged_messages_are_not_found_and_do_no_harm() -> None:
    made = store()
    _password, mailbox = made._people[ADA]
    mailbox.boxes["INBOX"].messages[1].damaged = True
    assert await found("TEXT body", made) == [4]
    assert await found("SUBJECT message", made) == [4]
    assert await found("ALL", made) == [1, 2, 3, 4]


async def test_within_counts_from_now() -> None:
    clock = Clock(NOW + timedelta(hours=2))
    client = Client(make_endpoint(store(), clock=clock))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    assert b"* SEARCH\r\n" in await client.ask("a SEARCH YOUNGER 600")
    assert b"* SEARCH 1 4\r\n" in await client.ask("a SEARCH YOUNGER 7200")


async def test_no_savedate_is_no_day() -> None:
    made = store()
    _password, mailbox = made._people[ADA]
    stored = mailbox.boxes["INBOX"].messages[1]
    stored.meta = dataclasses.replace(stored.meta, savedate=None)
    assert await found("SAVEDSINCE 1-Jan-1970", made) == [2, 3, 4]


async def test_a_sealed_view_searches_what_it_serves() -> None:
    assert await found("TEXT U2Now7ZuZSBHcsO8w59lCg", ada_with([GRUSS])) == []
    assert await found("HEADER Subject iso-8859", ada_with([GRUSS])) == []
