"""Submission to delivery with real programs: what stays, what leaves, what comes back, and a kill in between."""

from __future__ import annotations

import imaplib
import os
import signal
import smtplib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage

import pytest

from tests.journeys.house import House, prepared
from tests.journeys.otherhost import OtherHost, other_host
from tests.journeys.test_kill import _unverified
from tests.patience import eventually
from tests.servers.ports import free_port

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def mail(subject: str = "Tides", **fields: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"From": "Ada <ada@example.is>", "To": "cleo@other.test", "Subject": subject, **fields}.items():
        made[name.replace("_", "-")] = value
    made.set_content(f"High at noon. {subject}\n")
    return made


def submit(
    cell: House, password: str, message: EmailMessage, *to: str, implicit: bool = False, sender: str = "ada@example.is"
) -> None:
    if implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            "127.0.0.1",
            cell.ports["SUBMISSIONS"],
            local_hostname="laptop.secret.test",
            context=_unverified(),
            timeout=60,
        )
    else:
        client = smtplib.SMTP("127.0.0.1", cell.ports["SUBMISSION"], local_hostname="laptop.secret.test", timeout=60)
        client.starttls(context=_unverified())
    with client:
        client.login("ada@example.is", password)
        client.send_message(message, sender, list(to))


def texts(cell: House, address: str, password: str, folder: str = "INBOX") -> list[bytes]:
    with imaplib.IMAP4_SSL("127.0.0.1", cell.ports["IMAPS"], ssl_context=_unverified()) as client:
        client.login(address, password)
        client.select(folder)
        _, data = client.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in data if isinstance(part, tuple)]


def wait_for_texts(cell: House, address: str, password: str, count: int) -> list[bytes]:
    def found() -> list[bytes]:
        now = texts(cell, address, password)
        return now if len(now) >= count else []

    return eventually(found, lambda: f"no {count} messages in {address}: {cell.log[-2000:]}")


def wait_for_an_empty_queue(cell: House) -> None:
    """What has arrived is taken out of the queue a moment later; what was on its way in a kill comes once more."""
    eventually(lambda: not cell.skerry("queue", "list"), lambda: cell.skerry("queue", "list"))


def populated(cell: House) -> tuple[str, str]:
    cell.people("example", "example.is", ["ada", "ben"])
    return cell.app_password("ada@example.is", "session"), cell.app_password("ben@example.is", "session")


@dataclass(frozen=True, slots=True)
class Post:
    """A serving cell that sends by another host, and the app passwords of its people."""

    cell: House
    other: OtherHost
    ada: str
    ben: str


@pytest.fixture(scope="module")
def running() -> Iterator[Post]:
    with other_host() as other, prepared(SKERRY_SMARTHOST=f"127.0.0.1:{other.port}") as cell:
        ada, ben = populated(cell)
        cell.start()
        yield Post(cell, other, ada, ben)


@pytest.fixture
def post(running: Post) -> Post:
    """With a host that takes everything and to which nothing came yet."""
    running.other.refuse, running.other.slow = lambda _recipient: "", 0.0
    running.other.arrived.clear()
    return running


def test_a_message_reaches_here_and_elsewhere_and_says_nothing_about_its_author(post: Post) -> None:
    cell, other, ada = post.cell, post.other, post.ada
    message = mail(Bcc="ben@example.is", User_Agent="Secret/1.0", X_Originating_IP="[192.0.2.77]")
    del message["Date"], message["Message-ID"]
    client = smtplib.SMTP("127.0.0.1", cell.ports["SUBMISSION"], local_hostname="laptop.secret.test", timeout=60)
    with client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        with pytest.raises(smtplib.SMTPException):
            client.login("ada@example.is", ada)
        client.starttls(context=_unverified())
        client.login("ada@example.is", ada)
        client.sendmail("ada@example.is", ["cleo@other.test", "ben@example.is"], message.as_bytes(policy=policy.SMTP))
    submit(cell, ada, mail("again"), "cleo@other.test", implicit=True)
    other.wait_for(2)
    [there] = [one.content for one in other.arrived if b"Tides" in one.content]
    [here] = wait_for_texts(cell, "ben@example.is", post.ben, 1)
    for text in (there, here):
        assert b"Message-ID: <" in text
        assert b"Date: " in text
        assert b"Received: from example.is by localhost with ESMTPSA" in text.replace(b"\r\n\t", b" ")
        for secret in (b"127.0.0.1", b"laptop", b"Secret/1.0", b"192.0.2.77", b"Bcc", b"X-Originating"):
            assert secret not in text, secret
    assert other.arrived[0].sender == "ada@example.is"
    assert [one.recipients for one in other.arrived] == [["cleo@other.test"]] * 2
    wait_for_an_empty_queue(cell)


def test_what_a_login_may_not_do_is_refused(post: Post) -> None:
    cell, ada = post.cell, post.ada
    cell.skerry("alias", "add", "sales@example.is", "ada@example.is")
    for sender in ("ada@example.is", "ada+bills@example.is", "sales@example.is"):
        submit(cell, ada, mail(From=sender), "cleo@other.test", sender=sender)
    for sender in ("ben@example.is", "ada@other.test", "nobody@example.is"):
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            submit(cell, ada, mail(), "cleo@other.test", sender=sender)
        assert refused.value.smtp_code == 553
    with pytest.raises(smtplib.SMTPDataError, match="From"):
        submit(cell, ada, mail(From="ben@example.is"), "cleo@other.test")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        submit(cell, "wrong-password", mail(), "cleo@other.test")
    with smtplib.SMTP("127.0.0.1", cell.ports["MX"], timeout=60) as mx:
        assert mx.docmd("AUTH", "PLAIN AGE=")[0] == 502
    post.other.wait_for(3)


def test_a_refusal_comes_back_as_a_notice_without_the_body(post: Post) -> None:
    cell, other, ada = post.cell, post.other, post.ada
    other.refuse = lambda recipient: "550 5.1.1 No such user" if recipient.startswith("gone") else ""
    submit(cell, ada, mail("Partly"), "cleo@other.test", "gone@other.test")
    other.wait_for(1)
    [notice] = wait_for_texts(cell, "ada@example.is", ada, 1)
    for expected in (
        b"Return-Path: <>",
        b"Action: failed",
        b"Status: 5.1.1",
        b"gone@other.test",
        b"Subject: Partly",
    ):
        assert expected in notice
    assert b"cleo@other.test\r\n    " not in notice
    assert b"High at noon" not in notice


def test_a_host_that_is_away_gets_its_mail_later_and_the_queue_says_why() -> None:
    port = free_port()
    with prepared(SKERRY_SMARTHOST=f"127.0.0.1:{port}") as cell:
        ada, _ben = populated(cell)
        cell.start()
        submit(cell, ada, mail("Patience"), "cleo@other.test")
        rows = eventually(lambda: [row for row in cell.skerry("queue", "list") if row["reason"]])
        assert rows[0]["reason"] == "refused"
        assert rows[0]["state"] == "waiting"
        assert rows[0]["sender"] == "ada@example.is"
        assert "cleo" not in str(rows)
        assert cell.skerry("queue", "show", str(rows[0]["id"]))["destination"] == "other.test"
        with other_host(port) as other:
            cell.skerry("queue", "retry", str(rows[0]["id"]))
            other.wait_for(1)
            wait_for_an_empty_queue(cell)
        submit(cell, ada, mail("Dropped"), "cleo@other.test")
        [row] = cell.skerry("queue", "list")
        cell.skerry("queue", "drop", str(row["id"]), "--yes")
        assert cell.skerry("queue", "list") == []


def kill_dispatchd(cell: House) -> None:
    for pid, line in cell.children().items():
        if "dispatchd" in line:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_nothing_is_lost_when_dispatch_is_killed_and_little_is_sent_twice(post: Post) -> None:
    kills, messages = 5, 60
    cell, other, ada = post.cell, post.other, post.ada
    other.slow = 0.02
    for number in range(messages):
        submit(cell, ada, mail(f"number {number};"), "cleo@other.test")
        if number % (messages // kills) == 5:
            kill_dispatchd(cell)
    wanted = {f"number {number};".encode() for number in range(messages)}
    eventually(lambda: wanted <= _seen(other), lambda: f"{len(_seen(other) & wanted)} of {messages}")
    wait_for_an_empty_queue(cell)
    # Four connections to a destination may each have had a message in flight.
    assert len(other.arrived) <= messages + 4 * kills


def _seen(other: OtherHost) -> set[bytes]:
    return {
        line.removeprefix(b"Subject: ")
        for one in list(other.arrived)
        for line in one.content.splitlines()
        if line.startswith(b"Subject: ")
    }
