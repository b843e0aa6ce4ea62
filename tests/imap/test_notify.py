"""NOTIFY (RFC 5465)."""

from __future__ import annotations

import time

import pytest

from mailhost.imap import notify as notify_module
from mailhost.imap.commands_notify import MAX_GROUPS, Group
from mailhost.imap.fetch_items import MAX_SECTIONS
from tests.imap.dialogue import ADA, NOW, PASSWORD, Dialogue, ada_with, message

SELECTED = "(SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge FlagChange))"


def dialogue(count: int = 2, *, select: str = "INBOX") -> Dialogue:
    made = Dialogue(ada_with(count), select=select, connections=2)
    made.literals = {"letter": message("News")}
    return made


async def look(made: Dialogue, number: str = "1") -> None:
    """Time passes: the server looks at the folders."""
    client = await made.client(number)
    client.connection.tick(client.connection._loop.time() + 10)
    await client.settle()


async def start_looking(made: Dialogue, number: str = "1") -> None:
    client = await made.client(number)
    client.connection.tick(client.connection._loop.time())


async def test_the_selected_mailbox_speaks_up_without_idle() -> None:
    await dialogue().play(rf"""
        C1: a NOTIFY SET {SELECTED}
        S1: a OK ...
        C2: a APPEND INBOX <<letter>>
        S2: ...
        S2: a OK ...
        S1: * 3 EXISTS
        S1: * ... RECENT
        S1: * 3 FETCH (UID 3 BODY[HEADER.FIELDS (Subject)] {{17}}\nSubject: News\n\n)
        C2: b STORE 1 +FLAGS.SILENT (\Deleted)
        S2: b OK ...
        S1: * 1 FETCH (UID 1 FLAGS (\Deleted \Recent))
        C2: c EXPUNGE
        S2: * 1 EXPUNGE
        S2: c OK ...
        S1: * 1 EXPUNGE
        C1: b APPEND INBOX <<letter>>
        S1: * 3 EXISTS
        S1: * ... RECENT
        S1: b OK ...
        C1: c NOTIFY NONE
        S1: c OK ...
        C2: d STORE 1 +FLAGS.SILENT (\Flagged)
        S2: ...
        S2: d OK ...
        C1: d NOOP
        S1: d OK ...
    """)


async def test_selected_delayed_keeps_expunges_for_a_command() -> None:
    await dialogue().play(r"""
        C1: a NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))
        S1: a OK ...
        C2: a STORE 1 +FLAGS.SILENT (\Deleted)
        S2: a OK ...
        C2: b EXPUNGE
        S2: * 1 EXPUNGE
        S2: b OK ...
        C2: c APPEND INBOX <<letter>>
        S2: ...
        S2: c OK ...
        S1: * 3 EXISTS
        S1: * ... RECENT
        C1: b FETCH 1 UID
        S1: * 1 FETCH (UID 1)
        S1: b OK ...
        C1: c NOOP
        S1: * 1 EXPUNGE
        S1: c OK ...
    """)


async def test_without_selected_the_picture_stands_still_but_for_ones_own_doing() -> None:
    await dialogue().play(r"""
        C1: a NOTIFY SET (MAILBOXES Drafts (MessageNew MessageExpunge))
        S1: a OK ...
        C2: a STORE 1 +FLAGS.SILENT (\Deleted)
        S2: a OK ...
        C1: b NOOP
        S1: b OK ...
        C1: c EXPUNGE
        S1: * 1 EXPUNGE
        S1: c OK ...
    """)


async def test_other_mailboxes_are_told_by_status() -> None:
    await dialogue().play(r"""
        C1: a NOTIFY SET STATUS (SELECTED-DELAYED (MessageNew MessageExpunge)) (MAILBOXES (Drafts Sent Nowhere) (MessageNew MessageExpunge FlagChange))
        S1: * STATUS Drafts (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {d} HIGHESTMODSEQ 1)
        S1: * STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {s} HIGHESTMODSEQ 1)
        S1: a OK ...
        C2: a APPEND Drafts <<letter>>
        S2: a OK ...
        S1: * STATUS Drafts (MESSAGES 1 UIDNEXT 2 UNSEEN 1 UIDVALIDITY {d})
        C2: b APPEND Archive <<letter>>
        S2: b OK ...
        C1: b ENABLE CONDSTORE
        S1: * ENABLED CONDSTORE
        S1: b OK ...
        C2: c SELECT Drafts
        S2: ...
        S2: c OK ...
        C2: d STORE 1 +FLAGS.SILENT (\Seen)
        S2: d OK ...
        S1: * STATUS Drafts (UNSEEN 0 HIGHESTMODSEQ 3 UIDVALIDITY {d})
        C2: e MOVE 1 Sent
        S2: * OK [COPYUID ...
        S2: * 1 EXPUNGE
        S2: e OK ...
        S1: * STATUS Drafts (MESSAGES 0 UIDNEXT 2 HIGHESTMODSEQ 4 UIDVALIDITY {d})
        S1: * STATUS Sent (MESSAGES 1 UIDNEXT 2 HIGHESTMODSEQ 2 UIDVALIDITY {s})
    """)


async def test_no_flagchange_no_highestmodseq_at_first() -> None:
    await dialogue().play("""
        C1: a NOTIFY SET STATUS (MAILBOXES Drafts (MessageNew MessageExpunge))
        S1: * STATUS Drafts (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {d})
        S1: a OK ...
        C1: b NOTIFY SET (MAILBOXES Drafts (MessageNew MessageExpunge))
        S1: b OK ...
    """)


async def test_the_selected_mailbox_is_not_told_twice() -> None:
    await dialogue().play(r"""
        C1: a NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))
        S1: a OK ...
        C2: a APPEND INBOX <<letter>>
        S2: ...
        S2: a OK ...
        S1: * 3 EXISTS
        S1: * ... RECENT
        C2: b APPEND Trash <<letter>>
        S2: b OK ...
        S1: * STATUS Trash (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)
    """)


async def test_an_idle_client_gets_the_same_news() -> None:
    await dialogue().play(r"""
        C1: a NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (SUBTREE Drafts (MessageNew MessageExpunge))
        S1: a OK ...
        C1: b IDLE
        S1: + ...
        C2: a STORE 1 +FLAGS.SILENT (\Flagged)
        S2: a OK ...
        C2: b APPEND Drafts <<letter>>
        S2: b OK ...
        S1: * STATUS Drafts (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)
        C1: DONE
        S1: b OK ...
    """)


async def test_folders_that_come_go_and_change_their_names() -> None:
    made = dialogue()
    await made.play("""
        C1: a NOTIFY SET (PERSONAL (MailboxName SubscriptionChange))
        S1: a OK ...
    """)
    await start_looking(made)
    await made.play("""
        C2: a CREATE Work
        S2: a OK ...
        C2: b RENAME Junk Spam
        S2: b OK ...
        C2: c DELETE Trash
        S2: c OK ...
        C2: d UNSUBSCRIBE Sent
        S2: d OK ...
    """)
    await look(made)
    await made.play(r"""
        S1: * LIST (\Subscribed \Junk) "/" Spam ("OLDNAME" (Junk))
        S1: * LIST (\Subscribed) "/" Work
        S1: * LIST (\NonExistent) "/" Trash
        S1: * LIST (\Sent) "/" Sent
    """)


async def test_a_new_folder_is_watched_too() -> None:
    made = dialogue()
    await made.play("""
        C1: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge))
        S1: a OK ...
        C2: a CREATE Work
        S2: a OK ...
    """)
    await start_looking(made)
    await look(made)
    await made.play("""
        C2: b APPEND Work <<letter>>
        S2: b OK ...
        S1: * STATUS Work (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)
        C2: c DELETE Work
        S2: c OK ...
        C1: b NOOP
        S1: b OK ...
    """)


async def test_a_folder_made_anew_under_its_name_is_watched() -> None:
    made = dialogue()
    await made.play("""
        C1: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge))
        S1: a OK ...
    """)
    await start_looking(made)
    account = await made.store.login(ADA, PASSWORD, source="")
    await account.delete("Drafts", now=NOW)
    await account.create("Drafts")
    await look(made)
    await made.play("""
        S1: * STATUS Drafts (UIDVALIDITY ...)
        C2: c APPEND Drafts <<letter>>
        S2: c OK ...
        S1: * STATUS Drafts (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)
    """)


async def test_annotations() -> None:
    made = dialogue()
    await made.play("""
        C1: a NOTIFY SET (PERSONAL (MailboxMetadataChange ServerMetadataChange))
        S1: a OK ...
    """)
    await start_looking(made)
    await made.play("""
        C2: a SETMETADATA INBOX (/private/b "x" /private/a "x")
        S2: a OK ...
    """)
    await look(made)
    await made.play("""
        S1: * METADATA INBOX /private/a /private/b
        C2: b SETMETADATA "" (/private/c "x")
        S2: b OK ...
    """)
    client = await made.client("1")
    client.connection.tick(client.connection._loop.time() + 20)
    await made.play("""
        S1: * METADATA "" /private/c
    """)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("", "BAD"),
        ("SET", "BAD"),
        ("SET ()", "BAD"),
        ("SET (SELECTED (MessageNew))", "BAD"),
        ("SET (SELECTED (FlagChange))", "BAD"),
        ("SET (SELECTED (MailboxName))", "BAD"),
        ("SET (PERSONAL (MessageNew (UID) MessageExpunge))", "BAD"),
        ("SET (SELECTED NONE) (SELECTED-DELAYED NONE)", "BAD"),
        ("SET (EVERYWHERE NONE)", "BAD"),
        ("SET (PERSONAL (AnnotationChange))", "NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName"),
        ("SET (PERSONAL (X-Earthquake))", "NO [BADEVENT ("),
        ("SET (SELECTED (MessageNew (UID) MessageNew (FLAGS) MessageExpunge))", "BAD"),
        ("SET (SELECTED NONE)", "OK"),
    ],
)
async def test_what_cannot_be_asked(arguments: str, answer: str) -> None:
    await dialogue().play(f"""
        C1: a NOTIFY {arguments}
        S1: a {answer}...
    """)


async def test_what_is_shown_of_new_messages_has_the_limit_of_fetch() -> None:
    several = " ".join(f"BINARY.PEEK[1]<{start}.1>" for start in range(MAX_SECTIONS + 1))
    await dialogue().play(f"""
        C1: a NOTIFY SET (SELECTED (MessageNew ({several}) MessageExpunge))
        S1: a BAD [LIMIT] ...
        C1: b NOTIFY SET (SELECTED (MessageNew ({"BINARY.SIZE[1] " * MAX_SECTIONS}BINARY.SIZE[1]) MessageExpunge))
        S1: b OK ...
        C2: a APPEND INBOX <<letter>>
        S2: ...
        S2: a OK ...
        S1: * 3 EXISTS
        S1: * ... RECENT
        S1: * 3 FETCH (UID 3 BINARY.SIZE[1] {{size}})
    """)


@pytest.mark.slow
async def test_many_names_cost_little_at_each_look() -> None:
    made = dialogue()
    account = await made.store.login(ADA, PASSWORD, source="")
    for number in range(500):
        await account.create(f"Work/{number}")
    names = tuple(b"x%d" % number for number in range(4000))
    events = frozenset({"MailboxName"})
    notifier = notify_module.Notifier(account, (Group("SUBTREE", events, names),) * MAX_GROUPS, lambda: None)
    await notifier.start()
    began = time.process_time()
    await notifier.look(notify_module.Words(utf8=False, condstore=False))
    assert time.process_time() - began < 2
    await notifier.close()


async def test_there_is_an_end_to_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_module, "MAX_WATCHED", 3)
    made = dialogue()
    await made.play("""
        C1: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge))
        S1: a NO [NOTIFICATIONOVERFLOW] ...
    """)
    _password, mailbox = made.store._people[ADA]
    assert [len(box.watchers) for box in mailbox.boxes.values()] == [2, 0, 0, 0, 0, 0]


async def test_nobody_is_watched_once_the_client_is_gone() -> None:
    made = dialogue()
    await made.play("""
        C1: a NOTIFY SET (PERSONAL (MessageNew MessageExpunge))
        S1: a OK ...
    """)
    _password, mailbox = made.store._people[ADA]
    assert all(box.watchers for box in mailbox.boxes.values())
    for client in made.clients.values():
        await client.hang_up()
    assert not any(box.watchers for box in mailbox.boxes.values())
    made.store.put(mailbox, "Drafts", message(), now=NOW)
