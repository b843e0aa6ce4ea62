"""An operator before the console: what waits is found, its reason read, it is tried again, and its tenant reads that."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.journeys.browser import Visitor, chromium, visitor
from tests.journeys.house import House, prepared
from tests.journeys.test_sending import submit
from tests.patience import eventually
from webadmin.accounts import factors

pytestmark = [pytest.mark.journey, pytest.mark.slow]
MOS_PASSWORD = "granite under heather"
REASON = "asked by its sender"


@pytest.fixture(scope="module")
def cell() -> Iterator[House]:
    """A cell without a resolver, so that a letter to another host waits; operator Mo."""
    with prepared() as made:
        made.start()
        made.people("harbour", "example.is", ["ada"])
        made.skerry("operator", "add", "mo", "--password-stdin", answer=MOS_PASSWORD + "\n")
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = "ada@example.is", "ben@example.net", "the stuck one"
        letter.set_content("Is it there yet?")
        submit(made, made.app_password("ada@example.is", "sealed"), letter, "ben@example.net")
        eventually(lambda: made.skerry("queue", "list")[0]["attempts"], lambda: "the letter was never tried")
        yield made


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with chromium() as found:
        yield found


def _in(mo: Visitor) -> Page:
    """Mo signs in with a new authenticator and states a reason."""
    page = mo.go("/console/")
    page.get_by_role("link", name="I operate this cell").click()
    page.get_by_label("Operator's name").fill("mo")
    page.get_by_label("Password").fill(MOS_PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    shown = page.locator(".copy code").inner_text().replace(" ", "")
    secret = base64.b32decode(shown + "=" * (-len(shown) % 8))
    page.get_by_role("textbox", name="Code").fill(factors.code_at(secret, int(time.time()) // factors.STEP))
    page.get_by_role("button", name="Use this authenticator").click()
    page.get_by_role("link", name="I have them on paper").click()
    page.get_by_label("Why").fill("a stuck message")
    page.get_by_role("button", name="Begin").click()
    return page


def _without_script(mo: Visitor, cell: House, playwright: Playwright, screenshots: Path) -> None:
    """The same session in a browser that runs no script: every page of the console works."""
    with visitor(playwright, mo.origin, screenshots, script=False) as plain:
        plain.context.add_cookies(mo.context.cookies())  # type: ignore[arg-type]  # the same cookies, as it gives them
        page = plain.go("/console/")
        expect(page.get_by_role("heading", name=f"Cell {cell.skerry('tenant', 'list')[0]['cell']}")).to_be_visible()
        for name in ("waiting", "limits"):
            plain.go(f"/console/{name}/")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.screenshot(path=plain.screenshots / "console-limits-without-script.png", full_page=True)
        assert not plain.problems, plain.problems


def test_a_stuck_message_is_found_explained_and_tried_again(
    cell: House, playwright: Playwright, tmp_path: Path
) -> None:
    before = cell.skerry("queue", "list")[0]
    with visitor(playwright, f"http://localhost:{cell.ports['WEB']}", tmp_path) as mo:
        page = _in(mo)
        expect(page).to_have_url(f"{mo.origin}/console/")
        mo.look("console-overview-light")
        page.emulate_media(color_scheme="dark")
        mo.look("console-overview-dark")
        page.emulate_media(color_scheme="light")
        for name in ("tenants", "jobs", "acts", "laws", "waiting", "deliverability", "limits", "keys"):
            mo.go(f"/console/{name}/")
            mo.look(f"console-{name}-light")
        mo.go("/console/tenants/harbour/")
        mo.look("console-tenant-light")
        for name in ("delete", "limits"):
            mo.go(f"/console/tenants/harbour/{name}/")
            mo.look(f"console-tenant-{name}-light")
        mo.go("/console/")
        page.evaluate("document.documentElement.dir = 'rtl'")
        mo.look("console-overview-rtl")
        page.set_viewport_size({"width": 390, "height": 844})
        mo.look("console-overview-phone-rtl")
        page.set_viewport_size({"width": 1280, "height": 900})
        _without_script(mo, cell, playwright, tmp_path)
        mo.go("/console/queue/")
        mo.look("console-queue-light")
        page.set_viewport_size({"width": 390, "height": 844})
        mo.look("console-queue-phone")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_role("rowheader").get_by_role("link").click()
        expect(page.get_by_role("main")).to_contain_text("resolver")
        expect(page.get_by_role("main")).to_contain_text("1 recipient at example.net")
        mo.look("console-item-light")
        page.get_by_label("Reason").fill(REASON)
        page.get_by_role("button", name="Try again now").click()
        expect(page).to_have_url(f"{mo.origin}/console/queue/")
        assert not mo.problems, mo.problems
    eventually(
        lambda: cell.skerry("queue", "list")[0]["attempts"] > before["attempts"], lambda: "it was not tried again"
    )
    acts = cell.skerry("session", "acts", "harbour")
    assert any(REASON in act["act"] for act in acts), acts
