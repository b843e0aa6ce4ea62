"""Which folder of the mailbox a folder of the source goes to.

What the source marks with a special use (RFC 6154) goes to our folder of that use. Where it marks nothing, the names
that common programs and hosts give to such folders are known, in the languages we met. Everything else keeps its
name and its place in the hierarchy. Views (RFC 6154: \\All, \\Flagged, \\Important of RFC 8457) show messages that
lie in other folders too, so they are passed over unless asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailhost.importing.source import SourceFolder

VIEWS: Final = frozenset({"\\all", "\\flagged", "\\important"})
# Levels and characters that a mailbox takes; what is longer is joined and cut.
MAX_LEVELS: Final = 20
MAX_NAME: Final = 1000
# Parents under which hosts hide their own folders: below them the common names mean the same.
_SHELVES: Final = frozenset({"inbox", "[gmail]", "[google mail]"})
_COMMON: Final[Mapping[str, str]] = {
    name: use
    for use, names in {
        "\\Sent": "sent|sent items|sent messages|sent mail|sent-mail|outbox.sent|gesendet|gesendete objekte"
        "|gesendete elemente|envoyés|éléments envoyés|messages envoyés|enviados|elementos enviados|posta inviata"
        "|inviata|verzonden|verzonden items|skickat|skickade objekt|sendt|sendte elementer|sendt post|sent póstur"
        "|wysłane|wysłane elementy",
        "\\Drafts": "drafts|draft|entwürfe|brouillons|borradores|bozze|concepten|utkast|kladder|drög|szkice|rascunhos",
        "\\Trash": "trash|deleted|deleted items|deleted messages|bin|papierkorb|gelöschte objekte|gelöschte elemente"
        "|corbeille|éléments supprimés|papelera|cestino|prullenbak|papperskorgen|borttagna objekt|papirkurv|rusl|kosz"
        "|lixeira",
        "\\Junk": "junk|junk e-mail|junk email|junk mail|spam|bulk mail|indésirables|courrier indésirable"
        "|correo no deseado|posta indesiderata|ongewenste e-mail|skräppost|søppelpost|uønsket post|ruslpóstur",
        "\\Archive": "archive|archives|archiv|archivo|archivio|archief|arkiv|safn|archiwum|arquivo",
    }.items()
    for name in names.split("|")
}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of the source and the name of ours that it goes to."""

    folder: SourceFolder
    name: str


def is_view(folder: SourceFolder) -> bool:
    """Whether its messages lie in other folders as well."""
    return (folder.special_use or "").lower() in VIEWS


def place(folder: SourceFolder, ours: Mapping[str, str], into: Sequence[str] = ()) -> Place:
    """Where a folder goes. `ours`: special use → name of our folder; `into`: levels to put everything below."""
    levels = _levels(folder)
    if into:
        return Place(folder, _name((*into, *levels)))
    if len(levels) == 1 and levels[0] == "INBOX":
        return Place(folder, "INBOX")
    use = folder.special_use or _common_use(levels)
    if use is not None and use in ours:
        return Place(folder, ours[use])
    if (folder.special_use or "").lower() == "\\all" and "\\Archive" in ours:
        return Place(folder, ours["\\Archive"])
    return Place(folder, _name(levels))


def _levels(folder: SourceFolder) -> tuple[str, ...]:
    """Levels that our hierarchy can hold; INBOX is one name in any case (RFC 9051 §5.1)."""
    levels = [cleaned for level in folder.levels if (cleaned := _clean(level))] or ["INBOX"]
    if levels[0].upper() == "INBOX":
        levels[0] = "INBOX"
    return tuple(levels)


def _name(levels: Sequence[str]) -> str:
    levels = [*levels[: MAX_LEVELS - 1], "-".join(levels[MAX_LEVELS - 1 :])] if len(levels) > MAX_LEVELS else levels
    if sum(map(len, levels)) + len(levels) > MAX_NAME:
        levels = [level[: MAX_NAME // len(levels) - 1] for level in levels]
    return "/".join(level.strip() for level in levels)


def _clean(level: str) -> str:
    """One level without what a name cannot hold."""
    kept = "".join("-" if letter == "/" else letter for letter in level if ord(letter) >= 32 and ord(letter) != 127)
    return kept.encode("utf-8", "replace").decode().strip()


def _common_use(levels: Sequence[str]) -> str | None:
    if len(levels) == 2 and levels[0].lower() in _SHELVES:
        levels = levels[1:]
    return _COMMON.get(levels[0].lower()) if len(levels) == 1 else None
