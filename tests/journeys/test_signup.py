"""From nothing to a first sealed mail in Debian's Chromium, on a desktop's and on a telephone's screen.

The founder answers three questions, the browser makes the keys, two recovery words are typed back, an authenticator is
set up; swaks sends a mail to the new mailbox; Python opens it with nothing but the words from the screen. Meanwhile no
console error, no breach of the content policy, no request to another host. Screens are kept in SKERRY_SCREENSHOTS.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from mailhost.seal import open_file
from mailhost.seal.keyring import open_keyring, unwrap_keyring_key
from mailhost.seal.phrase import parse_phrase, phrase_wrap_key
from tests.journeys.browser import PATIENCE
from tests.journeys.house import House, prepared
from tests.seal.test_exchange import need_program

pytestmark = [pytest.mark.journey, pytest.mark.slow]

DESKTOP: dict[str, Any] = {"viewport": {"width": 1200, "height": 850}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
PASSPHRASE = "seven quiet seals under granite"
LETTER = "The lighthouse is lit."


@pytest.fixture(scope="module")
def cell() -> Iterator[House]:
    need_program("chromium")
    need_program("swaks")
    with prepared(SKERRY_SIGNUP_WORK="14") as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"], timeout=PATIENCE
        )
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, cell: House, **options: Any) -> Iterator[Page]:
    """A page of a fresh visitor; complaints of the console and requests elsewhere fail the test."""
    context = browser.new_context(base_url=f"http://localhost:{cell.ports['WEB']}", locale="en-GB", **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", lambda request: complaints.append(request.url) if "://localhost:" not in request.url else None)
    try:
        yield page
    finally:
        context.close()
    # A form that is refused answers 422, which Chromium mentions.
    found = [line for line in complaints if "422 (Unprocessable" not in line]
    assert not found, found


def shot(page: Page, name: str) -> None:
    """Keep the screen, where somebody wants to look at it."""
    if folder := os.environ.get("SKERRY_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"signup-{name}.png", full_page=True)


def questions_one_and_two(page: Page, name: str, local: str, look: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your first address").fill(local)
    page.get_by_text("ready").wait_for()
    shot(page, f"{look}-1-name")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Where your mail may lie").wait_for()
    shot(page, f"{look}-2-place")
    page.get_by_role("button", name="Go on").click()


def keys_and_words(page: Page, look: str) -> str:
    """Makes the keys, types two words back; the 24 words."""
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_label("The same again").fill(PASSPHRASE)
    shot(page, f"{look}-3-passphrase")
    started = time.monotonic()
    page.get_by_role("button", name="Make my keys").click()
    page.get_by_role("heading", name="Your recovery words").wait_for()
    print(f"{look}: keys after {time.monotonic() - started:.2f} s")
    words = page.locator("[data-kit] li").all_inner_texts()
    assert len(words) == 24
    shot(page, f"{look}-4-words")
    page.get_by_role("button", name="I have them on paper").click()
    for field in (page.locator("#word-0"), page.locator("#word-1")):
        label = page.locator(f"label[for={field.get_attribute('id')}]").inner_text()
        number = re.search(r"\d+", label)
        assert number
        field.fill(words[int(number[0]) - 1])
    shot(page, f"{look}-5-check")
    started = time.monotonic()
    page.get_by_role("button", name="Open my mailbox").click()
    page.get_by_role("heading", name="Set up a second factor").wait_for()
    print(f"{look}: submitted after {time.monotonic() - started:.2f} s")
    return " ".join(words)


def second_factor(page: Page, look: str) -> None:
    secret = page.locator(".copy code").first.inner_text()
    page.get_by_role("textbox", name="Code").fill(code_of(secret))
    page.get_by_role("button", name="Use this authenticator").click()
    page.wait_for_load_state()
    shot(page, f"{look}-6-factor")


def code_of(secret: str) -> str:
    """RFC 6238 with the defaults every authenticator has."""
    key = base64.b32decode(secret.replace(" ", "") + "=" * (-len(secret.replace(" ", "")) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8), hashlib.sha1)
    place = digest[-1] & 15
    return f"{(int.from_bytes(digest[place : place + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


def opened_with(cell: House, address: str, words: str) -> list[bytes]:
    """Every message of the mailbox, opened with the recovery words and what is in the database."""
    with sqlite3.connect(cell.home / "is-1" / "cell.sqlite3") as database:
        [(box, keyring)] = database.execute("SELECT id, keyring FROM mailhost_mailbox WHERE address = ?", [address])
        [(wrap,)] = database.execute(
            "SELECT wrap FROM mailhost_keyringwrap WHERE mailbox_id = ? AND kind = 'recovery'", [box]
        )
        sealed = database.execute(
            "SELECT header, payload FROM mailhost_sealedmessage WHERE mailbox_id = ?", [box]
        ).fetchall()
    database.close()
    key = unwrap_keyring_key(phrase_wrap_key(parse_phrase(words)), wrap)
    identities = open_keyring(key, keyring).identities
    return [open_file(identities, header + payload) for header, payload in sealed]


@pytest.mark.parametrize(("look", "options"), [("desktop", DESKTOP), ("phone", PHONE)], ids=["desktop", "phone"])
def test_a_founder_gets_a_mailbox_and_reads_the_first_mail(
    cell: House, chromium: Browser, look: str, options: dict[str, Any]
) -> None:
    local = {"desktop": "ada.fjord", "phone": "cleo.ness"}[look]
    address = f"{local}@is-1.test"
    with visiting(chromium, cell, **options) as page:
        questions_one_and_two(page, f"House of {local.partition('.')[0].title()}", local, look)
        words = keys_and_words(page, look)
        second_factor(page, look)
        page.goto("/signup/done/")
        page.get_by_role("heading", name="Your mailbox is open").wait_for()
        shot(page, f"{look}-7-done")
        assert PASSPHRASE not in page.content()
        assert page.evaluate("() => localStorage.length + sessionStorage.length") == 0
    command = ["swaks", "--server", "127.0.0.1", "--port", str(cell.ports["MX"]), "--to", address]
    sent = [*command, "--from", "ben@demo.test", "--body", LETTER, "--h-Subject", "Sealed?"]
    subprocess.run(sent, check=True, capture_output=True, timeout=60)
    [message] = opened_with(cell, address, words)
    assert LETTER.encode() in message
    assert b"Subject: Sealed?" in message
    stored = b"".join(path.read_bytes() for path in (cell.home / "is-1").glob("cell.sqlite3*"))
    assert LETTER.encode() not in stored
    assert words.encode() not in stored
    assert PASSPHRASE.encode() not in stored
