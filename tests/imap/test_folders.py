"""CREATE, DELETE, RENAME, SUBSCRIBE, STATUS, NAMESPACE, quota (RFC 9051 §6.3)."""

from __future__ import annotations

from tests.imap.dialogue import ADA, NOW, Dialogue, ada_with, message


async def test_a_new_folder_is_subscribed() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a CREATE Work
        S: a OK [MAILBOXID ({id})] ...
        C: b LSUB "" Work
        S: * LSUB () "/" Work
        S: b OK ...
        C: c LIST (SUBSCRIBED) "" Work
        S: * LIST (\HasNoChildren \Subscribed) "/" Work
        S: c OK ...
        C: d STATUS Work (MAILBOXID)
        S: * STATUS Work (MAILBOXID ({id}))
        S: d OK ...
    """)


async def test_what_can_not_be_created() -> None:
    await Dialogue(ada_with()).play("""
        C: a CREATE INBOX
        S: a NO [ALREADYEXISTS] ...
        C: b CREATE Sent
        S: b NO [ALREADYEXISTS] ...
        C: c CREATE a//b
        S: c NO [CANNOT] ...
        C: d CREATE ""
        S: d NO [CANNOT] ...
        C: e CREATE "50%"
        S: e NO [CANNOT] ...
        C: f CREATE a&b
        S: f NO [CANNOT] ...
    """)


async def test_special_use_can_be_asked_for() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a DELETE Junk
        S: a OK ...
        C: b CREATE Spam (USE (\junk))
        S: b OK ...
        C: c LIST "" Spam
        S: * LIST (\HasNoChildren \Junk) "/" Spam
        S: c OK ...
        C: d CREATE Everything (USE (\All))
        S: d NO [USEATTR] ...
        C: e CREATE Two (USE (\Sent \Trash))
        S: e NO [USEATTR] ...
    """)


async def test_a_trailing_delimiter_is_accepted() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a CREATE Work/
        S: a OK ...
        C: b CREATE Work/Letters/
        S: b OK ...
        C: c LIST "" Work*
        S: * LIST (\HasChildren) "/" Work
        S: * LIST (\HasNoChildren) "/" Work/Letters
        S: c OK ...
        C: d SELECT Work/
        S: ...
        S: d OK ...
        C: e LSUB "" Work*
        S: e OK ...
    """)


async def test_parents_are_made_but_not_subscribed() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a CREATE Work/2026/Letters
        S: a OK ...
        C: b LIST "" Work*
        S: * LIST (\HasChildren) "/" Work
        S: * LIST (\HasChildren) "/" Work/2026
        S: * LIST (\HasNoChildren) "/" Work/2026/Letters
        S: b OK ...
        C: c LSUB "" *Work*
        S: * LSUB () "/" Work/2026/Letters
        S: c OK ...
    """)


async def test_deleting() -> None:
    await Dialogue(ada_with()).play("""
        C: a CREATE Work
        S: a OK ...
        C: b DELETE Work
        S: b OK ...
        C: c DELETE Work
        S: c NO [NONEXISTENT] ...
        C: d DELETE INBOX
        S: d NO [CANNOT] ...
        C: e DELETE inbox
        S: e NO [CANNOT] ...
    """)


async def test_renaming() -> None:
    await Dialogue(ada_with(2)).play(r"""
        C: a CREATE Work/Letters
        S: a OK [MAILBOXID ({id})] ...
        C: b RENAME Work Office
        S: b OK ...
        C: c STATUS Office/Letters (MAILBOXID)
        S: * STATUS Office/Letters (MAILBOXID ({id}))
        S: c OK ...
        C: d RENAME Office Sent
        S: d NO [ALREADYEXISTS] ...
        C: e RENAME Nowhere Somewhere
        S: e NO [NONEXISTENT] ...
        C: f RENAME INBOX Old
        S: f OK ...
        C: g STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 0)
        S: g OK ...
        C: h STATUS Old (MESSAGES)
        S: * STATUS Old (MESSAGES 2)
        S: h OK ...
        C: i RENAME Office a//b
        S: i NO [CANNOT] ...
    """)


async def test_the_selected_mailbox_is_known_by_its_new_name() -> None:
    dialogue = Dialogue(ada_with())
    dialogue.literals = {"letter": message()}
    await dialogue.play(r"""
        C: a CREATE Work/Letters
        S: a OK ...
        C: b SELECT Work/Letters
        S: ...
        S: b OK ...
        C: c RENAME Work Office
        S: c OK ...
        C: d CREATE Work/Letters
        S: d OK ...
        C: e APPEND Office/Letters <<letter>>
        S: * 1 EXISTS
        S: * 1 RECENT
        S: e OK ...
        C: f DELETE Work/Letters
        S: f OK Deleted
        C: g COPY 1 Office/Letters
        S: * 2 EXISTS
        S: * 2 RECENT
        S: g OK ...
        C: h DELETE Office/Letters
        S: * OK [CLOSED] ...
        S: h OK ...
        C: i NOOP
        S: i OK ...
    """)


async def test_a_folder_that_took_the_name_of_the_selected_one_is_another() -> None:
    await Dialogue(ada_with(), connections=2).play(r"""
        C1: a CREATE Work
        S1: a OK ...
        C1: b SELECT Work
        S1: ...
        S1: b OK ...
        C2: c RENAME Work Old
        S2: c OK ...
        C2: d CREATE Work
        S2: d OK ...
        C1: e DELETE Work
        S1: e OK Deleted
        C1: f CHECK
        S1: f OK ...
        C1: g DELETE Old
        S1: * OK [CLOSED] ...
        S1: g OK ...
    """)


async def test_subscriptions() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a UNSUBSCRIBE Junk
        S: a OK ...
        C: b LSUB "" J*
        S: b OK ...
        C: c SUBSCRIBE Junk
        S: c OK ...
        C: d LSUB "" J*
        S: * LSUB () "/" Junk
        S: d OK ...
        C: e DELETE Junk
        S: e OK ...
        C: f LSUB "" J*
        S: * LSUB (\Noselect) "/" Junk
        S: f OK ...
        C: g LIST (SUBSCRIBED) "" J*
        S: * LIST (\NonExistent \HasNoChildren \Subscribed) "/" Junk
        S: g OK ...
    """)


async def test_lsub_with_percent_names_the_parents_of_what_is_subscribed() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a CREATE Work/Letters
        S: a OK ...
        C: b LSUB "" W%
        S: * LSUB (\Noselect) "/" Work
        S: b OK ...
    """)


async def test_status_knows_every_item() -> None:
    store = ada_with(3)
    _password, mailbox = store._people[ADA]
    store.put(mailbox, "INBOX", message("x" * 100), now=NOW, flags=["\\Seen", "\\Deleted"])
    await Dialogue(store).play("""
        C: a STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ APPENDLIMIT)
        S: * STATUS INBOX (MESSAGES 4 RECENT 4 UIDNEXT 5 UIDVALIDITY 1000001 UNSEEN 3 DELETED 1 SIZE {size} HIGHESTMODSEQ 5 APPENDLIMIT 52428800)
        S: a OK ...
        C: b STATUS Nowhere (MESSAGES)
        S: b NO [NONEXISTENT] ...
        C: c STATUS inbox (MESSAGES)
        S: * STATUS INBOX (MESSAGES 4)
        S: c OK ...
    """)


async def test_what_expunge_would_give_back_is_told() -> None:
    store = ada_with(3)
    _password, mailbox = store._people[ADA]
    deleted = message("x" * 100)
    store.put(mailbox, "INBOX", deleted, now=NOW, flags=["\\Deleted"])
    await Dialogue(store).play(f"""
        C: a STATUS INBOX (DELETED-STORAGE)
        S: * STATUS INBOX (DELETED-STORAGE {len(deleted)})
        S: a OK ...
        C: b LIST "" (INBOX Trash) RETURN (STATUS (DELETED DELETED-STORAGE))
        S: * LIST (\\HasNoChildren) "/" INBOX
        S: * STATUS INBOX (DELETED 1 DELETED-STORAGE {len(deleted)})
        S: * LIST (\\HasNoChildren \\Trash) "/" Trash
        S: * STATUS Trash (DELETED 0 DELETED-STORAGE 0)
        S: b OK ...
    """)


async def test_namespace() -> None:
    await Dialogue(ada_with()).play("""
        C: a NAMESPACE
        S: * NAMESPACE (("" "/")) NIL NIL
        S: a OK ...
    """)


async def test_quota_is_told_and_not_set() -> None:
    await Dialogue(ada_with(2, storage_limit=10 * 1024 * 1024, messages_limit=1000)).play("""
        C: a GETQUOTAROOT inbox
        S: * QUOTAROOT INBOX ""
        S: * QUOTA "" (STORAGE 1 10240 MESSAGE 2 1000)
        S: a OK ...
        C: b GETQUOTA ""
        S: * QUOTA "" (STORAGE 1 10240 MESSAGE 2 1000)
        S: b OK ...
        C: c GETQUOTA other
        S: c NO [NONEXISTENT] ...
        C: d SETQUOTA "" (STORAGE 99999999)
        S: d NO [NOPERM] ...
        C: e GETQUOTAROOT Nowhere
        S: e NO [NONEXISTENT] ...
    """)


async def test_no_limit_is_no_resource() -> None:
    await Dialogue(ada_with()).play("""
        C: a GETQUOTA ""
        S: * QUOTA "" ()
        S: a OK ...
    """)


async def test_a_full_mailbox_takes_nothing_more() -> None:
    dialogue = Dialogue(ada_with(1, messages_limit=1), select="INBOX")
    dialogue.literals = {"letter": message()}
    await dialogue.play("""
        C: a APPEND INBOX <<letter>>
        S: a NO [OVERQUOTA] ...
        C: b COPY 1 Sent
        S: b NO [OVERQUOTA] ...
        C: c MOVE 1 Trash
        S: * OK [COPYUID ...
        S: * 1 EXPUNGE
        S: c OK ...
    """)
