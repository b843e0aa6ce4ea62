"""METADATA (RFC 5464), where the store keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from mailhost.imap import session_metadata
from mailhost.imap.store import MAX_METADATA_ENTRIES
from tests.imap.dialogue import Dialogue, ada_with
from tests.imap.memory import MemoryAccount, MemoryStore


async def test_annotations_are_set_told_and_removed() -> None:
    await Dialogue(ada_with(), connections=2).play(r"""
        C1: a SETMETADATA INBOX (/private/comment "My own" /Shared/Colour "blue")
        S1: a OK ...
        C2: a GETMETADATA INBOX /private/comment
        S2: * METADATA INBOX (/private/comment "My own")
        S2: a OK ...
        C2: b GETMETADATA INBOX (/PRIVATE/COMMENT /shared/colour /shared/none)
        S2: * METADATA INBOX (/private/comment "My own" /shared/colour "blue")
        S2: b OK ...
        C2: c SETMETADATA INBOX (/private/comment NIL)
        S2: c OK ...
        C1: b GETMETADATA INBOX (/private/comment)
        S1: b OK ...
        C1: c GETMETADATA Nowhere /private/comment
        S1: c NO [NONEXISTENT] ...
        C1: d SETMETADATA "" (/shared/comment "Of the account")
        S1: d OK ...
        C1: e GETMETADATA "" /shared/comment
        S1: * METADATA "" (/shared/comment "Of the account")
        S1: e OK ...
    """)


async def test_depth_and_size() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a SETMETADATA INBOX (/private/f/a "1" /private/f/a/b "22" /private/f "333" /private/ff "no")
        S: a OK ...
        C: b GETMETADATA (DEPTH 1) INBOX /private/f
        S: * METADATA INBOX (/private/f "333" /private/f/a "1")
        S: b OK ...
        C: c GETMETADATA (DEPTH infinity) INBOX (/private/f)
        S: * METADATA INBOX (/private/f "333" /private/f/a "1" /private/f/a/b "22")
        S: c OK ...
        C: d GETMETADATA INBOX (MAXSIZE 2) (/private/f /private/f/a)
        S: * METADATA INBOX (/private/f/a "1")
        S: d OK [METADATA LONGENTRIES 3] ...
        C: e GETMETADATA (DEPTH 2) INBOX /private/f
        S: e BAD ...
        C: f GETMETADATA (FOO 2) INBOX /private/f
        S: f BAD ...
        C: g GETMETADATA (MAXSIZE 1 DEPTH infinity) INBOX (/private /shared)
        S: * METADATA INBOX (/private/f/a "1")
        S: g OK [METADATA LONGENTRIES 3] ...
        C: h SETMETADATA INBOX (/private "all")
        S: h BAD ...
    """)


async def test_values_of_any_octets() -> None:
    dialogue = Dialogue(ada_with())
    dialogue.literals = {"lines": "Grüße,\r\nAda".encode(), "binary": b"\0\xff"}
    await dialogue.play(r"""
        C: a SETMETADATA INBOX (/private/a <<lines>> /private/b <<~binary>>)
        S: a OK ...
        C: b GETMETADATA INBOX (/private/a)
        S: * METADATA INBOX (/private/a {13}\nGrüße,\nAda)
        S: b OK ...
        C: c GETMETADATA INBOX (/private/b)
        S: * METADATA INBOX (/private/b ~{2}...)
        S: c OK ...
    """)


@pytest.mark.parametrize(
    "entry", ["comment", "/other/x", "/private", "/private/", "/private//a", "/private/a*", "/shared/%"]
)
async def test_names_that_are_none(entry: str) -> None:
    await Dialogue(ada_with()).play(f"""
        C: a SETMETADATA INBOX ("{entry}" "x")
        S: a BAD ...
    """)


async def test_limits() -> None:
    store = ada_with()
    _password, mailbox = store._people["ada@example.is"]
    mailbox.metadata = {f"/private/{number}": b"x" for number in range(MAX_METADATA_ENTRIES)}
    dialogue = Dialogue(store)
    dialogue.literals = {"large": b"x" * (session_metadata.MAX_VALUE + 1)}
    await dialogue.play("""
        C: a SETMETADATA INBOX (/private/a "x")
        S: a NO [METADATA TOOMANY] ...
        C: b SETMETADATA "" (/private/1 NIL /private/a "x")
        S: b OK ...
        C: c SETMETADATA INBOX (/private/a <<large>>)
        S: c NO [METADATA MAXSIZE 16384] ...
    """)


async def test_annotations_follow_their_folder() -> None:
    await Dialogue(ada_with()).play("""
        C: a CREATE Work
        S: a OK ...
        C: b SETMETADATA Work (/private/a "x")
        S: b OK ...
        C: c RENAME Work Office
        S: c OK ...
        C: d GETMETADATA Office /private/a
        S: * METADATA Office (/private/a "x")
        S: d OK ...
        C: e DELETE Office
        S: e OK ...
        C: f CREATE Office
        S: f OK ...
        C: g GETMETADATA Office /private/a
        S: g OK ...
    """)


class Forgetful:
    """An account that keeps no annotations."""

    def __init__(self, account: MemoryAccount) -> None:
        self._account = account
        self.view = account.view

    def __getattr__(self, name: str) -> object:
        return getattr(self._account, name)


async def test_a_store_without_annotations_does_not_offer_them(monkeypatch: pytest.MonkeyPatch) -> None:
    login = MemoryStore.login

    async def forgetful(*arguments: Any, **options: Any) -> Any:
        return Forgetful(await login(*arguments, **options))

    monkeypatch.setattr(MemoryStore, "login", forgetful)
    await Dialogue(ada_with(1)).play("""
        C: a GETMETADATA INBOX /private/a
        S: a BAD There is no such command
        C: b STATUS INBOX (MESSAGES)
        S: * STATUS INBOX (MESSAGES 1)
        S: b OK ...
    """)
