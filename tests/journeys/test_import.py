"""Moving house: mail from another host and from files, with the real command, a real Dovecot and a SIGKILL."""

from __future__ import annotations

import imaplib
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests import canaries
from tests.journeys.house import PASSWORD, ROOT, House, prepared
from tests.patience import PATIENCE, eventually
from tests.servers import dovecot
from tests.servers.presence import need

pytestmark = [pytest.mark.journey, pytest.mark.slow]
ADA = "ada@example.is"
MARK = "herring-barrel"  # in every message, and so nowhere on the disk
WHEN = datetime(2019, 5, 6, 7, 8, 9, tzinfo=UTC)
FROM = "From ben@example.net Mon May  6 07:08:09 2019\n"


def mail(number: int, text: str = "") -> bytes:
    return f"From: Ben <ben@example.net>\r\nSubject: {MARK} {number}\r\n\r\nThis is {MARK} {number}.\r\n{text}".encode()


@pytest.fixture(scope="module")
def serving() -> Iterator[House]:
    with prepared(SKERRY_IMAP_CLEAR_ON_LOOPBACK="true", SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1") as cell:
        cell.people("example", "example.is", ["ada", "ben", "mo"])
        cell.start()
        yield cell


@pytest.fixture(scope="module")
def other_host() -> Iterator[dovecot.Dovecot]:
    need("dovecot")
    with dovecot.dovecot() as running:
        yield running


@contextmanager
def look(cell: House, address: str, password: str = PASSWORD) -> Iterator[imaplib.IMAP4]:
    words = ("app-password", "add", address, "--access", "session", "--password-stdin")
    with imaplib.IMAP4("127.0.0.1", cell.ports["IMAP"], timeout=PATIENCE) as client:
        client.login(address, cell.skerry(*words, answer=password + "\n")["password"])
        yield client


def messages(client: imaplib.IMAP4, folder: str) -> list[tuple[str, bytes]]:
    """(what stands before the body, body) of each message of a folder, by UID."""
    status, _data = client.select(f'"{folder}"', readonly=True)
    assert status == "OK", folder
    _status, data = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
    return [(part[0].decode(), part[1]) for part in data if isinstance(part, tuple)]


def on_disk(cell: House, text: str) -> list[Path]:
    """Files of the cell that hold a text in clear."""
    return [path for path in canaries.files(cell.home) if canaries.holds(path, text.encode())]


def bring(cell: House, *words: object, typed: str | None = None, fails: bool = False) -> Any:
    return cell.skerry("import", *map(str, words), answer=typed, fails=fails)


@pytest.fixture(scope="module")
def filled(other_host: dovecot.Dovecot) -> Iterator[imaplib.IMAP4]:
    tls = ssl.create_default_context(cafile=str(other_host.authority))
    with imaplib.IMAP4_SSL("localhost", other_host.tls_port, ssl_context=tls, timeout=PATIENCE) as client:
        client.authenticate("PLAIN", lambda _asked: f"\0{dovecot.USER}\0{dovecot.PASSWORD}".encode())
        client.create("INBOX.Work.2026")
        client.create('"INBOX.&AMk-t&AOk-"')
        date = f'"{WHEN:%d-%b-%Y %H:%M:%S} +0000"'
        for number in range(1, 201):
            client.append("INBOX", "(\\Seen $Work)" if number == 1 else "", date, mail(number))
        client.append("INBOX.Work.2026", "(\\Flagged \\Answered)", "", mail(301, "x" * 300_000))
        client.append('"INBOX.&AMk-t&AOk-"', "", "", mail(302))
        client.append('"INBOX.Gesendete Dinge"', "(\\Seen)", "", mail(303))
        yield client


class TestDovecot:
    def words(self, other: dovecot.Dovecot, *more: str) -> tuple[object, ...]:
        return (
            "imap",
            ADA,
            "localhost",
            "--user",
            dovecot.USER,
            "--ca-file",
            other.authority,
            "--password-stdin",
            *more,
        )

    def test_folders_flags_and_dates_arrive_once(
        self, serving: House, other_host: dovecot.Dovecot, filled: imaplib.IMAP4
    ) -> None:
        words = (*self.words(other_host), "--port", other_host.tls_port)
        typed = dovecot.PASSWORD + "\n"
        tried = bring(serving, *words, "--dry-run", typed=typed)
        assert (tried["found"], tried["brought"], tried["dry_run"]) == (203, 0, True)
        first = bring(serving, *words, typed=typed)
        assert (first["folders"], first["found"], first["brought"], first["already_here"]) == (4, 203, 203, 0)
        assert first["bad"] == []
        with look(serving, ADA) as client:
            inbox, work, sent, summer = (
                messages(client, name) for name in ("INBOX", "Work/2026", "Sent", "&AMk-t&AOk-")
            )
        assert [body for _about, body in inbox] == [mail(number) for number in range(1, 201)]
        assert "\\Seen" in inbox[0][0]
        assert "$Work" in inbox[0][0]
        assert 'INTERNALDATE "06-May-2019 07:08:09 +0000"' in inbox[0][0]
        ((about, body),) = work
        assert "\\Flagged" in about
        assert "\\Answered" in about
        assert body == mail(301, "x" * 300_000)
        assert [body for _about, body in sent] == [mail(303)]
        assert [body for _about, body in summer] == [mail(302)]
        # Nothing there was changed, not even \Seen.
        filled.select("INBOX", readonly=True)
        assert len(filled.search(None, "UNSEEN")[1][0].split()) == 199
        again = bring(serving, *words, typed=typed)
        assert (again["found"], again["brought"], again["already_here"]) == (203, 0, 203)
        filled.append("INBOX", "", "", mail(304))
        # Over STARTTLS: the same host, so the same messages.
        more = bring(serving, *self.words(other_host, "--starttls"), "--port", other_host.port, typed=typed)
        assert (more["brought"], more["already_here"]) == (1, 203)
        assert on_disk(serving, MARK) == []

    def test_what_is_wrong_is_said(self, serving: House, other_host: dovecot.Dovecot, filled: imaplib.IMAP4) -> None:
        port = ("--port", other_host.tls_port)
        refused = bring(serving, *self.words(other_host), *port, typed="wrong\n", fails=True)
        assert refused["error"] == "localhost refuses this user name or password"
        untrusted = ("imap", ADA, "localhost", "--user", dovecot.USER, "--password-stdin", *port)
        assert "--ca-file" in bring(serving, *untrusted, typed="x\n", fails=True)["error"]
        folder = bring(
            serving, *self.words(other_host, "--folder", "Nowhere"), *port, typed=dovecot.PASSWORD + "\n", fails=True
        )
        assert "no folder Nowhere" in folder["error"]
        nobody = bring(
            serving, "imap", ADA, "localhost", "--port", 1, "--user", "ben", "--password-stdin", typed="x\n", fails=True
        )
        assert "localhost" in nobody["error"]

    def test_without_tls_on_this_machine_only(
        self, serving: House, other_host: dovecot.Dovecot, filled: imaplib.IMAP4
    ) -> None:
        words = (*self.words(other_host, "--insecure-loopback"), "--port", other_host.port, "--folder", "INBOX")
        tried = bring(serving, *words, "--dry-run", typed=dovecot.PASSWORD + "\n")
        assert tried["folders"] == 1


def test_an_import_that_is_killed_goes_on_where_it_was(serving: House, tmp_path: Path) -> None:
    count = 4000
    path = tmp_path / "Letters"
    path.write_bytes(
        b"".join(FROM.encode() + mail(number, "x" * 2000).replace(b"\r\n", b"\n") + b"\n\n" for number in range(count))
    )
    command = [str(Path(sys.executable).with_name("skerry")), "import", "mbox", "ben@example.is", str(path), "--json"]

    def stored() -> int:
        with closing(sqlite3.connect(f"file:{serving.home / 'is-1' / 'cell.sqlite3'}?mode=ro", uri=True)) as database:
            statement = (
                "SELECT COUNT(*) FROM mailhost_sealedmessage s JOIN mailhost_mailbox b ON b.id = s.mailbox_id"
                " WHERE b.address = 'ben@example.is'"
            )
            return int(database.execute(statement).fetchone()[0])

    kills = 0
    for _attempt in range(3):
        with subprocess.Popen(command, cwd=ROOT, env=serving.environment, stdout=subprocess.DEVNULL) as process:
            before = stored()
            eventually(lambda: stored() >= before + 300 or process.poll() is not None)  # noqa: B023 - asked here only
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
    assert kills > 0
    report = bring(serving, "mbox", "ben@example.is", path)
    assert report["found"] == report["brought"] + report["already_here"] == count
    assert report["already_here"] > 0
    with look(serving, "ben@example.is") as client:
        bodies = [body for _about, body in messages(client, "Letters")]
    assert sorted(int(body.split(b"Subject: ")[1].split()[1]) for body in bodies) == list(range(count))
    assert serving.manage("verify").returncode == 0
    assert on_disk(serving, MARK) == []


def test_a_full_mailbox_says_so_and_goes_on_when_there_is_room(serving: House, tmp_path: Path) -> None:
    serving.skerry(
        "mailbox", "add", "cleo@example.is", "--quota", str(1 << 20), "--password-stdin", answer="kelp, tide and gull\n"
    )
    for number in range(60):
        # Random text, which no compression makes small.
        (tmp_path / f"{number}.eml").write_bytes(mail(number, os.urandom(20_000).hex()))
    full = bring(serving, "eml", "cleo@example.is", tmp_path, fails=True)
    assert "full" in full["error"]
    assert 0 < full["brought"] < 60
    with look(serving, "cleo@example.is", "kelp, tide and gull") as client:
        client.select("INBOX")
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()
    more = bring(serving, "eml", "cleo@example.is", tmp_path)
    assert more["already_here"] == full["brought"]
    assert more["brought"] == 60 - full["brought"]


def test_a_maildir_and_the_text_for_people(serving: House, tmp_path: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (tmp_path / ".Trash" / part).mkdir(parents=True)
    (tmp_path / ".Trash" / "cur" / "1.a:2,S").write_bytes(mail(1))
    (tmp_path / ".Trash" / "cur" / "2.b:2,").write_bytes(b"")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("skerry")), "import", "maildir", "mo@example.is", str(tmp_path)],
        cwd=ROOT,
        env=serving.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "brought 1 of 2 messages in 1 folders into mo@example.is" in done.stdout
    assert "not brought: Trash 2: empty" in done.stdout
    with look(serving, "mo@example.is") as client:
        ((about, body),) = messages(client, "Trash")
    assert "\\Seen" in about
    assert body == mail(1)
    assert bring(serving, "maildir", "mo@example.is", tmp_path, fails=True)["already_here"] == 1
