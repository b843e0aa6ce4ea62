"""A tenant's pages in Debian's Chromium, against a DNS of its own: a domain goes from wrong to explained to right.

Ada founds a house in her browser, brings a domain, reads what to enter, enters it wrong, reads why that is wrong, and
sees every needed record turn right. On a desktop's and on a telephone's screen, light and dark; no console error, no
breach of the content policy, no request to another host. Screens are kept in SKERRY_SCREENSHOTS.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mailhost.mailauth.resolver import Cname, Mx, Rdata, Srv, Txt
from tests.journeys.browser import AXE, missing
from tests.journeys.house import House, prepared
from tests.journeys.test_signup import (
    DESKTOP,
    PHONE,
    chromium,
    keys_and_words,
    questions_one_and_two,
    second_factor,
    visiting,
)
from tests.seal.test_exchange import need_program
from tests.servers.dnsworld import DnsWorld, Zone, dns_world

pytestmark = [pytest.mark.journey, pytest.mark.slow]
__all__ = ["chromium"]  # a fixture of the journey of signing up

DOMAINS = {"desktop": "ada.test", "phone": "cleo.test"}


@pytest.fixture(scope="module")
def world() -> Iterator[DnsWorld]:
    need_program("chromium")
    if not AXE.is_file() and os.environ.get("CI") == "true":
        missing("axe-core (npm ci in tests/js)")
    with dns_world({}, zones=[Zone(name) for name in DOMAINS.values()]) as made:
        yield made


@pytest.fixture(scope="module")
def cell(world: DnsWorld) -> Iterator[House]:
    with prepared(SKERRY_SIGNUP_WORK="14", SKERRY_RESOLVER=world.resolver) as made:
        made.start()
        yield made


def shots(page: Page, name: str) -> None:
    """Nothing is hard to use by axe's measure; keep the screen in light and in dark, where somebody wants to look."""
    if AXE.is_file():
        page.evaluate(AXE.read_text(encoding="utf-8") + "\n;undefined")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert not found, (name, [(one["id"], one["nodes"][0]["target"]) for one in found])
    folder = os.environ.get("SKERRY_SCREENSHOTS")
    for scheme in ("light", "dark") if folder else ():
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=Path(str(folder)) / f"tenant-{name}-{scheme}.png", full_page=True)


def published(record: dict[str, Any]) -> Rdata:
    """A record as the command line lists it, as the DNS holds it."""
    words = str(record["value"]).split()
    match record["type"]:
        case "MX":
            return Mx(int(words[0]), words[1])
        case "CNAME":
            return Cname(str(record["value"]))
        case "SRV":
            return Srv(int(words[0]), int(words[1]), int(words[2]), words[3])
        case _:
            return Txt(str(record["value"]).encode())


def check_now(page: Page, cell: House) -> None:
    """Press the button, as if a minute had passed since the last check."""
    with closing(sqlite3.connect(cell.home / "is-1" / "cell.sqlite3", timeout=60)) as database, database:
        database.execute("UPDATE mailhost_domaincheck SET checked = datetime(checked, '-1 minute')")
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("Checked").first.wait_for()


@pytest.mark.parametrize(("look", "options"), [("desktop", DESKTOP), ("phone", PHONE)], ids=["desktop", "phone"])
def test_a_domain_goes_from_wrong_to_right(
    world: DnsWorld, cell: House, chromium: Browser, look: str, options: dict[str, Any]
) -> None:
    domain = DOMAINS[look]
    with visiting(chromium, cell, **options) as page:
        questions_one_and_two(page, f"House of {domain.partition('.')[0].title()}", domain.partition(".")[0], look)
        keys_and_words(page, look)
        second_factor(page, look)
        page.get_by_role("link", name="Organisation").click()
        page.get_by_role("heading", name="Bring your own domain").wait_for()
        shots(page, f"{look}-overview-new")
        page.get_by_role("link", name="Add a domain").click()
        shots(page, f"{look}-domains-empty")
        page.get_by_label("Your domain").fill(domain)
        page.get_by_role("button", name="Add the domain").click()
        page.get_by_text("waits for your proof").wait_for()
        shots(page, f"{look}-dns-new")

        world.put(domain, Mx(10, "mx.elsewhere.test"), Txt(b"v=spf1 -all"))
        check_now(page, cell)
        page.get_by_text("no mail is taken for it").wait_for()
        page.get_by_text("mx.elsewhere.test").first.wait_for()
        shots(page, f"{look}-dns-wrong")

        records = [one for one in cell.skerry("domain", "records", domain) if not one["ours"]]
        for name in {one["name"] for one in records}:
            world.put(name, *(published(one) for one in records if one["name"] == name and one["type"] != "CAA"))
        check_now(page, cell)
        page.get_by_text("All that is needed is there.").wait_for()
        page.get_by_text("is yours: we take mail for it from now on").wait_for()
        shots(page, f"{look}-dns-right")
        page.get_by_role("link", name="Domains", exact=True).click()
        shots(page, f"{look}-domains")
        page.get_by_role("link", name="Overview").click()
        shots(page, f"{look}-overview")
        for tab in ("Mailboxes", "Aliases and groups", "Law", "On its way out", "Access", "Log"):
            page.get_by_role("navigation", name="Your organisation").get_by_role("link", name=tab).click()
            page.locator(f"[aria-current=page]:text-is('{tab}')").wait_for()
            shots(page, f"{look}-{tab.split()[0].lower()}")
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
