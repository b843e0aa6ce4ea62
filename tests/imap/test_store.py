"""STORE, and flags between connections (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

from typing import Any

import pytest

from mailhost.imap import session_messages
from mailhost.imap.store import MAX_KEYWORDS
from tests.imap.dialogue import Dialogue, ada_with
from tests.imap.memory import MemoryFolder


async def test_flags_are_set_added_and_removed() -> None:
    await Dialogue(ada_with(2), select="INBOX").play(r"""
        C: a STORE 1 FLAGS (\Seen \Flagged)
        S: * 1 FETCH (FLAGS (\Seen \Flagged \Recent))
        S: a OK ...
        C: b STORE 1:2 +FLAGS \answered
        S: * 1 FETCH (FLAGS (\Seen \Answered \Flagged \Recent))
        S: * 2 FETCH (FLAGS (\Answered \Recent))
        S: b OK ...
        C: c UID STORE 1 -FLAGS (\Seen \Flagged)
        S: * 1 FETCH (UID 1 FLAGS (\Answered \Recent))
        S: c OK ...
        C: d STORE 1 FLAGS ()
        S: * 1 FETCH (FLAGS (\Recent))
        S: d OK ...
        C: e STORE 1 FLAGS.SILENT (\Draft)
        S: e OK ...
        C: f FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS (\Draft \Recent))
        S: f OK ...
    """)


async def test_a_new_keyword_is_told_before_it_is_used() -> None:
    await Dialogue(ada_with(2), select="INBOX").play(r"""
        C1: a STORE 1 +FLAGS ($Work)
        S1: * FLAGS (\Seen \Answered \Flagged \Deleted \Draft $Work)
        S1: * OK [PERMANENTFLAGS (\Seen \Answered \Flagged \Deleted \Draft $Work \*)] ...
        S1: * 1 FETCH (FLAGS ($Work \Recent))
        S1: a OK ...
        C1: b STORE 2 +FLAGS ($WORK)
        S1: * 2 FETCH (FLAGS ($Work \Recent))
        S1: b OK ...
        C2: a NOOP
        S2: a OK ...
        C1: c STORE 2 +FLAGS.SILENT (Other)
        S1: * FLAGS ...
        S1: * OK [PERMANENTFLAGS ...
        S1: c OK ...
        C2: b NOOP
        S2: * FLAGS (\Seen \Answered \Flagged \Deleted \Draft $Work Other)
        S2: * OK [PERMANENTFLAGS ...
        S2: * 2 FETCH (FLAGS ($Work Other))
        S2: b OK ...
    """)


async def test_what_cannot_be_stored() -> None:
    await Dialogue(ada_with(1), select="INBOX").play(rf"""
        C: a STORE 1 +FLAGS (\Recent)
        S: a BAD ...
        C: b STORE 1 +FLAGS (\Important)
        S: b BAD ...
        C: c STORE 1 +FLAGS ({"k" * 101})
        S: c BAD [LIMIT] ...
        C: d STORE 9 +FLAGS (\Seen)
        S: d BAD ...
        C: e UID STORE 9 +FLAGS (\Seen)
        S: e OK ...
        C: f STORE 1 +FLAGS ({" ".join(f"k{n}" for n in range(MAX_KEYWORDS + 1))})
        S: f NO [LIMIT] ...
    """)


async def test_other_connections_are_told_once() -> None:
    await Dialogue(ada_with(2), select="INBOX", connections=2).play(r"""
        C1: a STORE 1 +FLAGS (\Seen)
        S1: * 1 FETCH (FLAGS (\Seen \Recent))
        S1: a OK ...
        C1: b NOOP
        S1: b OK ...
        C2: b NOOP
        S2: * 1 FETCH (FLAGS (\Seen))
        S2: b OK ...
        C2: c NOOP
        S2: c OK ...
    """)


async def test_two_connections_do_not_overwrite_each_other() -> None:
    await Dialogue(ada_with(1), select="INBOX", connections=2).play(r"""
        C1: a STORE 1 +FLAGS.SILENT (\Seen)
        S1: a OK ...
        C2: b STORE 1 +FLAGS (\Flagged)
        S2: * 1 FETCH (FLAGS (\Seen \Flagged))
        S2: b OK ...
        C1: c NOOP
        S1: * 1 FETCH (FLAGS (\Seen \Flagged \Recent))
        S1: c OK ...
    """)


async def test_what_somebody_else_stored_before_is_told_at_once() -> None:
    await Dialogue(ada_with(2), select="INBOX", connections=2).play(r"""
        C1: a STORE 1:2 +FLAGS.SILENT ($Work \Seen)
        S1: ...
        S1: a OK ...
        C2: b STORE 1:2 +FLAGS (\Seen)
        S2: * FLAGS ...
        S2: * OK [PERMANENTFLAGS ...
        S2: * 1 FETCH (FLAGS (\Seen $Work))
        S2: * 2 FETCH (FLAGS (\Seen $Work))
        S2: b OK ...
    """)


async def test_silent_hides_only_what_the_client_asked_for() -> None:
    await Dialogue(ada_with(1), select="INBOX", connections=2).play(r"""
        C1: a STORE 1 +FLAGS.SILENT (\Seen)
        S1: a OK ...
        C2: b STORE 1 +FLAGS.SILENT (\Flagged)
        S2: * 1 FETCH (FLAGS (\Seen \Flagged))
        S2: b OK ...
    """)


async def test_unchanged_since_spares_what_others_changed() -> None:
    await Dialogue(ada_with(3), select="INBOX", connections=2).play(r"""
        C1: a STORE 2 +FLAGS.SILENT (\Seen)
        S1: a OK ...
        C2: b STORE 1:3 (UNCHANGEDSINCE 4) +FLAGS.SILENT (\Flagged)
        S2: * OK [HIGHESTMODSEQ 4] ...
        S2: * 1 FETCH (MODSEQ (6))
        S2: * 3 FETCH (MODSEQ (6))
        S2: * 2 FETCH (FLAGS (\Seen) MODSEQ (5))
        S2: b OK [MODIFIED 2] ...
        C2: c UID STORE 2 (UNCHANGEDSINCE 4) +FLAGS (\Flagged)
        S2: c OK [MODIFIED 2] ...
        C2: d UID STORE 2 (UNCHANGEDSINCE 5) +FLAGS (\Flagged)
        S2: * 2 FETCH (UID 2 FLAGS (\Seen \Flagged) MODSEQ (7))
        S2: d OK ...
        C2: e UID STORE 2 (UNCHANGEDSINCE 0) +FLAGS (\Draft)
        S2: e OK [MODIFIED 2] ...
    """)


async def test_storing_while_others_expunge() -> None:
    await Dialogue(ada_with(3), select="INBOX", connections=2).play(r"""
        C1: a STORE 1 +FLAGS.SILENT (\Deleted)
        S1: a OK ...
        C1: b EXPUNGE
        S1: * 1 EXPUNGE
        S1: b OK ...
        C2: b STORE 1:2 +FLAGS (\Seen)
        S2: * 1 FETCH (FLAGS ())
        S2: * 2 FETCH (FLAGS (\Seen))
        S2: b OK ...
        C2: c UID STORE 3 +FLAGS (\Seen)
        S2: * 3 FETCH (UID 3 FLAGS (\Seen))
        S2: * 1 EXPUNGE
        S2: c OK ...
        C2: d FETCH 1:2 (UID FLAGS)
        S2: * 1 FETCH (UID 2 FLAGS (\Seen))
        S2: * 2 FETCH (UID 3 FLAGS (\Seen))
        S2: d OK ...
    """)


async def test_scattered_numbers_are_one_call_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str) -> None:
        method = getattr(MemoryFolder, name)

        def count(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            return method(*arguments, **options)

        monkeypatch.setattr(MemoryFolder, name, count)

    for name in ("store_flags", "meta", "contents"):
        counted(name)
    scattered = ",".join(str(number) for number in range(1, 60, 2))
    await Dialogue(ada_with(60), select="INBOX").play(rf"""
        C: a STORE {scattered} +FLAGS.SILENT (\Seen)
        S: a OK ...
        C: b UID FETCH {scattered} (RFC822.SIZE)
        S: ...
        S: b OK ...
        C: c UID FETCH {scattered} (BODY.PEEK[])
        S: ...
        S: c OK ...
    """)
    assert calls == ["store_flags", "meta", "contents"]


async def test_a_large_set_is_stored_in_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_messages, "STORE_BATCH", 7)
    await Dialogue(ada_with(30), select="INBOX", connections=2).play(r"""
        C1: a STORE 1:* +FLAGS.SILENT (\Seen)
        S1: a OK ...
        C1: b SEARCH RETURN (COUNT) SEEN
        S1: * ESEARCH (TAG "b") COUNT 30
        S1: b OK ...
        C1: c NOOP
        S1: c OK ...
        C2: a STORE 5:20 (UNCHANGEDSINCE 33) +FLAGS.SILENT (\Flagged)
        S2: ...
        S2: a OK [MODIFIED 15:20] ...
    """)
