"""What real clients do, and what once broke them: one test a behaviour, named for it.

The list is in the design's "Behaviours that broke real clients"; where a behaviour has its home in another file,
the test here is the shortest proof of it.
"""

from __future__ import annotations

from tests.imap.dialogue import ADA, NOW, PASSWORD, Client, Dialogue, ada_with, make_endpoint, message
from tests.imap.memory import MemoryStore


async def client_with(store: MemoryStore, *commands: str) -> Client:
    client = Client(make_endpoint(store))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    for command in commands:
        assert b"x OK" in await client.ask(f"x {command}")
    return client


async def test_ios_18_pipelines_around_idle() -> None:
    client = await client_with(ada_with(2), "SELECT INBOX")
    client.send(b"1 IDLE\r\nDONE\r\n2 UID FETCH 1:* (UID FLAGS)\r\n3 IDLE\r\n")
    await client.settle()
    answer = client.take()
    assert answer.index(b"+ ") < answer.index(b"1 OK") < answer.index(b"* 1 FETCH") < answer.index(b"2 OK")
    assert answer.count(b"+ ") == 2
    assert await client.ask("DONE") == b"3 OK Welcome back\r\n"


async def test_list_of_nothing_returns_the_root_and_the_delimiter() -> None:
    client = await client_with(ada_with())
    assert await client.ask('a LIST "" ""') == b'* LIST (\\Noselect) "/" ""\r\na OK Listed\r\n'


async def test_ios_16_sends_changedsince_0() -> None:
    client = await client_with(ada_with(2), "SELECT INBOX")
    answer = await client.ask("a UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0)")
    assert answer.count(b" FETCH (") == 2
    assert b"a OK" in answer


async def test_thunderbird_sends_ampersands_plain_under_utf8_accept() -> None:
    client = await client_with(ada_with(), "ENABLE UTF8=ACCEPT", 'CREATE "Rock & Roll"')
    assert b'"/" "Rock & Roll"\r\n' in await client.ask('a LIST "" "Rock*"')
    other = await client_with(ada_with(), 'CREATE "Rock &- Roll"')
    assert b'"/" "Rock &- Roll"\r\n' in await other.ask('a LIST "" "Rock*"')


async def test_a_missing_from_gives_an_envelope_without_surprises() -> None:
    client = await client_with(ada_with([b"Subject: x\r\n\r\nbody\r\n"]), "SELECT INBOX")
    assert b'ENVELOPE (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL)' in await client.ask("a FETCH 1 ENVELOPE")


async def test_raw_8_bit_never_reaches_a_structure() -> None:
    content = (
        b'From: J\xfcrgen <j@example.is>\r\nContent-Type: application/x; name="Gr\xfc\xdfe"\r\n'
        b'Content-Disposition: attachment; filename="\xe4.x"\r\nContent-Description: \xf6\r\n\r\n\xff\r\n'
    )
    client = await client_with(ada_with([content]), "SELECT INBOX")
    assert (await client.ask("a FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)")).isascii()


async def test_an_empty_multipart_has_a_structure() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno parts at all\r\n"
    client = await client_with(ada_with([content]), "SELECT INBOX")
    assert b'BODYSTRUCTURE (("TEXT" "PLAIN"' in await client.ask("a FETCH 1 BODYSTRUCTURE")


async def test_one_item_needs_no_parentheses() -> None:
    client = await client_with(ada_with(1), "SELECT INBOX")
    assert b"* 1 FETCH (FLAGS (\\Recent))" in await client.ask("a FETCH 1 FLAGS")


async def test_apple_mail_searches_1_star_not_deleted() -> None:
    client = await client_with(ada_with(3), "SELECT INBOX", "STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert await client.ask("a SEARCH 1:* NOT DELETED") == b"* SEARCH 1 3\r\na OK Searched\r\n"
    empty = await client_with(ada_with(), "SELECT INBOX")
    assert await empty.ask("a SEARCH 1:* NOT DELETED") == b"* SEARCH\r\na OK Searched\r\n"


async def test_kde_and_apple_mix_not_and_or() -> None:
    client = await client_with(ada_with(3), "SELECT INBOX")
    line = 'a UID SEARCH NOT DELETED OR (FROM "ben" SUBJECT "message 2") NOT (OR SUBJECT "message" SEEN)'
    assert await client.ask(line) == b"* SEARCH 2\r\na OK Searched\r\n"


async def test_uid_fetch_n_star_always_has_the_last_message() -> None:
    client = await client_with(ada_with(3), "SELECT INBOX")
    assert await client.ask("a UID FETCH 4:* UID") == b"* 3 FETCH (UID 3)\r\na OK Fetched\r\n"
    assert await client.ask("a UID FETCH 4294967295:* UID") == b"* 3 FETCH (UID 3)\r\na OK Fetched\r\n"


async def test_copying_or_moving_missing_uids_is_ok() -> None:
    client = await client_with(ada_with(1), "SELECT INBOX")
    assert (await client.ask("a UID COPY 7 Trash")).startswith(b"a OK")
    assert (await client.ask("a UID MOVE 7:9 Trash")).startswith(b"a OK")


async def test_highestmodseq_moves_after_append_and_expunge() -> None:
    store = ada_with(1)
    client = await client_with(store, "ENABLE QRESYNC", "SELECT INBOX", "STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert b"a OK [HIGHESTMODSEQ 4]" in await client.ask("a EXPUNGE")
    client.send(b"b APPEND INBOX {4+}\r\nx: y\r\n")
    await client.settle()
    client.take()
    assert b"HIGHESTMODSEQ 5" in await client.ask("c STATUS INBOX (HIGHESTMODSEQ)")


async def test_uidvalidity_is_never_0_and_fits_32_bits() -> None:
    client = await client_with(ada_with())
    for line in (await client.ask('a LIST "" * RETURN (STATUS (UIDVALIDITY))')).split(b"\r\n"):
        if line.startswith(b"* STATUS"):
            assert 0 < int(line.rsplit(b" ", 1)[1].rstrip(b")")) <= 0xFFFFFFFF


async def test_outlook_for_mac_gets_no_exists_after_expunge_without_cause() -> None:
    client = await client_with(ada_with(2), "SELECT INBOX", "STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert await client.ask("a EXPUNGE") == b"* 1 EXPUNGE\r\na OK Expunged\r\n"
    assert await client.ask("b NOOP") == b"b OK Nothing done\r\n"


async def test_thunderbird_sees_a_folder_that_another_client_made() -> None:
    store = ada_with()
    await client_with(store, "CREATE Work")
    thunderbird = await client_with(store)
    answer = await thunderbird.ask('a LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)')
    assert b'* LIST (\\HasNoChildren \\Subscribed) "/" Work\r\n' in answer


async def test_outlook_moves_by_append_and_expunge_on_two_connections() -> None:
    dialogue = Dialogue(ada_with(2), select="INBOX", connections=2)
    dialogue.literals = {"copy": message("Message 1", "Body 1.")}
    await dialogue.play(r"""
        C1: a APPEND Archive (\Seen) <<copy>>
        S1: a OK [APPENDUID ... 1] ...
        C2: a UID STORE 1 +FLAGS.SILENT (\Deleted)
        S2: a OK ...
        C2: b EXPUNGE
        S2: * 1 EXPUNGE
        S2: b OK ...
        C1: b NOOP
        S1: * 1 EXPUNGE
        S1: b OK ...
    """)


async def test_a_trailing_delimiter_is_accepted() -> None:
    client = await client_with(ada_with(), "CREATE Work/", "SELECT Work/", "UNSUBSCRIBE Work/", "DELETE Work/")
    assert b"Work" not in await client.ask('a LIST "" *')


async def test_close_after_examine_is_ok() -> None:
    client = await client_with(ada_with(1), "EXAMINE INBOX", "CLOSE")
    assert b"MESSAGES 1" in await client.ask("a STATUS INBOX (MESSAGES)")


async def test_apple_mail_reads_in_pieces_of_393216() -> None:
    content = message(body="0123456789abcdef" * 40_000)
    client = await client_with(ada_with([content]), "SELECT INBOX")
    pieces = b""
    for start in range(0, len(content), 393_216):
        answer = await client.ask(f"a UID FETCH 1 (BODY.PEEK[]<{start}.393216>)")
        head, _newline, rest = answer.partition(b"\r\n")
        assert b"BODY[]<%d> {" % start in head
        pieces += rest[: int(head.rpartition(b"{")[2].rstrip(b"}"))]
    assert pieces == content


async def test_the_usual_folders_are_there_with_their_uses() -> None:
    client = await client_with(ada_with())
    answer = await client.ask('a LIST "" *')
    for name in (b"Sent", b"Trash", b"Drafts", b"Junk", b"Archive"):
        assert b'\\%b) "/" %b\r\n' % (name, name) in answer


async def test_new_capabilities_come_with_the_login() -> None:
    client = Client(make_endpoint(ada_with()))
    assert (await client.ask(f"a LOGIN {ADA} {PASSWORD}")).count(b"[CAPABILITY ") == 2


async def test_a_message_of_1970_is_served() -> None:
    store = ada_with()
    _password, mailbox = store._people[ADA]
    store.put(mailbox, "INBOX", message(), now=NOW.replace(year=1970, month=1, day=1))
    client = await client_with(store, "SELECT INBOX")
    assert b'INTERNALDATE "01-Jan-1970 12:00:00 +0000"' in await client.ask("a FETCH 1 INTERNALDATE")


async def test_noinferiors_is_never_told() -> None:
    client = await client_with(ada_with())
    assert b"NoInferiors" not in await client.ask('a LIST "" *')


async def test_a_quote_in_a_message_id_is_escaped() -> None:
    content = b'Message-ID: <"a"b@example.is>\r\nSubject: "x\\\r\n\r\n.\r\n'
    client = await client_with(ada_with([content]), "SELECT INBOX")
    answer = await client.ask("a FETCH 1 ENVELOPE")
    assert b'"<\\"a\\"b@example.is>"' in answer
    assert b'"\\"x\\\\"' in answer


async def test_several_bad_commands_do_not_end_a_users_connection() -> None:
    client = await client_with(ada_with(1), "SELECT INBOX")
    for _number in range(12):
        assert b"a BAD" in await client.ask("a FROBNICATE")
    assert b"* 1 FETCH (UID 1)" in await client.ask("a FETCH 1 UID")


async def test_mbsync_asks_for_everything_at_once() -> None:
    client = await client_with(ada_with(2), "NAMESPACE", "SELECT INBOX")
    client.send(
        b"1 UID FETCH 1:1000000000 (UID FLAGS)\r\n2 UID FETCH 1 (BODY.PEEK[])\r\n3 UID FETCH 2 (BODY.PEEK[])\r\n"
        b"4 UID STORE 1 +FLAGS.SILENT (\\Seen)\r\n5 CLOSE\r\n6 LOGOUT\r\n"
    )
    await client.settle()
    answer = client.take()
    assert [answer.index(b"\r\n%d OK" % number) for number in range(1, 7)] == sorted(
        answer.index(b"\r\n%d OK" % number) for number in range(1, 7)
    )
