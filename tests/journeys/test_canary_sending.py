"""The canary scan over what is sent: whoever gets the disk learns neither who is written to nor what is written.

Planted: recipients and their domains, display names, subject, body, attachment name and content, HELO name, the mail
program, client address, what another host answers, and whom a filter names and forwards to. Driven: a delivery with its
signatures, a refusal and its notice, a message that waits in the queue, a letter that asks for an agreement to a forward
and the answer on its page, a forward and its bounce, a message and a forward that are held, one with its author's
consent, one to a reader for whom consent stands, one that stays behind a link and is opened and answered there, and a
kill -9.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import smtplib
import tempfile
from email import message_from_bytes
from email.message import EmailMessage

import httpx2
import pytest

from mailhost.seal import open_file
from mailhost.seal.link import link_keys
from mailhost.seal.password import Argon2Parameters
from tests import canaries
from tests.journeys.house import House, prepared
from tests.journeys.otherhost import OtherHost, other_host
from tests.journeys.test_canary import CLIENT, assert_the_scan_can_fail, left_by
from tests.journeys.test_jurisdiction import HOLDING
from tests.journeys.test_kill import _unverified
from tests.journeys.test_sending import texts, wait_for_texts
from tests.patience import eventually

AMERICAN = "127.0.0.2"


THINGS = (
    "recipient",
    "gone",
    "waiting",
    "held",
    "agreed",
    "trusted",
    "linked",
    "written",
    "file",
    "domain",
    "display",
    "subject",
    "body",
    "attachment-name",
    "attachment",
    "helo",
    "program",
    "answer",
    "stranger",
    "forwarded",
)


def _submit(cell: House, password: str, marks: dict[str, str], to: str, word: str = "") -> None:
    address = f"{marks[to]}@{marks['domain']}.test"
    message = EmailMessage()
    message["From"] = "Ada <ada@example.is>"
    message["To"] = f"{marks['display']} <{address}>"
    message["Subject"] = f"{word}about {marks['subject']}"
    message["User-Agent"] = marks["program"]
    message.set_content(f"{marks['body']}\n")
    message.add_attachment(marks["attachment"].encode(), "text", "plain", filename=f"{marks['attachment-name']}.txt")
    with smtplib.SMTP(
        "127.0.0.1",
        cell.ports["SUBMISSION"],
        local_hostname=f"{marks['helo']}.test",
        source_address=(CLIENT, 0),
        timeout=60,
    ) as client:
        client.starttls(context=_unverified())
        client.login("ada@example.is", password)
        client.send_message(message, "ada@example.is", [address])


def _forward(cell: House, other: OtherHost, marks: dict[str, str]) -> str:
    """A filter of Ada's that forwards a stranger's mail to an address that has agreed; what stood in the letter's link."""
    condition = {"about": "sender", "asks": "is", "value": f"{marks['stranger']}@{marks['domain']}.test"}
    action = {"does": "forward", "value": f"{marks['forwarded']}@{marks['domain']}.test"}
    rules = {"version": 1, "rules": [{"name": "on", "when": [condition], "then": [action]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(rules))
        file.flush()
        words = ("filters", "set", "ada@example.is", "--file", file.name, "--password-stdin")
        assert cell.skerry(*words, answer=cell.password + "\n")["asked"] == 1
    other.wait_for(1)
    letter = other.arrived.pop()
    assert (letter.sender.strip("<>"), letter.recipients) == ("", [action["value"]])
    token = re.findall(rb"/f/([A-Za-z0-9_-]{43})", letter.content)[0].decode()
    page = f"http://localhost:{cell.ports['WEB']}/f/{token}"
    assert "ada@example.is" in httpx2.get(page, timeout=60).text
    assert httpx2.post(page, data={"answer": "yes"}, timeout=60).status_code == 200
    return str(token)


def _arrive(cell: House, marks: dict[str, str], sender: str, recipient: str) -> None:
    """Mail from outside, at the MX."""
    with smtplib.SMTP("127.0.0.1", cell.ports["MX"], source_address=(CLIENT, 0), timeout=60) as client:
        text = f"From: {marks['stranger']}@{marks['domain']}.test\r\nSubject: on\r\n\r\n{marks['body']}\r\n"
        client.sendmail(sender, [recipient], text)


def _drive_forward(cell: House, other: OtherHost, marks: dict[str, str]) -> None:
    """A stranger's mail goes on to where Ada wants it, and its bounce back to the stranger."""
    stranger = f"{marks['stranger']}@{marks['domain']}.test"
    _arrive(cell, marks, stranger, "ada@example.is")
    other.wait_for(2)
    on = other.arrived[1]
    assert on.recipients == [f"{marks['forwarded']}@{marks['domain']}.test"]
    assert on.sender.startswith("SRS0=")
    assert b"Delivered-To: ada@example.is" in on.content
    assert CLIENT.encode() not in on.content
    _arrive(cell, marks, "", on.sender)
    other.wait_for(3)
    # aiosmtpd writes the null path as it came.
    assert (other.arrived[2].sender.strip("<>"), other.arrived[2].recipients) == ("", [stranger])


def _answers(marks: dict[str, str], recipient: str) -> str:
    if recipient.startswith(marks["gone"]):
        return f"550 5.1.1 {marks['answer']}"
    return f"451 4.2.0 {marks['answer']}" if recipient.startswith(marks["waiting"]) else ""


def _drive(cell: House, other: OtherHost, password: str, marks: dict[str, str]) -> dict[str, str]:
    other.refuse = lambda recipient: _answers(marks, recipient)
    # Before the first mail: a route that smtpd has in memory knows of a filter a tenth of a second later.
    agreement = _forward(cell, other, marks)
    _submit(cell, password, marks, "recipient")
    other.wait_for(1)
    assert marks["body"].encode() in other.arrived[0].content
    _drive_forward(cell, other, marks)
    _submit(cell, password, marks, "gone")
    kept, notice = wait_for_texts(cell, "ada@example.is", password, 2)
    assert marks["stranger"].encode() in kept
    assert marks["answer"].encode() in notice
    _submit(cell, password, marks, "waiting")
    eventually(lambda: any(row["reason"] == "deferred_by_host" for row in cell.skerry("queue", "list")))
    rules = cell.home.parent / "policy.toml"
    rules.write_text(HOLDING)
    cell.skerry("policy", "set", "example", "--file", str(rules), "--yes")
    _arrive(cell, marks, f"{marks['stranger']}@{marks['domain']}.test", "ada@example.is")
    _submit(cell, password, marks, "held")
    wait_for_texts(cell, "ada@example.is", password, 4)
    assert marks["body"].encode() in texts(cell, "ada@example.is", password, "Held")[0]
    _submit(cell, password, marks, "agreed", "[consent] ")
    other.wait_for(4)
    cell.skerry("consent", "add", "ada@example.is", f"{marks['trusted']}@{marks['domain']}.test")
    _submit(cell, password, marks, "trusted")
    other.wait_for(5)
    # Of what was forwarded after the policy changed nothing was sent.
    assert [f"{marks['forwarded']}@{marks['domain']}.test" in one.recipients for one in other.arrived].count(True) == 1
    return _drive_link(cell, other, password, marks) | {"agreement": agreement}


def _drive_link(cell: House, other: OtherHost, password: str, marks: dict[str, str]) -> dict[str, str]:
    """A link, opened and answered by a reader that is no browser; what opens it."""
    cell.skerry("policy", "set", "example", "--preset", "outside-five-eyes", "--yes")
    _submit(cell, password, marks, "linked")
    other.wait_for(6)
    note = other.arrived[5].content
    assert marks["body"].encode() not in note
    letter = wait_for_texts(cell, "ada@example.is", password, 5)[4]
    words = re.findall(rb"\r\n    ([a-z]+(?: [a-z]+){6})\r\n", letter)[0].decode()
    token = re.findall(rb"/l/([A-Za-z0-9_-]{43})", note)[0].decode()
    origin = f"http://localhost:{cell.ports['WEB']}/l/{token}"
    with httpx2.Client(timeout=60) as reader:
        page = reader.get(origin).text
        salt = base64.b64decode(re.findall(r'data-salt="([^"]+)"', page)[0])
        keys = link_keys(words, salt, Argon2Parameters())
        sealed = reader.post(f"{origin}/open", json={"auth": keys.auth_key.hex()}).content
        assert marks["body"].encode() in open_file([keys.identity], sealed)
        assert reader.post(f"{origin}/open", json={"auth": "0" * 64}).status_code == 403
        # Larger than what Django would keep in memory by itself.
        files = {"files": (f"{marks['file']}.bin", marks["file"].encode() * 200_000)}
        data = {"auth": keys.auth_key.hex(), "text": marks["written"], "subject": marks["subject"]}
        assert reader.post(f"{origin}/answer", data=data, files=files).status_code == 200
    answer = message_from_bytes(texts(cell, "ada@example.is", password)[5])
    parts = [part.get_payload(decode=True) or b"" for part in answer.walk()]
    assert any(marks["written"].encode() in part for part in parts if isinstance(part, bytes))
    return {"link": token, "words": words, "link's key": keys.auth_key.hex()}


@pytest.mark.journey
@pytest.mark.slow
def test_nothing_private_of_what_is_sent_rests_anywhere_in_clear() -> None:
    marks, before = canaries.planted(THINGS), canaries.temporary()
    # The stranger's address has to fit into one of ours, of 64 octets at most, for the way back.
    marks["stranger"] = marks["stranger"][:18]
    settings = {"SKERRY_SMTPD_WORKERS": "1", "SKERRY_IMAPD_WORKERS": "1", "SKERRY_LOG_LEVEL": "debug"}
    settings["SKERRY_PRIVATE_TARGETS"] = "true"
    with (
        other_host(address=AMERICAN) as other,
        prepared(SKERRY_SMARTHOST=f"{AMERICAN}:{other.port}", SKERRY_PLACES=f"{AMERICAN}/32=DE/US", **settings) as cell,
    ):
        cell.password = "canary " + secrets.token_hex(16)
        cell.people("example", "example.is", ["ada"])
        password = cell.app_password("ada@example.is", "session")
        cell.start()
        opens = _drive(cell, other, password, marks)
        for pid, line in cell.children().items():
            if "dispatchd" in line or "smtpd" in line:
                os.kill(pid, signal.SIGKILL)
        cell.stop()
        hidden = marks | opens | {"client": CLIENT, "account password": cell.password, "app password": password}
        assert list(canaries.found(left_by(cell, before), hidden)) == []
        assert_the_scan_can_fail(cell)
