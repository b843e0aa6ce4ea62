"""A mailbox owner before the pages: what the browser makes opens a real IMAP door, and the words a lost mailbox.

Ada makes an app password in Chromium, and Python's imaplib reads a mail with it that came in over SMTP; ended, it opens
nothing. She changes her password, forgets it, and comes back with her 24 words. No password and no word is sent.
"""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Playwright, expect

from tests.journeys.browser import Visitor, chromium, visitor
from tests.journeys.house import PASSWORD, House, prepared
from tests.patience import eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]

ADA = "ada@example.is"
SECOND = "granite seal under lantern"
THIRD = "seven kittiwakes on a ledge"
LETTER = "The lighthouse is lit."


@pytest.fixture(scope="module")
def cell() -> Iterator[House]:
    with prepared() as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def words(cell: House) -> str:
    """Ada's recovery words; her mailbox is made, and a mail lies in it."""
    made = cell.people("harbour", "example.is", ["ada"])["ada"]
    with smtplib.SMTP("127.0.0.1", cell.ports["MX"], timeout=60) as door:
        door.sendmail("ben@demo.test", [ADA], f"From: ben@demo.test\r\nSubject: Sealed?\r\n\r\n{LETTER}\r\n")
    return str(made["recovery_phrase"])


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with chromium() as found:
        yield found


def _origin(cell: House) -> str:
    return f"http://localhost:{cell.ports['WEB']}"


def _sign_in(ada: Visitor, password: str) -> None:
    page = ada.go("/sign-in/?next=/mailbox/")
    page.get_by_label("Mail address").fill(ADA)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Your mailbox")).to_be_visible()


def _read(cell: House, password: str) -> list[bytes]:
    """Every message of the inbox over IMAP, as this app password shows it. Raises imaplib's error."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL("127.0.0.1", cell.ports["IMAPS"], ssl_context=context) as client:
        client.login(ADA, password)
        client.select("INBOX", readonly=True)
        _kind, [found] = client.search(None, "ALL")
        return [client.fetch(number, "(BODY[])")[1][0][1] for number in found.decode().split()]  # type: ignore[index, misc]


def _reads_her_sign_ins(ada: Visitor) -> None:
    """Her browser opens the sealed lines: the one of her own sign-in, and those of the two programs."""
    page = ada.page

    def all_there() -> bool:
        """A daemon notes a login a moment later, and a page shows what was noted when it was made."""
        ada.go("/mailbox/sign-ins/")
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Open").click()
        opened = page.locator("[data-lines]")
        expect(opened).to_contain_text("signed in")
        kinds = ("browser", "mail program, session", "mail program, sealed")
        return all(opened.get_by_role("cell", name=words, exact=True).count() for words in kinds)

    eventually(all_there)
    ada.look("owner-sign-ins")
    page.set_viewport_size({"width": 390, "height": 844})
    ada.look("owner-sign-ins-phone")
    page.set_viewport_size({"width": 1280, "height": 900})


def _make(ada: Visitor, name: str, access: str, password: str) -> str:
    """The app password as the page shows it."""
    page = ada.go("/mailbox/app-passwords/new/")
    page.get_by_label("What it is for").fill(name)
    page.get_by_role("radio", name=access).check()
    page.get_by_label("Your account password").fill(password)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Your app password")).to_be_visible()
    return page.locator("[data-password]").inner_text()


def _filter(ada: Visitor) -> None:
    """A filter and an answer, made on their pages."""
    page = ada.go("/mailbox/filters/new/")
    page.get_by_label("What you call it").fill("letters")
    page.get_by_label("Condition 1", exact=True).last.select_option("subject:contains")
    page.get_by_label("Looks for, in condition 1").fill("Sealed?")
    page.get_by_label("Put it into the folder").fill("Letters")
    ada.look("owner-filter-new")
    page.get_by_role("button", name="Save it").click()
    expect(page.get_by_text("The subject contains: Sealed?")).to_be_visible()
    ada.look("owner-filters")
    page = ada.go("/mailbox/vacation/")
    page.get_by_label("Your answer").fill("I am at sea.")
    ada.look("owner-vacation")
    page.get_by_role("button", name="Save, and answer").click()
    expect(page.get_by_text("get your answer now")).to_be_visible()


def test_an_app_password_of_the_browser_opens_the_imap_door_until_it_is_ended(
    cell: House, words: str, playwright: Playwright, tmp_path: Path
) -> None:
    with visitor(playwright, _origin(cell), tmp_path) as ada:
        sent: list[str] = []
        ada.page.on("request", lambda request: sent.append(request.post_data or ""))
        _sign_in(ada, PASSWORD)
        page = ada.go("/mailbox/app-passwords/new/")
        ada.look("owner-app-password-new")
        page.get_by_label("What it is for").fill("phone")
        page.get_by_role("radio", name="Session").check()
        page.get_by_label("Your account password").fill("not the password")
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_role("alert")).to_contain_text("not your password")
        expect(page.get_by_label("What it is for")).to_have_value("phone")
        session = _make(ada, "phone", "Session", PASSWORD)
        ada.look("owner-app-password-made")
        sealed = _make(ada, "backup", "Sealed", PASSWORD)
        [clear], [closed] = _read(cell, session), _read(cell, sealed)
        assert LETTER.encode() in clear
        assert LETTER.encode() not in closed
        ada.go("/mailbox/")
        ada.look("owner-home")
        expect(page.get_by_text("Session access: phone.")).to_be_visible()
        ada.go("/mailbox/app-passwords/")
        ada.look("owner-app-passwords")
        _filter(ada)
        ada.go("/mailbox/app-passwords/")
        page.get_by_role("button", name="End phone").click()
        expect(page.get_by_text("“phone” lets nobody in any more")).to_be_visible()
        with pytest.raises(imaplib.IMAP4.error):
            _read(cell, session)
        assert len(_read(cell, sealed)) == 1
        _reads_her_sign_ins(ada)
        assert not [text for text in sent if PASSWORD in text or quote_plus(PASSWORD) in text]
        assert not ada.problems, ada.problems


def test_a_changed_password_is_forgotten_and_the_words_lead_back(
    cell: House, words: str, playwright: Playwright, tmp_path: Path
) -> None:
    with visitor(playwright, _origin(cell), tmp_path) as ada:
        sent: list[str] = []
        ada.page.on("request", lambda request: sent.append(request.post_data or ""))
        _sign_in(ada, PASSWORD)
        page = ada.go("/mailbox/password/")
        page.get_by_label("Your password until now").fill(PASSWORD)
        page.get_by_label("New password").fill(SECOND)
        page.get_by_label("The same again").fill(SECOND)
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_text("Your password is changed.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page = ada.go("/sign-in/")
        page.get_by_role("link", name="Password forgotten?").click()
        page.get_by_label("Mail address").fill(ADA)
        page.get_by_label("Recovery words").fill(" ".join(words.split()[::-1]))
        page.get_by_label("New password").fill(THIRD)
        page.get_by_label("The same again").fill(THIRD)
        page.get_by_role("button", name="Set the new password").click()
        expect(page.get_by_role("alert")).to_be_visible()
        ada.look("owner-recover-wrong-words")
        page.get_by_label("Recovery words").fill(words)
        started = time.monotonic()
        page.get_by_role("button", name="Set the new password").click()
        expect(page.get_by_text("Your new password is set.")).to_be_visible()
        print(f"recovered after {time.monotonic() - started:.2f} s")
        _sign_in(ada, THIRD)
        assert page.evaluate("() => localStorage.length + sessionStorage.length") == 0
        for secret in (PASSWORD, SECOND, THIRD, words):
            assert not [text for text in sent if secret in text or quote_plus(secret) in text]
        assert not ada.problems, ada.problems
    with visitor(playwright, _origin(cell), tmp_path, phone=True) as ada:
        _sign_in(ada, THIRD)
        for name, path in (
            ("home", "/mailbox/"),
            ("app-passwords", "/mailbox/app-passwords/"),
            ("app-password-new", "/mailbox/app-passwords/new/"),
            ("password", "/mailbox/password/"),
            ("programs", "/mailbox/programs/"),
            ("keys", "/mailbox/keys/"),
            ("recover", "/recover/"),
        ):
            ada.go(path)
            ada.look(f"owner-{name}-phone")
    with visitor(playwright, _origin(cell), tmp_path, dark=True) as ada:
        _sign_in(ada, THIRD)
        for name, path in (("programs", "/mailbox/programs/"), ("keys", "/mailbox/keys/")):
            ada.go(path)
            ada.look(f"owner-{name}-dark")
