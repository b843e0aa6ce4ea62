"""Where folders of other hosts go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.adapters.imapstore.account import canonical
from mailhost.importing.places import is_view, place
from mailhost.importing.source import SourceFolder

OURS = {f"\\{use}": use for use in ("Archive", "Drafts", "Junk", "Sent", "Trash")}


def where(*levels: str, use: str | None = None, into: tuple[str, ...] = ()) -> str:
    return place(SourceFolder("/".join(levels), levels, use), OURS, into).name


@pytest.mark.parametrize(
    ("levels", "use", "name"),
    [
        (("INBOX",), None, "INBOX"),
        (("inbox",), None, "INBOX"),
        (("Inbox", "Sub"), None, "INBOX/Sub"),
        (("Gesendete Objekte",), None, "Sent"),
        (("[Gmail]", "Sent Mail"), None, "Sent"),
        (("[Gmail]", "Wichtig"), None, "[Gmail]/Wichtig"),
        (("Verschickt",), "\\Sent", "Sent"),
        (("INBOX", "Trash"), None, "Trash"),
        (("Work", "Sent"), None, "Work/Sent"),
        (("Spam",), None, "Junk"),
        (("Grüße", "東京"), None, "Grüße/東京"),
        (("All Mail",), "\\All", "Archive"),
        (("a/b", "c\x00d"), None, "a-b/cd"),
        ((" ", ""), None, "INBOX"),
    ],
)
def test_names(levels: tuple[str, ...], use: str | None, name: str) -> None:
    assert where(*levels, use=use) == name


def test_everything_may_go_below_one_folder() -> None:
    assert where("INBOX", into=("Old", "Host")) == "Old/Host/INBOX"
    assert where("Sent", into=("Old",)) == "Old/Sent"


def test_a_folder_of_ours_that_is_gone_is_made_by_the_source_name() -> None:
    assert place(SourceFolder("Sent Items", ("Sent Items",)), {}).name == "Sent Items"


@pytest.mark.parametrize(("use", "view"), [("\\All", True), ("\\Important", True), ("\\Sent", False), (None, False)])
def test_views(use: str | None, view: bool) -> None:
    assert is_view(SourceFolder("x", ("x",), use)) is view


@given(st.lists(st.text(max_size=80), max_size=60), st.lists(st.sampled_from(["Old", "Host"]), max_size=2))
def test_whatever_the_levels_the_name_can_be_made(levels: list[str], into: list[str]) -> None:
    name = where(*levels, into=tuple(into))
    assert canonical(name) == name
