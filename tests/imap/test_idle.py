"""IDLE (RFC 9051 §6.3.13)."""

from __future__ import annotations

from tests.imap.dialogue import ADA, NOW, PASSWORD, Client, Dialogue, ada_with, make_endpoint, message


async def test_an_idle_client_hears_at_once() -> None:
    store = ada_with(2)
    dialogue = Dialogue(store, select="INBOX", connections=2)
    await dialogue.play(r"""
        C2: a IDLE
        S2: + ...
        C1: a STORE 1 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        S2: * 1 FETCH (FLAGS (\Deleted))
        C1: b EXPUNGE
        S1: * 1 EXPUNGE
        S1: b OK ...
        S2: * 1 EXPUNGE
    """)
    _password, mailbox = store._people[ADA]
    store.put(mailbox, "INBOX", message(), now=NOW)
    await dialogue.play("""
        S2: * 2 EXISTS
        S2: * 1 RECENT
        C2: DONE
        S2: a OK ...
        C2: b NOOP
        S2: b OK ...
    """)


async def test_what_happened_before_is_told_when_idling_begins() -> None:
    await Dialogue(ada_with(1), select="INBOX", connections=2).play(r"""
        C1: a STORE 1 +FLAGS.SILENT (\Flagged)
        S1: a OK ...
        C2: a IDLE
        S2: + ...
        S2: * 1 FETCH (FLAGS (\Flagged))
        C2: done
        S2: a OK ...
    """)


async def test_idle_without_a_mailbox() -> None:
    await Dialogue(ada_with(1)).play("""
        C: a IDLE
        S: + ...
        C: DONE
        S: a OK ...
    """)


async def test_idle_done_and_the_next_command_in_one_segment() -> None:
    client = Client(make_endpoint(ada_with(1)))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    client.send(b"b IDLE\r\nDONE\r\nc FETCH 1 UID\r\nd IDLE\r\nDONE\r\n")
    await client.settle()
    lines = client.take().split(b"\r\n")
    assert [line[:4] for line in lines] == [b"+ Te", b"b OK", b"* 1 ", b"c OK", b"+ Te", b"d OK", b""]


async def test_a_command_in_place_of_done_ends_idle_and_is_answered() -> None:
    await Dialogue(ada_with(1), select="INBOX").play("""
        C: a IDLE
        S: + ...
        C: b FETCH 1 UID
        S: a BAD ...
        S: * 1 FETCH (UID 1)
        S: b OK ...
    """)


async def test_an_idle_picture_rests_and_wakes() -> None:
    store = ada_with(500)
    client = Client(make_endpoint(store))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    await client.ask("a IDLE")
    client.connection.tick(client.connection._loop.time() + 6)
    assert len(client.connection._session.conv.folder.uids) == 0
    _password, mailbox = store._people[ADA]
    store.put(mailbox, "INBOX", message(), now=NOW)
    await client.settle()
    assert client.take() == b"* 501 EXISTS\r\n* 501 RECENT\r\n"
    client.connection.tick(client.connection._loop.time() + 6)
    assert await client.ask("DONE") == b"a OK Welcome back\r\n"
    assert b"* 1 FETCH (UID 1)\r\n* 2 FETCH" in await client.ask("b FETCH 1:2 UID")


async def test_a_resting_picture_wakes_for_any_command() -> None:
    client = Client(make_endpoint(ada_with(500)))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    await client.ask("a SELECT INBOX")
    for command, expected in [
        ("FETCH 500 UID", b"* 500 FETCH (UID 500)"),
        ("UID FETCH 500 UID", b"* 500 FETCH (UID 500)"),
        ("STORE 1 +FLAGS (\\Seen)", b"* 1 FETCH (FLAGS (\\Seen \\Recent))"),
        ("SEARCH SEEN", b"* SEARCH 1\r\n"),
        ("COPY 1 Sent", b"COPYUID"),
        ("UID EXPUNGE 1", b"a OK"),
        ("MOVE 2 Trash", b"* 2 EXPUNGE"),
        ("CLOSE", b"a OK"),
    ]:
        client.connection.tick(client.connection._loop.time() + 6)
        assert expected in await client.ask(f"a {command}"), command
