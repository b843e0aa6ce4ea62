"""FETCH (RFC 9051 §6.4.5): every item, every section, and content of any kind."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailhost.imap.fetch import _META_VALUES, FLAG_BATCH
from mailhost.imap.fetch_items import MAX_SECTIONS
from mailhost.imap.store import MetaValues, View
from tests.imap.dialogue import ADA, NOW, Client, Dialogue, ada_with, make_endpoint, message
from tests.imap.memory import APPEND_LIMIT

MIXED = (
    b"From: Ben <ben@example.is>\r\nSubject: Parts\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\nprologue\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\naGkA\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nDeep\r\n"
    b"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-unknown\r\n\r\n?\r\n--b--\r\n"
)


async def test_flags_uid_dates_and_sizes() -> None:
    await Dialogue(ada_with(2), select="INBOX").play(r"""
        C: a FETCH 1:2 (UID FLAGS INTERNALDATE RFC822.SIZE)
        S: * 1 FETCH (UID 1 FLAGS (\Recent) INTERNALDATE "22-Nov-2026 12:00:00 +0000" RFC822.SIZE {size})
        S: * 2 FETCH (UID 2 FLAGS (\Recent) INTERNALDATE "22-Nov-2026 12:00:00 +0000" RFC822.SIZE {size})
        S: a OK ...
        C: b UID FETCH 2 (INTERNALDATE)
        S: * 2 FETCH (UID 2 INTERNALDATE "22-Nov-2026 12:00:00 +0000")
        S: b OK ...
    """)


async def test_one_item_needs_no_parentheses() -> None:
    await Dialogue(ada_with(1), select="INBOX").play(r"""
        C: a FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS (\Recent))
        S: a OK ...
        C: b FETCH 1 BODY.PEEK[TEXT]
        S: * 1 FETCH (BODY[TEXT] {9}\nBody 1.\n)
        S: b OK ...
    """)


async def test_macros() -> None:
    await Dialogue(ada_with(1), select="INBOX").play(r"""
        C: a FETCH 1 FAST
        S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE "..." RFC822.SIZE ...)
        S: a OK ...
        C: b FETCH 1 ALL
        S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE "..." RFC822.SIZE ... ENVELOPE (...))
        S: b OK ...
        C: c FETCH 1 FULL
        S: * 1 FETCH (FLAGS (\Recent) INTERNALDATE "..." RFC822.SIZE ... ENVELOPE (...) BODY ("TEXT" "PLAIN" ...))
        S: c OK ...
    """)


async def test_envelope_and_structure() -> None:
    await Dialogue(ada_with([MIXED]), select="INBOX").play(r"""
        C: a FETCH 1 ENVELOPE
        S: * 1 FETCH (ENVELOPE (NIL "Parts" (("Ben" NIL "ben" "example.is")) (("Ben" NIL "ben" "example.is")) (("Ben" NIL "ben" "example.is")) NIL NIL NIL NIL NIL))
        S: a OK ...
        C: b FETCH 1 BODYSTRUCTURE
        S: * 1 FETCH (BODYSTRUCTURE (("TEXT" "PLAIN" ...)("APPLICATION" "OCTET-STREAM" ...)("MESSAGE" "RFC822" ...)... "MIXED" ("BOUNDARY" "b") NIL NIL NIL))
        S: b OK ...
    """)


async def test_sections() -> None:
    await Dialogue(ada_with([MIXED]), select="INBOX").play(r"""
        C: a FETCH 1 (BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2])
        S: * 1 FETCH (BODY[1] {5}\nHello BODY[1.MIME] {28}\nContent-Type: text/plain\n\n BODY[2] {4}\naGkA)
        S: a OK ...
        C: b FETCH 1 (BODY.PEEK[3.HEADER] BODY.PEEK[3.TEXT] BODY.PEEK[3.1])
        S: * 1 FETCH (BODY[3.HEADER] {18}\nSubject: Inner\n\n BODY[3.TEXT] {4}\nDeep BODY[3.1] {4}\nDeep)
        S: b OK ...
        C: c FETCH 1 (BODY.PEEK[9] BODY.PEEK[1.HEADER] BODY.PEEK[1.1])
        S: * 1 FETCH (BODY[9] NIL BODY[1.HEADER] NIL BODY[1.1] NIL)
        S: c OK ...
        C: d FETCH 1 BODY.PEEK[HEADER.FIELDS (subject X-None)]
        S: * 1 FETCH (BODY[HEADER.FIELDS (subject X-None)] {18}\nSubject: Parts\n\n)
        S: d OK ...
        C: e FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (From Mime-Version Content-Type)]
        S: * 1 FETCH (BODY[HEADER.FIELDS.NOT (From Mime-Version Content-Type)] {18}\nSubject: Parts\n\n)
        S: e OK ...
    """)


async def test_partial_fetches() -> None:
    await Dialogue(ada_with(1), select="INBOX").play(r"""
        C: a FETCH 1 BODY.PEEK[TEXT]<0.4>
        S: * 1 FETCH (BODY[TEXT]<0> {4}\nBody)
        S: a OK ...
        C: b FETCH 1 BODY.PEEK[TEXT]<5.100>
        S: * 1 FETCH (BODY[TEXT]<5> {4}\n1.\n)
        S: b OK ...
        C: c FETCH 1 BODY.PEEK[TEXT]<100.5>
        S: * 1 FETCH (BODY[TEXT]<100> {0}\n)
        S: c OK ...
        C: d FETCH 1 BODY.PEEK[]<0.393216>
        S: * 1 FETCH (BODY[]<0> {...}\nFrom: ...)
        S: d OK ...
        C: e FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject)]<0.7>
        S: * 1 FETCH (BODY[HEADER.FIELDS (Subject)]<0> {7}\nSubject)
        S: e OK ...
        C: f FETCH 1 BODY.PEEK[TEXT]<5.9223372036854775807>
        S: * 1 FETCH (BODY[TEXT]<5> {4}\n1.\n)
        S: f OK ...
        C: g FETCH 1 BODY.PEEK[TEXT]<9223372036854775807.1>
        S: * 1 FETCH (BODY[TEXT]<9223372036854775807> {0}\n)
        S: g OK ...
        C: h FETCH 1 BODY.PEEK[]<0.0>
        S: h BAD ...
    """)


async def test_reading_a_body_sets_seen_and_peeking_does_not() -> None:
    await Dialogue(ada_with(5), select="INBOX").play(r"""
        C: a FETCH 1 BODY.PEEK[]
        S: * 1 FETCH (BODY[] {...)
        S: a OK ...
        C: b FETCH 1 RFC822.HEADER
        S: * 1 FETCH (RFC822.HEADER {...)
        S: b OK ...
        C: c FETCH 1 BODY[]
        S: * 1 FETCH (BODY[] {...)
        S: * 1 FETCH (FLAGS (\Seen \Recent))
        S: c OK ...
        C: d FETCH 1 BODY[]
        S: * 1 FETCH (BODY[] {...)
        S: d OK ...
        C: e FETCH 2 (FLAGS RFC822.TEXT)
        S: * 2 FETCH (FLAGS (\Seen \Recent) RFC822.TEXT {9}\nBody 2.\n)
        S: e OK ...
        C: f UID FETCH 3 BINARY[1]
        S: * 3 FETCH (UID 3 BINARY[1] {9}\nBody 3.\n)
        S: * 3 FETCH (UID 3 FLAGS (\Seen \Recent))
        S: f OK ...
        C: g FETCH 4 BINARY.SIZE[1]
        S: * 4 FETCH (BINARY.SIZE[1] 9)
        S: g OK ...
    """)


async def test_the_other_connection_hears_of_seen() -> None:
    await Dialogue(ada_with(1), select="INBOX", connections=2).play(r"""
        C1: a FETCH 1 RFC822
        S1: * 1 FETCH (RFC822 {...)
        S1: * 1 FETCH (FLAGS (\Seen \Recent))
        S1: a OK ...
        C2: a NOOP
        S2: * 1 FETCH (FLAGS (\Seen))
        S2: a OK ...
    """)


async def test_binary_decodes_and_says_when_it_cannot() -> None:
    await Dialogue(ada_with([MIXED]), select="INBOX").play(r"""
        C: a FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])
        S: * 1 FETCH (BINARY.SIZE[2] 3 BINARY[2] ~{3}...hi...)
        S: a OK ...
        C: b FETCH 1 BINARY.PEEK[2]<1.5>
        S: * 1 FETCH (BINARY[2]<1> ~{2}...)
        S: b OK ...
        C: c FETCH 1 BINARY.PEEK[4]
        S: * 1 FETCH (BINARY[4] NIL)
        S: c NO [UNKNOWN-CTE] ...
        C: d FETCH 1 BINARY.PEEK[9]
        S: * 1 FETCH (BINARY[9] NIL)
        S: d OK ...
        C: e FETCH 1 BINARY.PEEK[3]
        S: * 1 FETCH (BINARY[3] {22}\nSubject: Inner\n\nDeep)
        S: e OK ...
    """)


async def test_identities_and_dates_of_extensions() -> None:
    await Dialogue(ada_with(1), select="INBOX").play(r"""
        C: a FETCH 1 (EMAILID THREADID SAVEDATE PREVIEW)
        S: * 1 FETCH (EMAILID ({id}) THREADID NIL SAVEDATE "22-Nov-2026 12:00:00 +0000" PREVIEW "Body 1.")
        S: a OK ...
        C: b COPY 1 Sent
        S: b OK ...
        C: c SELECT Sent
        S: ...
        S: c OK ...
        C: d FETCH 1 EMAILID
        S: * 1 FETCH (EMAILID ({id}))
        S: d OK ...
    """)


async def test_numbers_that_do_not_exist() -> None:
    await Dialogue(ada_with(2), select="INBOX").play(r"""
        C: a FETCH 3 FLAGS
        S: a BAD ...
        C: b FETCH 1:3 FLAGS
        S: b BAD ...
        C: c UID FETCH 77 FLAGS
        S: c OK ...
        C: d UID FETCH 2,77:80 FLAGS
        S: * 2 FETCH (UID 2 FLAGS (\Recent))
        S: d OK ...
        C: e UID FETCH 1:4294967295 UID
        S: * 1 FETCH (UID 1)
        S: * 2 FETCH (UID 2)
        S: e OK ...
    """)


async def test_a_message_expunged_by_somebody_else_is_passed_over() -> None:
    await Dialogue(ada_with(3), select="INBOX", connections=2).play(r"""
        C1: a STORE 2 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 2 EXPUNGE
        S1: b OK ...
        C2: b FETCH 1:3 (UID BODY.PEEK[TEXT])
        S2: * 1 FETCH (UID 1 BODY[TEXT] {9}\nBody 1.\n)
        S2: * 3 FETCH (UID 3 BODY[TEXT] {9}\nBody 3.\n)
        S2: b OK [EXPUNGEISSUED] ...
        C2: c FETCH 1:3 RFC822.SIZE
        S2: * 1 FETCH (RFC822.SIZE ...)
        S2: * 3 FETCH (RFC822.SIZE ...)
        S2: c OK [EXPUNGEISSUED] ...
        C2: d NOOP
        S2: * 2 EXPUNGE
        S2: d OK ...
    """)


async def test_a_damaged_message_errors_and_its_neighbours_live() -> None:
    store = ada_with(3)
    _password, mailbox = store._people[ADA]
    mailbox.boxes["INBOX"].messages[2].damaged = True
    await Dialogue(store, select="INBOX").play(r"""
        C: a FETCH 1:3 BODY.PEEK[TEXT]
        S: * 1 FETCH (BODY[TEXT] {9}\nBody 1.\n)
        S: * 3 FETCH (BODY[TEXT] {9}\nBody 3.\n)
        S: a NO [SERVERBUG] ...
        C: b FETCH 1:3 RFC822.SIZE
        S: * 1 FETCH (RFC822.SIZE ...)
        S: * 3 FETCH (RFC822.SIZE ...)
        S: b NO [SERVERBUG] ...
        C: c FETCH 1:3 UID
        S: * 1 FETCH (UID 1)
        S: * 2 FETCH (UID 2)
        S: * 3 FETCH (UID 3)
        S: c OK ...
    """)


async def test_an_envelope_too_large_to_be_kept_is_computed() -> None:
    store = ada_with(1)
    _password, mailbox = store._people[ADA]
    stored = mailbox.boxes["INBOX"].messages[1]
    import dataclasses

    stored.meta = dataclasses.replace(stored.meta, envelope=None, body=None, bodystructure=None)
    await Dialogue(store, select="INBOX").play(r"""
        C: a FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)
        S: * 1 FETCH (ENVELOPE ("Sun, ..." "Message 1" (("Ben" ...) BODY ("TEXT" ...) BODYSTRUCTURE ("TEXT" ...))
        S: a OK ...
        C: b SEARCH SUBJECT "message 1" SENTON 22-Nov-2026
        S: * SEARCH 1
        S: b OK ...
    """)


async def test_batches_join_without_a_seam() -> None:
    count = FLAG_BATCH + 3
    store = ada_with(1)
    _password, mailbox = store._people[ADA]
    box = mailbox.boxes["INBOX"]
    for _number in range(count - 1):
        box.add(box.messages[1], ())
    client = Client(make_endpoint(store))
    await client.ask(f"a LOGIN {ADA} open-sesame")
    await client.ask("a SELECT INBOX")
    for items in ("UID", "(UID RFC822.SIZE)", "(UID BODY.PEEK[TEXT])"):
        answer = await client.ask(f"a FETCH 1:* {items}")
        numbers = [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"* ")]
        assert numbers == list(range(1, count + 1))


async def test_a_large_body_is_written_in_slices_of_itself() -> None:
    body = "0123456789" * 150_000
    client = Client(make_endpoint(ada_with([message(body=body)])))
    await client.ask(f"a LOGIN {ADA} open-sesame")
    await client.ask("a SELECT INBOX")
    sizes = []
    written = client.transport.write

    def write(data: bytes) -> None:
        sizes.append(len(data))
        written(data)

    client.transport.write = write  # type: ignore[method-assign]
    answer = await client.ask("a FETCH 1 (UID BODY.PEEK[TEXT])")
    assert body.encode() in answer
    assert answer.startswith(b"* 1 FETCH (UID 1 BODY[TEXT] {%d}\r\n0123" % (len(body) + 2))
    assert answer.endswith(b"9\r\n)\r\na OK Fetched\r\n")
    assert max(sizes) <= 300_000


@pytest.mark.slow
async def test_many_pieces_of_one_part_cost_one_decoding() -> None:
    body = base64.encodebytes(bytes(12_000_000)).replace(b"\n", b"\r\n")
    client = Client(make_endpoint(ada_with([b"Content-Transfer-Encoding: base64\r\n\r\n" + body])))
    await client.ask(f"a LOGIN {ADA} open-sesame")
    await client.ask("a SELECT INBOX")
    pieces = " ".join(f"BINARY.PEEK[1]<{start}.1>" for start in range(MAX_SECTIONS))
    began = time.process_time()
    answer = await client.ask(f"a FETCH 1 ({pieces})")
    assert time.process_time() - began < 2
    assert answer.count(b"BINARY[1]<") == MAX_SECTIONS
    assert b"a OK" in answer


async def test_nul_never_leaves_in_a_literal() -> None:
    content = b"Subject: x\r\n\r\na\0b\r\n"
    await Dialogue(ada_with([content]), select="INBOX").play(r"""
        C: a FETCH 1 BODY.PEEK[TEXT]
        S: * 1 FETCH (BODY[TEXT] {5}...)
        S: a OK ...
    """)
    client = Client(make_endpoint(ada_with([content])))
    await client.ask(f"a LOGIN {ADA} open-sesame")
    await client.ask("a SELECT INBOX")
    assert b"\0" not in await client.ask("a FETCH 1 (BODY.PEEK[] RFC822.HEADER ENVELOPE)")
    assert b"~{5}\r\na\0b\r\n" in await client.ask("a FETCH 1 BINARY.PEEK[1]")


async def test_previews_are_utf8_in_literals() -> None:
    content = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()
    await Dialogue(ada_with([content]), select="INBOX").play(r"""
        C: a FETCH 1 PREVIEW
        S: * 1 FETCH (PREVIEW {7}\nGrüße)
        S: a OK ...
    """)


async def test_nul_never_leaves_in_a_preview() -> None:
    meta = MetaValues(1, "M1", NOW, None, 1, None, None, None, "\0é\0")
    assert _META_VALUES["PREVIEW"](meta) == "{2}\r\né".encode()


async def test_preview_is_nil_where_the_view_cannot_read() -> None:
    view = View(can_read=False, name="sealed", append_limit=APPEND_LIMIT)
    await Dialogue(ada_with(1, view=view), select="INBOX").play("""
        C: a FETCH 1 (PREVIEW (LAZY))
        S: * 1 FETCH (PREVIEW NIL)
        S: a OK ...
    """)


FRAGMENTS = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: message/rfc822\r\n",
        b'Content-Type: text/plain; charset="',
        b"Content-Transfer-Encoding: base64\r\n",
        b"From: =?utf-8?b?4pyT?= <a@b>, group: c@d;, \xff\r\n",
        b"Sender: <>@\r\n",
        b"Date: never\r\n",
        b"Subject: \xe9\0\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"AAAA\r\n",
        b"\0",
        b'(")\\',
        b"\n",
    ]
)


@pytest.mark.slow  # a fuzz smoke
@given(st.lists(st.one_of(FRAGMENTS, st.binary(max_size=20)), max_size=20).map(b"".join))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_content_raises(content: bytes) -> None:
    client = Client(make_endpoint(ada_with([content])))
    await client.ask(f"a LOGIN {ADA} open-sesame")
    await client.ask("a SELECT INBOX")
    for items in (
        "(ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE)",
        "(BODY.PEEK[] BODY.PEEK[1] BODY.PEEK[1.1.MIME] BODY.PEEK[2.HEADER] BODY.PEEK[HEADER.FIELDS.NOT (From)])",
        "(BINARY.PEEK[1] BINARY.SIZE[1.2])",
    ):
        answer = await client.ask(f"a FETCH 1 {items}")
        assert b"a OK" in answer or b"a NO [UNKNOWN-CTE]" in answer
    for key in ("TEXT x", 'BODY "é"', "FROM a", "SENTON 1-Jan-2026", 'HEADER X ""'):
        assert b"a OK" in await client.ask(f"a SEARCH {key}")


async def test_the_clock_of_messages_is_theirs() -> None:
    store = ada_with()
    _password, mailbox = store._people[ADA]
    store.put(mailbox, "INBOX", message(), now=NOW.replace(year=1970))
    await Dialogue(store, select="INBOX").play("""
        C: a FETCH 1 INTERNALDATE
        S: * 1 FETCH (INTERNALDATE "22-Nov-1970 12:00:00 +0000")
        S: a OK ...
    """)
