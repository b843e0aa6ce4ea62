"""COPY and MOVE (RFC 9051 §6.4.7, §6.4.8)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mailhost.imap.session_messages import _count_judgement
from tests.imap.dialogue import Dialogue, ada_with


async def test_copy_tells_the_new_uids_and_keeps_flags() -> None:
    await Dialogue(ada_with(3), select="INBOX").play(r"""
        C: a STORE 2 +FLAGS.SILENT (\Flagged $Work)
        S: * FLAGS ...
        S: * OK [PERMANENTFLAGS ...
        S: a OK ...
        C: b COPY 2:3 Archive
        S: b OK [COPYUID {validity} 2:3 1:2] ...
        C: c SELECT Archive
        S: ...
        S: * OK [UIDVALIDITY {validity}] ...
        S: ...
        S: c OK ...
        C: d FETCH 1:* (UID FLAGS)
        S: * 1 FETCH (UID 1 FLAGS (\Flagged $Work \Recent))
        S: * 2 FETCH (UID 2 FLAGS (\Recent))
        S: d OK ...
    """)


async def test_copying_what_does_not_exist() -> None:
    await Dialogue(ada_with(1), select="INBOX").play("""
        C: a UID COPY 99 Archive
        S: a OK ...
        C: b COPY 99 Archive
        S: b BAD ...
        C: c COPY 1 Nowhere
        S: c NO [TRYCREATE] ...
        C: d UID MOVE 99 Archive
        S: d OK ...
        C: e MOVE 1 Nowhere
        S: e NO [TRYCREATE] ...
        C: f FETCH 1 UID
        S: * 1 FETCH (UID 1)
        S: f OK ...
    """)


async def test_copying_into_the_same_folder() -> None:
    await Dialogue(ada_with(1), select="INBOX").play("""
        C: a COPY 1 INBOX
        S: * 2 EXISTS
        S: * 2 RECENT
        S: a OK [COPYUID ... 1 2] ...
    """)


async def test_move_tells_copyuid_then_the_expunges() -> None:
    await Dialogue(ada_with(4), select="INBOX", connections=2).play(r"""
        C1: a MOVE 1,3 Trash
        S1: * OK [COPYUID ... 1,3 1:2] ...
        S1: * 1 EXPUNGE
        S1: * 2 EXPUNGE
        S1: a OK ...
        C1: b UID MOVE 2 Trash
        S1: * OK [COPYUID ... 2 3] ...
        S1: * 1 EXPUNGE
        S1: b OK ...
        C2: a NOOP
        S2: * 1 EXPUNGE
        S2: * 1 EXPUNGE
        S2: * 1 EXPUNGE
        S2: a OK ...
        C2: b STATUS Trash (MESSAGES)
        S2: * STATUS Trash (MESSAGES 3)
        S2: b OK ...
    """)


async def test_move_into_the_same_folder_gives_a_new_uid() -> None:
    await Dialogue(ada_with(2), select="INBOX").play("""
        C: a MOVE 1 INBOX
        S: * OK [COPYUID ... 1 3] ...
        S: * 1 EXPUNGE
        S: * 2 EXISTS
        S: * 2 RECENT
        S: a OK ...
    """)


async def test_moving_what_another_client_took_first() -> None:
    await Dialogue(ada_with(2), select="INBOX", connections=2).play("""
        C1: a MOVE 1 Trash
        S1: * OK [COPYUID ...
        S1: * 1 EXPUNGE
        S1: a OK ...
        C2: a MOVE 1 Archive
        S2: * 1 EXPUNGE
        S2: a OK ...
        C2: b STATUS Archive (MESSAGES)
        S2: * STATUS Archive (MESSAGES 0)
        S2: b OK ...
    """)


class Counted:
    """Counters by event."""

    def __init__(self) -> None:
        self.events: dict[str, int] = {}

    def count(self, event: str, amount: int = 1) -> None:
        self.events[event] = self.events.get(event, 0) + amount


@pytest.mark.parametrize(
    ("source", "target", "counted"),
    [
        ("INBOX", "Junk", {"moved_to_junk": 3}),
        ("Archive", "Junk", {"moved_to_junk": 3}),
        ("Junk", "INBOX", {"moved_out_of_junk": 3}),
        ("Junk", "Trash", {}),
        ("Junk", "Junk", {}),
        ("INBOX", "Archive", {}),
    ],
)
def test_what_an_owner_thinks_of_the_filter_is_counted_and_nothing_else(
    source: str, target: str, counted: dict[str, int]
) -> None:
    metrics = Counted()
    conv: Any = SimpleNamespace(folder=SimpleNamespace(folder=SimpleNamespace(name=source)), metrics=metrics)
    _count_judgement(conv, target, 3)
    _count_judgement(conv, target, 0)
    assert metrics.events == counted
