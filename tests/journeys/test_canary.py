"""The canary scan: unique strings are planted in everything private, every path is driven, then the disk is searched.

Planted: envelope sender and its domain, HELO name, client address, display names, subject, Message-ID, body,
attachment name and content, words searched for, wrong and right passwords, the recovery phrase. Driven: receive
(small, large, refused, broken, unknown recipient), read, search, append, copy, expunge, wrong login, sealed access,
kill -9 in the middle. Searched: database, write-ahead log, blobs, keys, logs, everything else below the home, and
what appeared in temporary folders meanwhile, in each form that `tests.canaries` knows.
"""

from __future__ import annotations

import imaplib
import os
import secrets
import signal
import smtplib
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests import canaries
from tests.journeys.house import House, prepared
from tests.journeys.test_kill import _unverified

# Like the passwords, another one each time: beside this journey others write into the temporary folder.
CLIENT = ".".join(["127", *(str(100 + secrets.randbelow(150)) for _ in range(3))])


THINGS = (
    "sender",
    "domain",
    "helo",
    "display",
    "subject",
    "messageid",
    "body",
    "attachment-name",
    "attachment",
    "searched",
    "appended",
    "draft-subject",
    "wrong-password",
    "unknown-recipient",
    "broken",
    "large",
)


def _mail(marks: dict[str, str], body: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"{marks['display']} <{marks['sender']}@{marks['domain']}.test>"
    message["To"] = "ada@example.is"
    message["Subject"] = f"about {marks['subject']}"
    message["Message-ID"] = f"<{marks['messageid']}@{marks['domain']}.test>"
    message.set_content(body)
    message.add_attachment(marks["attachment"].encode(), "text", "plain", filename=f"{marks['attachment-name']}.txt")
    return message


def _drive_smtp(cell: House, marks: dict[str, str]) -> None:
    sender = f"{marks['sender']}@{marks['domain']}.test"
    with smtplib.SMTP(
        "127.0.0.1", cell.ports["MX"], local_hostname=f"{marks['helo']}.test", source_address=(CLIENT, 0), timeout=60
    ) as client:
        client.send_message(_mail(marks, marks["body"]), sender, ["ada@example.is"])
        client.starttls(context=_unverified())
        client.send_message(_mail(marks, f"{marks['large']} \n" * 20_000), sender, ["ada@example.is"])
        with suppress(smtplib.SMTPException):
            client.sendmail(sender, [f"{marks['unknown-recipient']}@example.is"], "x")
        client.docmd("MAIL", f"FROM:<{marks['broken']}@")
        client.docmd("RCPT", f"TO:<{marks['broken']}>")
        client.docmd(marks["broken"])
        with suppress(smtplib.SMTPException):
            # A bare LF in the content: refused after it was read.
            client.mail(sender)
            client.rcpt("ada@example.is")
            client.docmd("DATA")
            client.send(f"Subject: {marks['broken']}\nx\r\n.\r\n".encode())
            client.getreply()


def _drive_imap(cell: House, marks: dict[str, str], password: str) -> None:
    with imaplib.IMAP4_SSL("127.0.0.1", cell.ports["IMAPS"], ssl_context=_unverified()) as client:
        with suppress(imaplib.IMAP4.error):
            client.login("ada@example.is", marks["wrong-password"])
        client.login("ada@example.is", password)
        client.select("INBOX")
        assert marks["body"] in str(client.fetch("1", "(BODY.PEEK[])")[1])
        client.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")
        client.search(None, "TEXT", marks["searched"])
        client.search(None, "SUBJECT", marks["subject"])
        client.append("Drafts", "", "", f"Subject: {marks['draft-subject']}\r\n\r\n{marks['appended']}\r\n".encode())
        client.copy("1", "Archive")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()


@pytest.mark.journey
@pytest.mark.slow
def test_nothing_private_rests_anywhere_in_clear() -> None:
    marks, before = canaries.planted(THINGS), canaries.temporary()
    with prepared(SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1", SKERRY_LOG_LEVEL="debug") as cell:
        cell.password = "canary " + secrets.token_hex(16)
        ada = cell.people("example", "example.is", ["ada"])["ada"]
        session = cell.app_password("ada@example.is", "session")
        sealed = cell.app_password("ada@example.is", "sealed")
        cell.start()
        _drive_smtp(cell, marks)
        _drive_imap(cell, marks, session)
        _drive_imap_sealed(cell, sealed)
        for pid, line in cell.children().items():
            if "smtpd" in line or "imapd" in line:
                os.kill(pid, signal.SIGKILL)
        cell.wait_until_served()
        _drive_smtp(cell, marks)
        secrets_ = {"account password": cell.password, "recovery phrase": ada["recovery_phrase"]}
        secrets_ |= {"session": session, "sealed": sealed, "bare": session.replace("-", ""), "client": CLIENT}
        cell.stop()
        assert list(canaries.found(left_by(cell, before), marks | secrets_)) == []
        assert_the_scan_can_fail(cell)


def _drive_imap_sealed(cell: House, password: str) -> None:
    with imaplib.IMAP4_SSL("127.0.0.1", cell.ports["IMAPS"], ssl_context=_unverified()) as client:
        client.login("ada@example.is", password)
        client.select("INBOX")
        client.fetch("1:*", "(BODY.PEEK[])")


def left_by(cell: House, before: set[str]) -> list[Path]:
    """What a cell has left: below its house, where its temporary folder is too, and in the machine's."""
    assert cell.temporary.is_relative_to(cell.home.parent)
    return [*canaries.files(cell.home.parent), *canaries.appeared(before)]


def assert_the_scan_can_fail(cell: House) -> None:
    """The owner's address is labelled clear, so the same scan must find it."""
    database = [path for path in canaries.files(cell.home) if path.name.startswith("cell.sqlite3")]
    assert list(canaries.found(database, {"address": "ada@example.is"}))
