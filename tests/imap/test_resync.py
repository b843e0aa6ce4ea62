"""CONDSTORE and QRESYNC (RFC 7162)."""

from __future__ import annotations

import re
import time

import pytest

from tests.imap.dialogue import ADA, PASSWORD, Client, Dialogue, ada_with, make_endpoint, message


async def test_what_changed_while_the_client_was_away() -> None:
    await Dialogue(ada_with(5), connections=2).play(r"""
        C1: a SELECT INBOX
        S1: ...
        S1: * OK [UIDVALIDITY {validity}] ...
        S1: * OK [UIDNEXT 6] ...
        S1: * OK [HIGHESTMODSEQ {modseq}] ...
        S1: * OK [MAILBOXID ...
        S1: a OK ...
        C1: b STORE 2 +FLAGS.SILENT (\Flagged)
        S1: b OK ...
        C1: c STORE 3,5 +FLAGS.SILENT (\Deleted)
        S1: c OK ...
        C1: d EXPUNGE
        S1: * 3 EXPUNGE
        S1: * 4 EXPUNGE
        S1: d OK ...
        C2: a ENABLE QRESYNC
        S2: * ENABLED QRESYNC
        S2: a OK ...
        C2: b SELECT INBOX (QRESYNC ({validity} {modseq}))
        S2: ...
        S2: * OK [MAILBOXID ...
        S2: * VANISHED (EARLIER) 3,5
        S2: * 2 FETCH (UID 2 FLAGS (\Flagged) MODSEQ (7))
        S2: b OK ...
        C2: c SELECT INBOX (QRESYNC ({validity} {modseq} 1:2,4 (1:2 1:2)))
        S2: * OK [CLOSED] ...
        S2: ...
        S2: * OK [MAILBOXID ...
        S2: * 2 FETCH (UID 2 FLAGS (\Flagged) MODSEQ (7))
        S2: c OK ...
        C2: d SELECT INBOX (QRESYNC (1 {modseq}))
        S2: * OK [CLOSED] ...
        S2: ...
        S2: * OK [MAILBOXID ...
        S2: d OK ...
    """)


async def test_qresync_must_be_enabled_first() -> None:
    await Dialogue(ada_with(1)).play("""
        C: a SELECT INBOX (QRESYNC (1 1))
        S: a BAD ...
        C: b SELECT INBOX
        S: ...
        S: b OK ...
        C: c UID FETCH 1 (FLAGS) (CHANGEDSINCE 1 VANISHED)
        S: ...
        S: c BAD ...
    """)


async def test_vanished_in_place_of_expunge() -> None:
    await Dialogue(ada_with(5)).play(r"""
        C1: a ENABLE QRESYNC
        S1: * ENABLED QRESYNC
        S1: a OK ...
        C1: b SELECT INBOX
        S1: ...
        S1: b OK ...
        C2: a SELECT INBOX
        S2: ...
        S2: a OK ...
        C1: c STORE 2:3 +FLAGS (\Deleted)
        S1: * 2 FETCH (UID 2 FLAGS (\Deleted \Recent) MODSEQ (7))
        S1: * 3 FETCH (UID 3 FLAGS (\Deleted \Recent) MODSEQ (7))
        S1: c OK ...
        C1: d EXPUNGE
        S1: * VANISHED 2:3
        S1: d OK [HIGHESTMODSEQ 8] ...
        C2: b MOVE 1 Trash
        S2: * OK [COPYUID ...
        S2: * 1 EXPUNGE
        S2: * 1 EXPUNGE
        S2: * 1 EXPUNGE
        S2: b OK ...
        C1: e NOOP
        S1: * VANISHED 1
        S1: e OK ...
        C1: f UID MOVE 4 Trash
        S1: * OK [COPYUID ...
        S1: * VANISHED 4
        S1: f OK [HIGHESTMODSEQ 10] ...
        C1: g UID FETCH 1:* (FLAGS) (CHANGEDSINCE 6 VANISHED)
        S1: * VANISHED (EARLIER) 1:4
        S1: g OK ...
        C1: h UID FETCH 2:3 (FLAGS) (CHANGEDSINCE 6 VANISHED)
        S1: * VANISHED (EARLIER) 2:3
        S1: h OK ...
        C1: i EXPUNGE
        S1: i OK Expunged
    """)


async def test_enabling_qresync_enables_condstore() -> None:
    await Dialogue(ada_with(1)).play(r"""
        C: a ENABLE QRESYNC
        S: * ENABLED QRESYNC
        S: a OK ...
        C: b SELECT INBOX
        S: ...
        S: b OK ...
        C: c STORE 1 +FLAGS.SILENT (\Seen)
        S: * 1 FETCH (UID 1 MODSEQ (3))
        S: c OK ...
    """)


@pytest.mark.parametrize(
    "command",
    ["FETCH 1 MODSEQ", "FETCH 1 FLAGS (CHANGEDSINCE 99)", "SEARCH MODSEQ 1", "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()"],
)
async def test_a_command_that_needs_modseqs_switches_them_on(command: str) -> None:
    dialogue = Dialogue(ada_with(1), select="INBOX")
    await dialogue.play(f"""
        C: a {command}
        S: * OK [HIGHESTMODSEQ 2] ...
        S: ...
        S: a OK ...
        C: b STORE 1 +FLAGS (\\Seen)
        S: * 1 FETCH (FLAGS (\\Seen \\Recent) MODSEQ (3))
        S: b OK ...
    """)


async def test_changedsince() -> None:
    await Dialogue(ada_with(3), select="INBOX").play(r"""
        C: a FETCH 1:* FLAGS (CHANGEDSINCE 3)
        S: * OK [HIGHESTMODSEQ 4] ...
        S: * 3 FETCH (FLAGS (\Recent) MODSEQ (4))
        S: a OK ...
        C: b UID FETCH 1:* FLAGS (CHANGEDSINCE 4)
        S: b OK ...
        C: c FETCH 1:* UID (CHANGEDSINCE 0)
        S: * 1 FETCH (UID 1 MODSEQ (2))
        S: * 2 FETCH (UID 2 MODSEQ (3))
        S: * 3 FETCH (UID 3 MODSEQ (4))
        S: c OK ...
    """)


async def test_highestmodseq_moves_with_append_and_expunge() -> None:
    dialogue = Dialogue(ada_with(1), select="INBOX")
    dialogue.literals = {"letter": message()}
    await dialogue.play(r"""
        C: a STATUS INBOX (HIGHESTMODSEQ)
        S: * OK [HIGHESTMODSEQ 2] ...
        S: * STATUS INBOX (HIGHESTMODSEQ 2)
        S: a OK ...
        C: b APPEND INBOX (\Deleted) <<letter>>
        S: * 2 EXISTS
        S: * 2 RECENT
        S: b OK ...
        C: c STATUS INBOX (HIGHESTMODSEQ)
        S: * STATUS INBOX (HIGHESTMODSEQ 3)
        S: c OK ...
        C: d EXPUNGE
        S: * 2 EXPUNGE
        S: d OK ...
        C: e STATUS INBOX (HIGHESTMODSEQ)
        S: * STATUS INBOX (HIGHESTMODSEQ 4)
        S: e OK ...
    """)


async def test_what_vanished_is_told_in_runs_and_only_of_what_the_client_knows() -> None:
    store = ada_with(20_000)
    box = store._people["ada@example.is"][1].boxes["INBOX"]
    box.remove([uid for uid in box.messages if uid % 2 and uid > 100])
    box.remove(list(range(1, 101)))
    known = ",".join(f"{uid}" for uid in range(1, 10_000, 3))
    client = Client(make_endpoint(store))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    await client.ask("x ENABLE QRESYNC")
    told = await client.ask(f"a SELECT INBOX (QRESYNC ({box.uidvalidity} 1))")
    lines = re.findall(rb"\* VANISHED \(EARLIER\) (\S+)\r\n", told)
    assert lines[0].startswith(b"1:101,103,")
    # Lines of some ten thousand octets at most, so that no client reads one of a megabyte.
    assert len(lines) == 3
    assert b",".join(lines).count(b",") + 1 == 9_950
    started = time.process_time()
    told = await client.ask(f"b SELECT INBOX (QRESYNC ({box.uidvalidity} 1 {known}))")
    assert time.process_time() - started < 2
    lines = re.findall(rb"\* VANISHED \(EARLIER\) (\S+)\r\n", told)
    expected = [uid for uid in range(1, 10_000, 3) if uid <= 100 or uid % 2]
    assert b",".join(lines) == b",".join(b"%d" % uid for uid in expected)
