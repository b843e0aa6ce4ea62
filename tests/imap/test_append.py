"""APPEND and REPLACE (RFC 9051 §6.3.12, RFC 3502, RFC 3516, RFC 6855, RFC 8508)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap.binary_append import without_nul
from mailhost.imap.store import View
from mailhost.message.section import decoded
from mailhost.message.structure import scan
from tests.imap.dialogue import Dialogue, ada_with, message
from tests.imap.memory import APPEND_LIMIT

BINARY = (
    b"From: ada@example.is\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n\x00\x01\xff\r\n"
)


def dialogue(count: int = 0, *, select: str = "", **options: object) -> Dialogue:
    made = Dialogue(ada_with(count, **options), select=select)
    made.literals = {"one": message("One"), "two": message("Two"), "empty": b"", "binary": BINARY}
    return made


async def test_flags_and_date_are_kept() -> None:
    await dialogue(select="INBOX").play(r"""
        C: a APPEND INBOX (\Seen $Work) " 1-Feb-2026 03:04:05 +0100" <<one>>
        S: * FLAGS ...
        S: * OK [PERMANENTFLAGS ...
        S: * 1 EXISTS
        S: * 1 RECENT
        S: a OK [APPENDUID {validity} 1] ...
        C: b FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (Subject)])
        S: * 1 FETCH (FLAGS (\Seen $Work \Recent) INTERNALDATE "01-Feb-2026 03:04:05 +0100" BODY[HEADER.FIELDS (Subject)] {16}\nSubject: One\n\n)
        S: b OK ...
        C: c APPEND INBOX <<one>>
        S: * 2 EXISTS
        S: * 2 RECENT
        S: c OK ...
        C: d FETCH 2 INTERNALDATE
        S: * 2 FETCH (INTERNALDATE "22-Nov-2026 12:00:00 +0000")
        S: d OK ...
    """)


async def test_a_waiting_client_gets_its_plus() -> None:
    await dialogue().play(
        """
        C: a APPEND Drafts {5}
        S: + Send it
        C: x: y
        S: a OK [APPENDUID ... 1] ...
    """.replace("x: y", "x:  y")
    )


async def test_where_there_is_no_folder() -> None:
    await dialogue().play("""
        C: a APPEND Nowhere <<one>>
        S: a NO [TRYCREATE] ...
    """)


async def test_several_messages_at_once() -> None:
    await dialogue().play(r"""
        C: a APPEND Drafts (\Draft) <<one>> (\Seen) <<two>>
        S: a OK [APPENDUID {validity} 1:2] ...
        C: b SELECT Drafts
        S: ...
        S: b OK ...
        C: c FETCH 1:2 (FLAGS)
        S: * 1 FETCH (FLAGS (\Draft \Recent))
        S: * 2 FETCH (FLAGS (\Seen \Recent))
        S: c OK ...
    """)


async def test_all_of_several_or_none() -> None:
    await dialogue(messages_limit=1).play("""
        C: a APPEND Drafts <<one>> <<two>>
        S: a NO [OVERQUOTA] ...
        C: b APPEND Drafts <<one>> <<empty>>
        S: b NO [CANNOT] ...
        C: c STATUS Drafts (MESSAGES)
        S: * STATUS Drafts (MESSAGES 0)
        S: c OK ...
    """)


async def test_a_message_too_large_is_refused_before_it_is_sent() -> None:
    view = View(can_read=True, name="session", append_limit=1000)
    await dialogue(view=view).play("""
        C: a APPEND Drafts {1001}
        S: a NO [TOOBIG] ...
        C: b APPEND Drafts <<one>>
        S: b OK ...
    """)


async def test_the_sealed_view_takes_no_clear_message() -> None:
    view = View(can_read=False, name="sealed", append_limit=APPEND_LIMIT)
    await dialogue(view=view).play("""
        C: a APPEND Drafts <<one>>
        S: a NO [CANNOT] ...
    """)


async def test_flags_that_do_not_exist() -> None:
    await dialogue().play(r"""
        C: a APPEND Drafts (\Recent) <<one>>
        S: a BAD ...
        C: b APPEND Drafts (\Important) <<one>>
        S: b BAD ...
        C: c APPEND Drafts (\seen) <<one>>
        S: c OK ...
    """)


async def test_binary_messages_keep_their_octets() -> None:
    await dialogue(select="INBOX").play(r"""
        C: a APPEND INBOX <<~binary>>
        S: * 1 EXISTS
        S: * 1 RECENT
        S: a OK ...
        C: b FETCH 1 (BODY.PEEK[1] BINARY.SIZE[1])
        S: * 1 FETCH (BODY[1] {10}\nAAH/DQo=\n BINARY.SIZE[1] 5)
        S: b OK ...
        C: c APPEND INBOX <<binary>>
        S: c BAD ...
    """)


async def test_utf8_messages_need_utf8_enabled() -> None:
    made = dialogue()
    made.literals["utf8"] = "Subject: Grüße\r\n\r\nx\r\n".encode()
    await made.play("""
        C: a APPEND Drafts UTF8 (<<~utf8>>)
        S: a BAD ...
        C: b ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: b OK ...
        C: c APPEND Drafts UTF8 (<<~utf8>>)
        S: c OK ...
        C: d SELECT Drafts
        S: ...
        S: d OK ...
        C: e SEARCH SUBJECT "grüsse"
        S: * SEARCH 1
        S: e OK ...
    """)


async def test_others_see_the_message_at_once() -> None:
    made = Dialogue(ada_with(), select="INBOX", connections=2)
    made.literals = {"one": message()}
    await made.play("""
        C1: a APPEND INBOX <<one>>
        S1: * 1 EXISTS
        S1: * 1 RECENT
        S1: a OK ...
        C2: a NOOP
        S2: * 1 EXISTS
        S2: * 0 RECENT
        S2: a OK ...
    """)


async def test_replace_puts_one_message_in_the_place_of_another() -> None:
    await dialogue(2, select="INBOX").play(r"""
        C: a REPLACE 1 INBOX (\Draft) <<one>>
        S: * OK [APPENDUID ... 3] ...
        S: * 1 EXPUNGE
        S: * 2 EXISTS
        S: * 2 RECENT
        S: a OK ...
        C: b UID REPLACE 2 Drafts <<two>>
        S: * OK [APPENDUID ... 1] ...
        S: * 1 EXPUNGE
        S: b OK ...
        C: c UID REPLACE 99 INBOX <<one>>
        S: c NO [NONEXISTENT] ...
        C: d REPLACE 1 Nowhere <<one>>
        S: d NO [TRYCREATE] ...
        C: e FETCH 1:* UID
        S: * 1 FETCH (UID 3)
        S: e OK ...
    """)


PARTS = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--b\r\nContent-Transfer-Encoding: binary\r\nContent-Type: image/x\r\n\r\n%b\r\n--b--\r\n"
)


@given(st.binary(max_size=200).filter(lambda octets: b"\n" not in octets and b"\r" not in octets))
def test_binary_parts_come_out_as_they_went_in(octets: bytes) -> None:
    kept = bytes(without_nul(PARTS % (b"\0" + octets)))
    assert b"\0" not in kept
    result = decoded(kept, scan(kept), (2,))
    assert isinstance(result, bytes | memoryview)
    assert bytes(result) == b"\0" + octets
    assert b"\r\n\r\nHello\r\n--b" in kept


def test_messages_without_nul_are_not_touched() -> None:
    content = PARTS % b"\xff\xfe"
    assert without_nul(content) is content
