"""Bad days: a full disk, a database that is locked or gone, senders that stop half-way, damaged blobs.

Each ends in an answer that tells the sender to come back, loses nothing that was acknowledged, and is over by itself
when the cause is.
"""

from __future__ import annotations

import imaplib
import smtplib
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.journeys.house import House, prepared
from tests.journeys.test_kill import _unverified
from tests.patience import PATIENCE, eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]
ADA = "ada@example.is"


def deliver(cell: House, text: str, to: str = ADA) -> tuple[int, bytes]:
    """Deliver one message; the reply to its content (or to the command that was refused)."""
    with smtplib.SMTP("127.0.0.1", cell.ports["MX"], local_hostname="sender.test", timeout=60) as client:
        try:
            refused = client.sendmail("ben@example.net", [to], text)
        except smtplib.SMTPResponseException as error:
            raw = error.smtp_error
            return error.smtp_code, raw if isinstance(raw, bytes) else raw.encode()
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients[to]
        assert refused == {}
        return 250, b""


def mails(cell: House, password: str) -> list[bytes]:
    """Every message of Ada's inbox, whole."""
    with imaplib.IMAP4_SSL("127.0.0.1", cell.ports["IMAPS"], ssl_context=_unverified()) as client:
        client.login(ADA, password)
        client.select("INBOX")
        if client.search(None, "ALL")[1] == [b""]:
            return []
        return [part[1] for part in client.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]


@contextmanager
def small_disk(octets: int) -> Iterator[Path]:
    """A file system of its own of that size; skipped where this user may not mount one."""
    with tempfile.TemporaryDirectory(prefix="skerry-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={octets}", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("mounting a small disk needs root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def ada_at_home(cell: House) -> Iterator[str]:
    """A serving cell with Ada in it; her session app password."""
    cell.people("example", "example.is", ["ada"])
    password = cell.app_password(ADA, "session")
    cell.start()
    # The doors open before the last program serves; one that finds its disk full before that is a cell that cannot start.
    eventually(lambda: "is serving." in cell.log, lambda: cell.log)
    yield password


def test_a_full_disk_is_452_and_is_over_when_there_is_room_again() -> None:
    with small_disk(24 << 20) as disk:
        cell = House(disk / "home", {"SKERRY_SMTPD_WORKERS": "1", "SKERRY_IMAPD_WORKERS": "1"}, loaded=True)
        try:
            assert cell.manage("prepare").returncode == 0
            with ada_at_home(cell) as password:
                assert deliver(cell, "Subject: before\r\n\r\nx\r\n") == (250, b"")
                filler = disk / "filler"
                with suppress(OSError), filler.open("wb") as file:
                    while True:
                        file.write(bytes(65536))
                        file.flush()
                noise = "".join(f"{number:x}{number * 7919:x}\r\n" for number in range(60_000))
                code, text = deliver(cell, f"Subject: large\r\n\r\n{noise}")
                assert (code, text[:5]) == (452, b"4.3.1")
                answers = [deliver(cell, f"Subject: small\r\n\r\n{noise[:20_000]}") for _ in range(40)]
                assert (452, b"4.3.1") in {(code, text[:5]) for code, text in answers}
                filler.unlink()
                assert deliver(cell, "Subject: after\r\n\r\nx\r\n") == (250, b"")
                subjects = [mail.split(b"Subject: ")[1].split(b"\r\n")[0] for mail in mails(cell, password)]
                assert subjects[0] == b"before"
                assert subjects[-1] == b"after"
                assert subjects.count(b"small") == [code for code, _ in answers].count(250)
            cell.stop()
            checked = cell.manage("verify")
            assert checked.returncode == 0, checked.stdout
        finally:
            cell.stop()


def test_a_locked_database_is_451_and_mail_flows_again_afterwards() -> None:
    with (
        prepared(SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1", SKERRY_DATABASE_PATIENCE="1") as cell,
        ada_at_home(cell) as password,
    ):
        # A second of patience is little where the worker writes as well: whoever is put off comes back.
        eventually(lambda: deliver(cell, "Subject: before\r\n\r\nx\r\n") == (250, b""))
        other = sqlite3.connect(cell.home / "is-1" / "cell.sqlite3", isolation_level=None, timeout=PATIENCE)
        other.execute("BEGIN IMMEDIATE")
        code, text = deliver(cell, "Subject: locked\r\n\r\nx\r\n")
        assert (code, text[:5]) == (451, b"4.3.0")
        other.execute("ROLLBACK")
        other.close()
        eventually(lambda: deliver(cell, "Subject: after\r\n\r\nx\r\n") == (250, b""))
        assert len(mails(cell, password)) == 2


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[House, str]]:
    """A cell, and Ada's app password. Of its one smtpd everybody knows what it has heard."""
    with prepared(SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1") as cell, ada_at_home(cell) as password:
        yield cell, password


def lost_answers(cell: House) -> int:
    with closing(sqlite3.connect(f"file:{cell.home / 'is-1' / 'cell.sqlite3'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT COUNT(*) FROM mailhost_lostanswer").fetchone()[0])


def test_a_sender_that_closes_its_side_after_the_dot_leaves_one_copy_for_its_retry(serving: tuple[House, str]) -> None:
    cell, password = serving
    before = len(mails(cell, password))
    letter = b"Subject: once\r\nMessage-ID: <once@example.net>\r\n\r\nonly once\r\n"
    dialogue = b"EHLO sender.test\r\nMAIL FROM:<ben@example.net>\r\nRCPT TO:<" + ADA.encode() + b">\r\nDATA\r\n"
    with socket.create_connection(("127.0.0.1", cell.ports["MX"]), timeout=60) as client:
        client.recv(512)
        client.sendall(dialogue)
        said = b""
        while b"354 " not in said:
            said += (more := client.recv(512))
            assert more, said
        client.sendall(letter + b".\r\n")
        # Gone without waiting: the 250 cannot be written.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    # A sender comes back after minutes; here, as soon as it is noted that the answer was lost.
    eventually(lambda: lost_answers(cell), lambda: "nothing was noted of what had come whole")
    assert len(mails(cell, password)) == before + 1
    assert deliver(cell, letter.decode()) == (250, b"")
    assert len(mails(cell, password)) == before + 1
    # The same letter sent once more on purpose is a new letter.
    assert deliver(cell, letter.decode()) == (250, b"")
    assert len(mails(cell, password)) == before + 2


def test_a_message_of_a_hundred_mebibytes_is_refused_at_mail_and_in_the_stream(serving: tuple[House, str]) -> None:
    cell, password = serving
    before = len(mails(cell, password))
    with smtplib.SMTP("127.0.0.1", cell.ports["MX"], local_hostname="sender.test", timeout=60) as client:
        client.ehlo()
        assert client.mail("ben@example.net", [f"SIZE={100 << 20}"])[0] == 552
        client.rset()
        client.mail("ben@example.net")
        client.rcpt(ADA)
        assert client.docmd("DATA")[0] == 354
        block = b"x" * 998 + b"\r\n"
        for _ in range((100 << 20) // (1000 * 1000)):
            client.send(block * 1000)
        client.send(b".\r\n")
        assert client.getreply()[0] == 552
        assert client.noop()[0] == 250
    assert len(mails(cell, password)) == before
