"""Debian's Chromium, driven by Playwright, as somebody's browser before our pages.

A `Visitor` collects what no page may cause: an error on the console, a violation of the content policy, a request to
another host, an answer of 500. `look` judges a page by axe-core and keeps a screenshot of it, light, dark or on a phone,
in the folder that SKERRY_SCREENSHOTS names. Without Chromium the journey is skipped on a laptop and fails under CI.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    Response,
    expect,
    sync_playwright,
)

ROOT: Final = Path(__file__).resolve().parents[2]
AXE: Final = ROOT / "tests" / "js" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
# Milliseconds, in place of Playwright's five seconds: reached only where something is wrong, not where it is busy.
PATIENCE: Final = 60_000
expect.set_options(timeout=PATIENCE)


def missing(what: str) -> None:
    """Skip where a program is not installed; under CI that is an error."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


class Visitor:
    """One browser window, and what went wrong in it."""

    def __init__(self, context: BrowserContext, origin: str, screenshots: Path) -> None:
        self.context = context
        self.origin = origin
        self.screenshots = screenshots
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"error in a script: {error}"))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused form is answered 422, a page that is not there 404: Chromium calls both an error.
        if message.type in {"error", "warning"} and not re.search(r"status of (?:401|403|404|422)", message.text):
            self.problems.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.problems.append(f"a request to another host: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.problems.append(f"{response.status} from {response.url}")

    def go(self, path: str) -> Page:
        """Open a path of the cell under test."""
        self.page.goto(self.origin + path)
        return self.page

    def look(self, name: str) -> None:
        """Nothing went wrong so far, axe finds nothing, no sideways scrolling; keep a screenshot."""
        # Not "networkidle": on a busy machine the browser may never report half a second without a request.
        self.page.wait_for_load_state("load")
        self.page.evaluate("document.fonts.ready.then(() => undefined)")
        self.page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)
        assert not self.problems, "\n".join(self.problems)
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels wider than the window"
        found = self.violations()
        assert not found, f"{name}:\n" + "\n".join(found)

    def violations(self) -> list[str]:
        """What axe-core has against this page."""
        if not AXE.is_file():
            missing("axe-core (npm ci in tests/js)")
        # The page's own policy would refuse the script as a tag; this way it comes from outside the page.
        self.page.evaluate(AXE.read_text(encoding="utf-8") + "\n;undefined")
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['help']}: {json.dumps([node['target'] for node in one['nodes']][:3])}"
            for one in found["violations"]
        ]


@contextmanager
def chromium() -> Iterator[Playwright]:
    """Playwright, where Chromium is installed."""
    if shutil.which("chromium") is None:
        missing("chromium")
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def visitor(
    playwright: Playwright,
    origin: str,
    screenshots: Path,
    *,
    phone: bool = False,
    dark: bool = False,
    script: bool = True,
) -> Iterator[Visitor]:
    """A fresh browser with nothing remembered."""
    folder = Path(os.environ.get("SKERRY_SCREENSHOTS") or screenshots)
    folder.mkdir(parents=True, exist_ok=True)
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox"], timeout=PATIENCE
    )
    try:
        context = browser.new_context(
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]  # Playwright's own dict of two numbers
            is_mobile=phone,
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            locale="en-GB",
            # So that axe can be put into a page from outside it; pages without script keep their policy in force.
            bypass_csp=False,
        )
        context.set_default_timeout(PATIENCE)
        yield Visitor(context, origin, folder)
    finally:
        browser.close()
