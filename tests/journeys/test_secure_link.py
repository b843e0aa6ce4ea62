"""A secure link from end to end: what may not go to American hands stays here, and its reader opens and answers it.

Ada writes with an ordinary mail program. The other host gets a note and not a word of the message; Chromium turns the
seven words of Ada's letter into a key and shows the message; the answer, with a file, lies in Ada's mailbox, sealed. Then Ada agrees to readable mail for that reader.
"""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect

from tests.journeys.browser import Visitor, chromium, visitor
from tests.journeys.house import PASSWORD, House, prepared
from tests.journeys.otherhost import OtherHost, other_host
from tests.journeys.test_kill import _unverified
from tests.journeys.test_sending import populated, texts, wait_for_an_empty_queue, wait_for_texts

pytestmark = [pytest.mark.journey, pytest.mark.slow]

AMERICAN = "127.0.0.2"
TEXT = "High at noon, low at six."
ANSWER = "Gladly, at high water."


def hand_in(cell: House, password: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ada <ada@example.is>", "Cleo <cleo@other.test>", "Tides"
    message.set_content(f"{TEXT}\n")
    message.add_attachment(b"one fathom", "application", "octet-stream", filename="depths.bin")
    with smtplib.SMTP("127.0.0.1", cell.ports["SUBMISSION"], timeout=60) as client:
        client.starttls(context=_unverified())
        client.login("ada@example.is", password)
        client.send_message(message)


def sent_in(request: Request) -> bytes:
    return request.url.encode() + (request.post_data_buffer or b"")


def _agree(owner: Visitor, american: OtherHost, cell: House, password: str) -> None:
    """Ada looks at her links, agrees to readable mail for Cleo, reads for whom she agreed, and writes again."""
    page = owner.go("/sign-in/?next=/mailbox/links/")
    page.get_by_label("Mail address").fill("ada@example.is")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="End link")).to_be_visible()
    owner.look("owner-links")
    page = owner.go("/account/consents/")
    page.get_by_label("The reader's address").fill("cleo@other.test")
    page.get_by_role("button", name="I agree").click()
    expect(page.get_by_text("It counts until")).to_be_visible()
    assert "cleo" not in page.content()
    page.get_by_label("Your account password").fill(PASSWORD)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("cleo@other.test")).to_be_visible()
    owner.look("owner-consents")
    hand_in(cell, password)
    american.wait_for(2)
    assert TEXT.encode() in american.arrived[1].content


def test_a_message_stays_is_read_by_its_words_and_answered(tmp_path: Path) -> None:
    with (
        chromium() as playwright,
        other_host(address=AMERICAN) as american,
        prepared(
            SKERRY_PLACES=f"{AMERICAN}/32=DE/US",
            SKERRY_SMARTHOST=f"{AMERICAN}:{american.port}",
            SKERRY_PRIVATE_TARGETS="true",
        ) as cell,
    ):
        ada, _ben = populated(cell)
        cell.skerry("policy", "set", "example", "--preset", "outside-five-eyes", "--yes")
        cell.start()
        hand_in(cell, ada)
        american.wait_for(1)
        [note] = [one.content for one in american.arrived]
        assert TEXT.encode() not in note
        assert b"Tides" not in note
        [letter] = wait_for_texts(cell, "ada@example.is", ada, 1)
        link = re.search(rb"http://localhost:\d+(/l/[A-Za-z0-9_-]{43})\r\n", note)
        words = re.search(rb"For cleo@other\.test, link [A-Z0-9]{6}:\r\n\r\n    ([a-z ]+)\r\n", letter)
        assert link is not None
        assert words is not None
        wait_for_an_empty_queue(cell)

        with visitor(playwright, f"http://localhost:{cell.ports['WEB']}", tmp_path) as cleo:
            sent: list[bytes] = []
            cleo.page.on("request", lambda request: sent.append(sent_in(request)))
            page = cleo.go(link[1].decode())
            cleo.look("secure-link")
            page.get_by_label("The seven words").fill("zoo zoo zoo zoo zoo zoo zoo")
            page.get_by_role("button", name="Open the message").click()
            expect(page.get_by_role("alert")).to_contain_text("not the words of this link")
            page.get_by_label("The seven words").fill(words[1].decode().title().replace(" ", ", "))
            page.get_by_role("button", name="Open the message").click()
            expect(page.get_by_role("heading", name="Tides")).to_be_visible()
            expect(page.get_by_text(TEXT)).to_be_visible()
            cleo.look("secure-link-opened")
            with page.expect_download() as saved:
                page.get_by_role("link", name="Save: depths.bin").click()
            assert saved.value.path().read_bytes() == b"one fathom"
            page.get_by_label("Your answer").fill(ANSWER)
            page.get_by_label("Files").set_input_files(
                {"name": "chart.bin", "mimeType": "application/octet-stream", "buffer": b"two fathoms"}
            )
            page.get_by_role("button", name="Send the answer").click()
            expect(page.get_by_text("in the mailbox it was for, sealed")).to_be_visible()
            cleo.look("secure-link-answered")
            assert not [text for text in sent if TEXT.encode() in text or words[1].split()[0] + b" " in text.lower()]

        answer = wait_for_texts(cell, "ada@example.is", ada, 2)[1]
        assert b"x-secure-link=pass" in answer
        assert b"cleo@other.test by link" in answer
        assert b"Subject: Re: Tides" in answer
        assert len(american.arrived) == 1, "nothing else ever went there"
        assert texts(cell, "ada@example.is", ada, "INBOX")[0] == letter

        with visitor(playwright, f"http://localhost:{cell.ports['WEB']}", tmp_path) as owner:
            _agree(owner, american, cell, ada)
        for name, how in (("phone", {"phone": True}), ("dark", {"dark": True})):
            with visitor(playwright, f"http://localhost:{cell.ports['WEB']}", tmp_path, **how) as cleo:
                page = cleo.go(link[1].decode())
                page.get_by_label("The seven words").fill(words[1].decode())
                page.get_by_role("button", name="Open the message").click()
                expect(page.get_by_role("heading", name="Tides")).to_be_visible()
                cleo.look(f"secure-link-opened-{name}")
