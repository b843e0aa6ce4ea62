"""People before the pages: an operator signs in and sets up a second factor, an owner signs in with a derived key."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.journeys.browser import Visitor, chromium, visitor
from tests.journeys.house import PASSWORD, House, prepared
from webadmin.accounts import factors

pytestmark = [pytest.mark.journey, pytest.mark.slow]
MOS_PASSWORD = "granite under heather"


@pytest.fixture(scope="module")
def cell() -> Iterator[House]:
    """A cell with tenant harbour, Ada's mailbox and operator Mo."""
    with prepared() as made:
        made.start()
        made.people("harbour", "example.is", ["ada"])
        made.skerry("operator", "add", "mo", "--password-stdin", answer=MOS_PASSWORD + "\n")
        yield made


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with chromium() as found:
        yield found


def _origin(cell: House) -> str:
    return f"http://localhost:{cell.ports['WEB']}"


def _code(shown: str) -> str:
    """What an authenticator shows now for a secret as the page has it."""
    text = shown.replace(" ", "")
    return factors.code_at(base64.b32decode(text + "=" * (-len(text) % 8)), int(time.time()) // factors.STEP)


def _sign_in_owner(ada: Visitor, password: str = PASSWORD) -> None:
    page = ada.go("/sign-in/")
    page.get_by_label("Mail address").fill("ada@example.is")
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize(
    ("phone", "dark"), [(False, False), (False, True), (True, False)], ids=["light", "dark", "phone"]
)
def test_pages_for_everybody_look_right(
    cell: House, playwright: Playwright, tmp_path: Path, phone: bool, dark: bool
) -> None:
    kind = "phone" if phone else "dark" if dark else "light"
    with visitor(playwright, _origin(cell), tmp_path, phone=phone, dark=dark) as anybody:
        for name, path in (
            ("front", "/"),
            ("handed-over", "/what-could-be-handed-over/"),
            ("sign-in", "/sign-in/"),
            ("operator-sign-in", "/operators/sign-in/"),
            ("not-found", "/nowhere"),
        ):
            anybody.go(path)
            anybody.look(f"{name}-{kind}")


def test_an_operator_sets_up_a_second_factor_and_states_a_reason_without_any_script(
    cell: House, playwright: Playwright, tmp_path: Path
) -> None:
    with visitor(playwright, _origin(cell), tmp_path, script=False) as mo:
        page = mo.go("/rows/")
        expect(page).to_have_url(f"{mo.origin}/sign-in/?next=/rows/")
        page.get_by_role("link", name="I operate this cell").click()
        page.get_by_label("Operator's name").fill("mo")
        page.get_by_label("Password").fill("wrong password")
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        expect(page.get_by_label("Operator's name")).to_have_value("mo")
        page.get_by_label("Password").fill(MOS_PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{mo.origin}/second-factor/set-up/")
        page.screenshot(path=mo.screenshots / "set-up-no-script.png", full_page=True)
        page.get_by_role("textbox", name="Code").fill(_code(page.locator(".copy code").inner_text()))
        page.get_by_role("button", name="Use this authenticator").click()
        codes = page.locator(".codes li").all_inner_texts()
        assert len(set(codes)) == factors.CODES
        page.screenshot(path=mo.screenshots / "recovery-codes-no-script.png", full_page=True)
        page.get_by_role("link", name="I have them on paper").click()
        expect(page).to_have_url(f"{mo.origin}/operators/state/?next=/rows/")
        page.get_by_label("Why").fill("a stuck message")
        page.screenshot(path=mo.screenshots / "state-no-script.png", full_page=True)
        page.get_by_role("button", name="Begin").click()
        expect(page).to_have_url(f"{mo.origin}/rows/")
        page.screenshot(path=mo.screenshots / "rows-no-script.png", full_page=True)
        assert not mo.problems, mo.problems
        # Signed out and in again, a recovery code does for the lost phone, once.
        mo.go("/account/")
        page.get_by_role("button", name="Sign out").click()
        mo.go("/operators/sign-in/")
        page.get_by_label("Operator's name").fill("mo")
        page.get_by_label("Password").fill(MOS_PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.get_by_label("Code").fill(codes[0])
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        expect(page.get_by_text("9 left")).to_be_visible()


def test_an_owner_signs_in_and_the_password_stays_in_the_browser(
    cell: House, playwright: Playwright, tmp_path: Path
) -> None:
    with visitor(playwright, _origin(cell), tmp_path) as ada:
        sent: list[str] = []
        ada.page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
        _sign_in_owner(ada, "not the password")
        expect(ada.page.get_by_role("alert").first).to_contain_text("do not belong together")
        _sign_in_owner(ada)
        expect(ada.page.get_by_role("heading", name="Your account")).to_be_visible()
        ada.look("account-light")
        assert any("auth_key=" in one for one in sent)
        assert not [one for one in sent if PASSWORD.replace(" ", "+") in one or PASSWORD in one]


def test_an_owner_adds_a_passkey_and_needs_it_from_then_on(cell: House, playwright: Playwright, tmp_path: Path) -> None:
    with visitor(playwright, _origin(cell), tmp_path) as ada:
        devtools = ada.context.new_cdp_session(ada.page)
        devtools.send("WebAuthn.enable")
        devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        _sign_in_owner(ada)
        page = ada.page
        page.get_by_role("link", name="Set one up").first.click()
        ada.look("set-up-light")
        page.get_by_label("What you call it").fill("Ada's laptop")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.locator(".codes li")).to_have_count(factors.CODES)
        ada.look("recovery-codes-light")
        page.get_by_role("link", name="I have them on paper").click()
        expect(page.get_by_text("Passkey: Ada's laptop")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        _sign_in_owner(ada)
        expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        ada.look("second-factor-light")
        ada.go("/account/")
        expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        ada.look("account-with-factors-light")


def test_what_a_browser_loads_first_is_small_and_kept(cell: House) -> None:
    """At most 100 kB for the front page; files with a hash in their names are kept for ever."""
    origin, total = _origin(cell), 0
    ask = urllib.request.Request(origin + "/", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(ask) as page:
        text = page.read().decode()
        total += len(text)
    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert loaded
    for path in loaded:
        ask = urllib.request.Request(origin + path, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(ask) as file:
            total += len(file.read())
            assert "immutable" in file.headers["Cache-Control"], path
            assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert total < 100_000, json.dumps({"octets": total})
