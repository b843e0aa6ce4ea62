"""Maildirs with their flags, and folders of single messages."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailhost.adapters.sources.eml import EmlSource
from mailhost.adapters.sources.maildir import MaildirSource
from mailhost.importing.source import Bad, Letter, Source, SourceProblem, Why

MAIL = b"Subject: tide table\n\nhigh water 14:05\n"
LIMIT = 1000


def brought(source: Source) -> dict[str, list[Letter | Bad]]:
    return {
        folder.name: list(source.letters(folder, [each.number for each in source.listed(folder)]))
        for folder in source.folders()
    }


def put(path: Path, content: bytes = MAIL, when: float = 1_600_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (when, when))
    return path


def maildir(path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True, exist_ok=True)
    return path


def test_flags_keywords_and_date_of_a_maildir(tmp_path: Path) -> None:
    maildir(tmp_path)
    put(tmp_path / "cur" / "1600000000.a.host:2,FRSab")
    put(tmp_path / "cur" / "1600000001.b.host:2,DPT")
    put(tmp_path / "new" / "1600000002.c.host")
    put(tmp_path / "tmp" / "1600000003.d.host")
    (tmp_path / "dovecot-keywords").write_text("0 $Work\nnonsense\n1 bad(word\n")
    (letters,) = brought(MaildirSource(tmp_path, limit=LIMIT)).values()
    messages = [one.message for one in letters if isinstance(one, Letter)]
    assert [message.flags for message in messages] == [
        ("\\Flagged", "\\Answered", "\\Seen", "$Work"),
        ("\\Draft", "$Forwarded", "\\Deleted"),
        (),
    ]
    assert messages[0].content == MAIL.replace(b"\n", b"\r\n")
    assert messages[0].internaldate == datetime.fromtimestamp(1_600_000_000, UTC)


def test_folders_of_both_layouts(tmp_path: Path) -> None:
    for name in ("", ".Sent", ".Work.2026", ".&AMk-t&AOk-", "Verbatim/Below"):
        put(maildir(tmp_path / name) / "cur" / "1.x:2,")
    (tmp_path / "Empty").mkdir()
    levels = {folder.levels for folder in MaildirSource(tmp_path, limit=LIMIT).folders()}
    assert levels == {("INBOX",), ("Sent",), ("Work", "2026"), ("Été",), ("Verbatim", "Below")}


def test_a_message_that_is_flagged_or_read_is_still_the_same(tmp_path: Path) -> None:
    def identities() -> list[bytes]:
        source = MaildirSource(tmp_path, limit=LIMIT)
        (folder,) = source.folders()
        return [each.identity for each in source.listed(folder)]

    path = put(maildir(tmp_path) / "new" / "1.x")
    before = identities()
    path.rename(tmp_path / "cur" / "1.x:2,FS")
    assert identities() == before


def test_what_cannot_be_read_is_named_by_number(tmp_path: Path) -> None:
    maildir(tmp_path)
    secret = put(tmp_path / "elsewhere" / "secret", b"not for the owner of this Maildir")
    put(tmp_path / "cur" / "1.a:2,", b"")
    put(tmp_path / "cur" / "2.b:2,", b"x" * (LIMIT + 1))
    (tmp_path / "cur" / "3.c:2,").symlink_to(secret)
    os.mkfifo(tmp_path / "cur" / "4.d:2,")
    put(tmp_path / "cur" / "5.e:2,")
    (letters,) = brought(MaildirSource(tmp_path, limit=LIMIT)).values()
    assert letters[:4] == [
        Bad(1, Why.EMPTY),
        Bad(2, Why.TOO_LARGE),
        Bad(3, Why.UNREADABLE),
        Bad(4, Why.UNREADABLE),
    ]
    assert isinstance(letters[4], Letter)


def test_a_message_that_goes_while_it_is_read(tmp_path: Path) -> None:
    path = put(maildir(tmp_path) / "cur" / "1.a:2,")
    source = MaildirSource(tmp_path, limit=LIMIT)
    (folder,) = source.folders()
    source.listed(folder)
    path.unlink()
    assert list(source.letters(folder, [1])) == [Bad(1, Why.GONE)]


def test_what_is_no_maildir_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceProblem, match="no Maildir"):
        MaildirSource(tmp_path, limit=LIMIT).folders()


def test_single_messages_go_to_folders_of_their_folders(tmp_path: Path) -> None:
    put(tmp_path / "a.eml")
    put(tmp_path / "Work" / "2026" / "b.EML", b"Date: Mon, 2 Jan 2023 03:04:05 +0100\n\nx\n")
    put(tmp_path / "Work" / "c.txt")
    put(
        tmp_path / "Relayed" / "d.eml",
        b"Received: from x by y;\n Tue, 3 Jan 2023 03:04:05 +0000\nDate: Mon, 2 Jan 2023 03:04:05 +0100\n\nx\n",
    )
    found = {
        name: one.message
        for name, (one,) in brought(EmlSource(tmp_path, limit=LIMIT)).items()
        if isinstance(one, Letter)
    }
    assert {name: message.internaldate for name, message in found.items()} == {
        "INBOX": datetime.fromtimestamp(1_600_000_000, UTC),
        "Work/2026": datetime(2023, 1, 2, 2, 4, 5, tzinfo=UTC),
        "Relayed": datetime(2023, 1, 3, 3, 4, 5, tzinfo=UTC),
    }


def test_our_own_export_comes_back_with_flags_and_names(tmp_path: Path) -> None:
    (tmp_path / "mailbox.json").write_text("{}")
    put(tmp_path / "Ask%3F" / "00000001-ab.eml")
    put(tmp_path / "Ask%3F" / "00000001-ab.eml.age", b"age")
    index = {"file": "00000001-ab.eml.age", "uid": 1, "flags": ["\\Seen", "$Work", "bad(word", "\\Strange"]}
    (tmp_path / "Ask%3F" / "index.jsonl").write_text(json.dumps(index) + "\n[1]\nnonsense\n")
    found = brought(EmlSource(tmp_path, limit=LIMIT))
    (one,) = found["Ask?"]
    assert isinstance(one, Letter)
    assert one.message.flags == ("\\Seen", "$Work")
