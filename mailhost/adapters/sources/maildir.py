"""A Maildir: folders as Maildir++ has them (`.Work.2026`), or as folders below folders, with the flags of file names.

The letters behind `:2,` are the flags; lower-case ones are keywords, named in Dovecot's `dovecot-keywords`. The date
is that of the file, which is where IMAP servers keep INTERNALDATE. What lies in `tmp` is not a message yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from mailhost.adapters.sources.files import folder_at, letter, listed_identity, modified, read
from mailhost.imap.names import decode_utf7
from mailhost.importing.letters import keyword
from mailhost.importing.source import Bad, Letter, Listed, SourceFolder, SourceProblem
from mailhost.message.foldernames import BadName

_FLAGS: Final = {
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
    "D": "\\Draft",
    "F": "\\Flagged",
}
_SEPARATORS: Final = (":2,", ";2,", "!2,")  # the last two where a file system knows no colon


class MaildirSource:
    """`Source` over a Maildir. `limit`: octets of the largest message. Raises SourceProblem."""

    def __init__(self, path: Path, *, limit: int) -> None:
        self._root = folder_at(path, "a Maildir: a folder with cur, new and tmp in it or below it")
        self._limit = limit
        self._places: dict[str, Path] = {}
        self._paths: dict[str, list[Path]] = {}

    def folders(self) -> Sequence[SourceFolder]:
        found = []
        for where, below, _files in os.walk(self._root):
            is_folder = "cur" in below
            below[:] = sorted(name for name in below if name not in ("cur", "new", "tmp"))
            if is_folder:
                place = Path(where)
                levels = _levels(place.relative_to(self._root).parts)
                name = "/".join(levels)
                self._places[name] = place
                found.append(SourceFolder(name, levels))
        if not found:
            raise SourceProblem(f"{self._root} is no Maildir: no folder in it has a folder cur")
        return found

    def listed(self, folder: SourceFolder) -> Sequence[Listed]:
        place = self._places[folder.name]
        paths = [path for part in ("cur", "new") if (place / part).is_dir() for path in (place / part).iterdir()]
        # Unique names begin with the second of the delivery, so this is the order of arrival.
        paths = sorted((path for path in paths if not path.name.startswith(".")), key=lambda path: path.name)
        self._paths[folder.name] = paths
        return [Listed(number, listed_identity(path, self._limit)) for number, path in enumerate(paths, 1)]

    def letters(self, folder: SourceFolder, numbers: Sequence[int]) -> Iterator[Letter | Bad]:
        keywords = _keywords(self._places[folder.name])
        for number in numbers:
            path = self._paths[folder.name][number - 1]
            yield letter(number, read(path, self._limit), _flags(path.name, keywords), modified(path))

    def close(self) -> None:
        """Nothing is held."""


def _levels(parts: Sequence[str]) -> tuple[str, ...]:
    levels: list[str] = []
    for part in parts:
        # Maildir++: one folder beside the others, its levels divided by full stops.
        levels += part[1:].split(".") if part.startswith(".") else [part]
    return tuple(_decoded(level) for level in levels if level) or ("INBOX",)


def _decoded(level: str) -> str:
    """Most programs write names in IMAP's own encoding, some as they are."""
    try:
        return decode_utf7(level.encode("ascii"))
    except (BadName, UnicodeEncodeError):
        return level


def _flags(name: str, keywords: Mapping[str, str]) -> tuple[str, ...]:
    letters = next((name.rpartition(mark)[2] for mark in _SEPARATORS if mark in name), "")
    found = [_FLAGS.get(each) or keywords.get(each) for each in letters]
    return tuple(dict.fromkeys(flag for flag in found if flag))


def _keywords(place: Path) -> Mapping[str, str]:
    """Letter → keyword: lines of a number, counted from 'a', and a name."""
    found = {}
    try:
        lines = (place / "dovecot-keywords").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    for line in lines:
        number, _space, name = line.partition(" ")
        if number.isdigit() and int(number) < 26 and keyword(name):
            found[chr(ord("a") + int(number))] = name
    return found
