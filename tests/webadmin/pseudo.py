"""A language that nobody speaks: every translated text stands between ⟦ and ⟧, so that what stands outside was not
translated. `made_up` switches it on for as long as a test lasts; `outside` finds in a page what a reader would read
untranslated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from django.utils import translation

from webadmin.languages import marked

SPOKEN: Final = "de"  # the language under the marks; its own words are between them
OPEN, SHUT = "⟦", "⟧"
_NOT_READ: Final = frozenset({"script", "style", "code", "pre"})
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "path", "circle"})
_READ: Final = frozenset({"aria-label", "title", "placeholder", "alt", "data-label", "data-done"})
_INSIDE: Final = re.compile(rf"{OPEN}[^{OPEN}{SHUT}]*{SHUT}")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
# Addresses, hosts, paths, command lines and hashes: not words of any language.
_NOT_WORDS: Final = re.compile(r"\S*[@/=]\S*|\S+\.\S+|\b[0-9a-f]{8,}\b|\S+-\d+\b|[A-Z]{2}\b")


@cache
def everything() -> tuple[marked.Marked, ...]:
    """All marked texts, collected once for all tests."""
    return tuple(marked.everything())


def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put every text between marks that a catalogue, ours or Django's, has a translation of."""
    ours = {one.text for one in everything()}
    real = translation._trans  # type: ignore[attr-defined]  # where Django itself looks its functions up

    def single(name: str, at: int) -> None:
        known = getattr(real, name)

        def told(*words: Any) -> str:
            found: str = known(*words)
            return f"{OPEN}{found}{SHUT}" if words[at] in ours or found != words[at] else found

        monkeypatch.setattr(real, name, told)

    single("gettext", 0)
    single("ngettext", 0)
    single("pgettext", 1)
    single("npgettext", 1)


def outside(page: str, allowed: frozenset[str]) -> list[str]:
    """What a reader meets in this page and no catalogue has; `allowed` are words that are names."""
    found = []
    for text in _Reader.of(page):
        left, count = text, 1
        while count:
            left, count = _INSIDE.subn(" ", left)
        left = _any_of(allowed).sub(" ", _NOT_WORDS.sub(" ", left))
        if _WORD.search(left):
            found.append(" ".join(text.split()))
    return found


@cache
def _any_of(names: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)")


class _Reader(HTMLParser):
    """The texts of a page that are read by eye or aloud, in the page's language."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent: list[bool] = []

    @classmethod
    def of(cls, page: str) -> Iterator[str]:
        reader = cls()
        reader.feed(page)
        return iter(reader.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        silent = tag in _NOT_READ or given.get("translate") == "no" or given.get("lang", SPOKEN) != SPOKEN
        silent = silent or any(self._silent)
        if not silent:
            all_data = tag == "template"
            self.texts += [value or "" for name, value in attrs if name in _READ or (all_data and "data-" in name)]
            if tag == "input" and given.get("type") in {"submit", "button"}:
                self.texts.append(given.get("value") or "")
        if tag not in _VOID:
            self._silent.append(silent)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._silent:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(self._silent):
            self.texts.append(data)
