"""EXPUNGE and what connections may be told when (RFC 9051 §6.4.3, §7.5.1)."""

from __future__ import annotations

import pytest

from mailhost.imap.selected import Selected
from mailhost.imap.store import NewMessage
from tests.imap.dialogue import ADA, NOW, PASSWORD, Dialogue, ada_with, message


def two(count: int) -> Dialogue:
    return Dialogue(ada_with(count), select="INBOX", connections=2)


async def test_numbers_fall_as_messages_go() -> None:
    await two(5).play(r"""
        C1: a STORE 1,3,4 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 1 EXPUNGE
        S1: * 2 EXPUNGE
        S1: * 2 EXPUNGE
        S1: b OK ...
        C1: c FETCH 1:* UID
        S1: * 1 FETCH (UID 2)
        S1: * 2 FETCH (UID 5)
        S1: c OK ...
    """)


async def test_uid_expunge_takes_only_what_it_names() -> None:
    await two(4).play(r"""
        C1: a STORE 1:3 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b UID EXPUNGE 2,4:99
        S1: * 2 EXPUNGE
        S1: b OK ...
        C1: c SEARCH DELETED
        S1: * SEARCH 1 2
        S1: c OK ...
    """)


@pytest.mark.parametrize("command", ["FETCH 1 UID", "STORE 1 +FLAGS.SILENT (x)", "SEARCH UID 1"])
async def test_no_expunge_while_numbers_are_answered(command: str) -> None:
    dialogue = two(3)
    await dialogue.play(r"""
        C1: a STORE 2 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 2 EXPUNGE
        S1: b OK ...
    """)
    client = await dialogue.client("2")
    assert b"EXPUNGE" not in await client.ask(f"a {command}")
    # The numbers still mean what they meant.
    assert b"* 3 FETCH (UID 3)" in await client.ask("b FETCH 3 UID")
    assert b"* 2 EXPUNGE\r\n" in await client.ask("c NOOP")


@pytest.mark.parametrize("command", ["UID FETCH 1 UID", "UID STORE 1 +FLAGS (x)", "UID SEARCH ALL", "NOOP", "CHECK"])
async def test_the_uid_forms_and_others_may_tell_it(command: str) -> None:
    dialogue = two(3)
    await dialogue.play(r"""
        C1: a STORE 2 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 2 EXPUNGE
        S1: b OK ...
    """)
    client = await dialogue.client("2")
    assert b"* 2 EXPUNGE\r\n" in await client.ask(f"a {command}")


async def test_new_messages_are_told_with_any_command_and_expunges_first() -> None:
    dialogue = two(3)
    dialogue.literals = {"letter": message()}
    await dialogue.play(
        r"""
        C1: a STORE 2 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 2 EXPUNGE
        S1: b OK ...
        C1: c APPEND INBOX <<letter>>
        S1: * 3 EXISTS
        S1: * 3 RECENT
        S1: c OK [APPENDUID ... 4] ...
        C2: a FETCH 1 UID
        S2: * 1 FETCH (UID 1)
        S2: * 4 EXISTS
        S2: * 0 RECENT
        S2: a OK ...
        C2: b FETCH 4 UID
        S2: * 4 FETCH (UID 4)
        S2: b OK ...
        C2: c NOOP
        S2: * 2 EXPUNGE
        S2: c OK ...
        C2: d FETCH 3 UID
        S2: * 3 FETCH (UID 4)
        S2: d OK ...
    """
    )


async def test_exists_is_not_told_without_cause() -> None:
    await two(3).play(r"""
        C1: a STORE 1:3 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 1 EXPUNGE
        S1: * 1 EXPUNGE
        S1: * 1 EXPUNGE
        S1: b OK ...
        C2: a NOOP
        S2: * 1 EXPUNGE
        S2: * 1 EXPUNGE
        S2: * 1 EXPUNGE
        S2: a OK ...
    """)


async def test_both_expunge_the_same_message() -> None:
    await two(1).play(r"""
        C1: a STORE 1 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C2: a STORE 1 +FLAGS.SILENT (\Deleted)
        S2: * 1 FETCH (FLAGS (\Deleted))
        S2: a OK ...
        C1: b EXPUNGE
        S1: * 1 EXPUNGE
        S1: b OK ...
        C2: b EXPUNGE
        S2: * 1 EXPUNGE
        S2: b OK ...
    """)


async def test_a_message_that_came_and_went_is_never_heard_of() -> None:
    dialogue = two(1)
    dialogue.literals = {"letter": message()}
    await dialogue.play(r"""
        C1: a APPEND INBOX (\Deleted) <<letter>>
        S1: * 2 EXISTS
        S1: * 2 RECENT
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 2 EXPUNGE
        S1: b OK ...
        C2: a NOOP
        S2: a OK ...
        C1: c APPEND INBOX <<letter>>
        S1: * 2 EXISTS
        S1: * 2 RECENT
        S1: c OK ...
        C2: b NOOP
        S2: * 2 EXISTS
        S2: * 0 RECENT
        S2: b OK ...
        C2: c FETCH 2 UID
        S2: * 2 FETCH (UID 3)
        S2: c OK ...
    """)


async def test_three_connections_agree() -> None:
    dialogue = Dialogue(ada_with(4), select="INBOX", connections=3)
    dialogue.literals = {"letter": message()}
    await dialogue.play(r"""
        C1: a STORE 1 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C2: a STORE 2 +FLAGS.SILENT (\Flagged)
        S2: * 1 FETCH (FLAGS (\Deleted))
        S2: a OK ...
        C3: a APPEND INBOX <<letter>>
        S3: * 5 EXISTS
        S3: * 1 RECENT
        S3: * 1 FETCH (FLAGS (\Deleted))
        S3: * 2 FETCH (FLAGS (\Flagged))
        S3: a OK ...
        C1: b EXPUNGE
        S1: * 1 EXPUNGE
        S1: * 4 EXISTS
        S1: * 3 RECENT
        S1: * 1 FETCH (FLAGS (\Flagged \Recent))
        S1: b OK ...
        C2: b NOOP
        S2: * 1 EXPUNGE
        S2: * 4 EXISTS
        S2: * 0 RECENT
        S2: b OK ...
        C3: b NOOP
        S3: * 1 EXPUNGE
        S3: b OK ...
    """)


async def test_a_message_that_came_and_went_before_it_was_told_is_counted_first() -> None:
    store = ada_with(2)
    account = await store.login(ADA, PASSWORD, source="")
    selected = await Selected.select(await account.open("INBOX"), read_only=False)
    for number in (1, 2):
        await account.append("INBOX", [NewMessage(message(f"New {number}"))], now=NOW)
    await selected.refresh()
    account.box("INBOX").remove([1, 3])
    await selected.refresh()
    told = b"".join(selected.tell(expunges=True, vanished=False, modseq=False, uid=False))
    assert told == b"* 4 EXISTS\r\n* 4 RECENT\r\n* 1 EXPUNGE\r\n* 2 EXPUNGE\r\n"
    assert list(selected.uids) == [2, 4]
    assert b"".join(selected.tell(expunges=True, vanished=False, modseq=False, uid=False)) == b""
