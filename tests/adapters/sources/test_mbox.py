"""mbox files as programs and mischief make them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.adapters.sources.mbox import MboxSource
from mailhost.importing.source import Bad, Letter, SourceProblem, Why

FROM = b"From ben@example.is Mon Jan  2 03:04:05 2023\n"
LIMIT = 10_000


def all_of(path: Path, limit: int = LIMIT) -> list[Letter | Bad]:
    source = MboxSource(path, limit=limit)
    return [
        one
        for folder in source.folders()
        for one in source.letters(folder, [each.number for each in source.listed(folder)])
    ]


def contents(path: Path) -> list[bytes]:
    return [bytes(one.message.content) for one in all_of(path) if isinstance(one, Letter)]


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    return tmp_path / "Letters"


def test_messages_dates_and_line_ends(mbox: Path) -> None:
    mbox.write_bytes(
        FROM + b"Subject: 1\n\nbody\n\n" + FROM + b"Subject: 2\r\n\r\nbody\r\n\r\n" + FROM + b"Subject: 3\n\n"
    )
    one, two, three = all_of(mbox)
    assert isinstance(one, Letter)
    assert one.message.internaldate == datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert contents(mbox) == [b"Subject: 1\r\n\r\nbody\r\n", b"Subject: 2\r\n\r\nbody\r\n", b"Subject: 3\r\n"]
    assert [each.number for each in (one, two, three)] == [1, 2, 3]


@pytest.mark.parametrize(
    "line",
    [
        b"From here on it gets interesting.\n",
        b"From Mon Jan to Fri\n",
        b"From ben@example.is yesterday\n",
        b"From ben@example.is Mon Jan  2 03:04:05 2023\nand this is no header field\n",
        b"From ben@example.is Mon Jan  2 03:04:05\n",
        b"From " + b"x" * 200_000 + b" Mon Jan  2 03:04:05 2023\n",
        b"x" * 65536 + b"\n" + FROM + b"Not: a new message, since no empty line is before it\n",
        b"From\n",
        b"FROM ben@example.is Mon Jan  2 03:04:05 2023\n",
    ],
)
def test_a_line_of_the_text_that_begins_with_from_does_not_divide(mbox: Path, line: bytes) -> None:
    mbox.write_bytes(FROM + b"Subject: 1\n\nbefore\n\n" + line + b"after\n\n" + FROM + b"Subject: 2\n\nbody\n")
    source = MboxSource(mbox, limit=10**6)
    (folder,) = source.folders()
    assert len(source.listed(folder)) == 2


def test_a_separator_needs_an_empty_line_before_it(mbox: Path) -> None:
    mbox.write_bytes(FROM + b"Subject: 1\n\nquoted:\n" + FROM + b"Subject: 2\n\nbody\n")
    assert len(contents(mbox)) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"From ben@example.is Mon Jan 02 03:04 2023\n",
        b"From ben@example.is  Mon Jan  2 03:04:05 +0100 2023\n",
        b"From ben@example.is Mon Jan  2 03:04:05 CET 2023\n",
        b"From ben@example.is Mon Jan  2 03:04:05 2023 +0100\n",
        b"From - Mon Jan  2 03:04:05 2023\n",
        b"From 1234567890123456789@xxx Mon Jan 02 03:04:05 +0000 2023\n",
        b'From "ben b"@example.is Mon Jan  2 03:04:05 2023\r\n',
        b"From Mon Jan  2 03:04:05 2023\n",
        b"From MAILER-DAEMON Mon Jan  2 03:04:05 2023 remote from demo\n",
    ],
)
def test_separators_of_many_programs(mbox: Path, line: bytes) -> None:
    mbox.write_bytes(line + b"Subject: 1\n\nbody\n\n" + line + b"Subject: 2\n\nbody\n")
    assert len(contents(mbox)) == 2


def test_one_quoting_mark_is_taken_away(mbox: Path) -> None:
    mbox.write_bytes(FROM + b"Subject: 1\n\n>From me\n>>From you\n> From nobody\n>Fromage\n")
    assert contents(mbox) == [b"Subject: 1\r\n\r\nFrom me\r\n>From you\r\n> From nobody\r\n>Fromage\r\n"]


def test_flags_of_the_header_are_flags_and_not_of_the_message(mbox: Path) -> None:
    mbox.write_bytes(
        FROM
        + b"Subject: 1\nStatus: RO\nX-Status: AF\nX-Keywords: $Work later\n bad(word)\nX-UID: 5\n\nStatus: body\n\n"
        + FROM
        + b"X-Mozilla-Status: 1005\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1     \nSubject: 2\n\nx\n"
    )
    one, two = all_of(mbox)
    assert isinstance(one, Letter)
    assert isinstance(two, Letter)
    assert one.message.flags == ("\\Seen", "\\Answered", "\\Flagged", "$Work", "later")
    assert one.message.content == b"Subject: 1\r\n\r\nStatus: body\r\n"
    assert two.message.flags == ("\\Seen", "\\Flagged", "$Forwarded", "$label1")
    assert two.message.content == b"Subject: 2\r\n\r\nx\r\n"


def test_a_changed_flag_does_not_make_another_message(mbox: Path) -> None:
    def identities() -> list[bytes]:
        source = MboxSource(mbox, limit=LIMIT)
        (folder,) = source.folders()
        return [each.identity for each in source.listed(folder)]

    mbox.write_bytes(FROM + b"Subject: 1\n\nbody\n")
    before = identities()
    mbox.write_bytes(FROM + b"Subject: 1\nStatus: RO\n\nbody\n\n")
    assert identities() == before


def test_notes_of_programs_and_removed_messages_are_passed_over(mbox: Path) -> None:
    mbox.write_bytes(
        FROM
        + b"Subject: DON'T DELETE THIS MESSAGE\nX-IMAP: 1 2\n\nnotes\n\n"
        + FROM
        + b"X-Mozilla-Status: 0009\nSubject: removed\n\nx\n\n"
        + FROM
        + b"Subject: 1\nX-IMAPbase: 1 2\n\nkept\n"
    )
    assert contents(mbox) == [b"Subject: 1\r\n\r\nkept\r\n"]


def test_too_large_and_empty_ones_are_named_by_number(mbox: Path) -> None:
    mbox.write_bytes(
        FROM + b"\n\n" + FROM + b"Subject: 2\n\n" + b"x" * 3 * LIMIT + b"\n\n" + FROM + b"Subject: 3\n\nx\n"
    )
    one, two, three = all_of(mbox)
    assert (one, two) == (Bad(1, Why.EMPTY), Bad(2, Why.TOO_LARGE))
    assert isinstance(three, Letter)


def test_folders_of_thunderbird_and_apple(tmp_path: Path) -> None:
    content = FROM + b"Subject: 1\n\nbody\n"
    for name in ("Inbox", "Work.sbd/2026", "Letters.mbox/mbox", "Old.mbox", "Inbox.msf", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if name != "notes.txt" else b"From here to there\n")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "Inbox")
    levels = {folder.levels for folder in MboxSource(tmp_path, limit=LIMIT).folders()}
    assert levels == {("INBOX",), ("Work", "2026"), ("Letters",), ("Old",)}


def test_what_is_no_mbox_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceProblem, match="there is no"):
        MboxSource(tmp_path / "nothing", limit=LIMIT)
    (tmp_path / "file").write_bytes(b"Subject: x\n\nx\n")
    with pytest.raises(SourceProblem, match="no mbox file"):
        MboxSource(tmp_path / "file", limit=LIMIT).folders()


@given(
    st.lists(st.sampled_from([FROM, b"\n", b"\r\n", b"Subject: x\n", b">From me\n", b"From you\n", b"x", b"\0\xff"]))
)
def test_whatever_the_file_holds_listing_and_reading_agree(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("mbox") / "file"
    path.write_bytes(FROM + b"".join(parts))
    source = MboxSource(path, limit=LIMIT)
    (folder,) = source.folders()
    listed = source.listed(folder)
    found = list(source.letters(folder, [each.number for each in listed]))
    assert [each.number for each in listed] == [each.number for each in found] == list(range(1, len(listed) + 1))
