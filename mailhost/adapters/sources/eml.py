"""A folder of messages, one a file (`*.eml`), folders below folders.

Files beside the given folder's own subfolders go to INBOX. A folder that `skerry mailbox export --open` wrote is
known by its `mailbox.json`: then flags come from `index.jsonl` and names of folders are decoded again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from mailhost.adapters.sources.files import folder_at, letter, listed_identity, modified, read
from mailhost.imap.store import SYSTEM_FLAGS
from mailhost.importing.letters import arrived, header_of, keyword
from mailhost.importing.source import Bad, Letter, Listed, SourceFolder

SUFFIXES: Final = (".eml",)


class EmlSource:
    """`Source` over a folder. `limit`: octets of the largest message. Raises SourceProblem."""

    def __init__(self, path: Path, *, limit: int) -> None:
        self._root = folder_at(path, "a folder of .eml files")
        self._limit = limit
        self._exported = (self._root / "mailbox.json").is_file()
        self._places: dict[str, list[Path]] = {}

    def folders(self) -> Sequence[SourceFolder]:
        found = []
        for where, below, files in os.walk(self._root):
            below.sort()
            messages = sorted(name for name in files if name.lower().endswith(SUFFIXES))
            if not messages:
                continue
            place = Path(where)
            levels = place.relative_to(self._root).parts
            name = "/".join(unquote(level) if self._exported else level for level in levels) or "INBOX"
            self._places[name] = [place / each for each in messages]
            found.append(SourceFolder(name, tuple(name.split("/"))))
        return found

    def listed(self, folder: SourceFolder) -> Sequence[Listed]:
        paths = self._places[folder.name]
        return [Listed(number, listed_identity(path, self._limit)) for number, path in enumerate(paths, 1)]

    def letters(self, folder: SourceFolder, numbers: Sequence[int]) -> Iterator[Letter | Bad]:
        paths = self._places[folder.name]
        flags = _index(paths[0].parent) if self._exported else {}
        for number in numbers:
            path = paths[number - 1]
            content = read(path, self._limit)
            moment = None
            if isinstance(content, bytes) and arrived(header_of(content)) is None:
                moment = modified(path)
            yield letter(number, content, flags.get(path.name, ()), moment)

    def close(self) -> None:
        """Nothing is held."""


def _index(place: Path) -> Mapping[str, tuple[str, ...]]:
    """File name → flags, as an export wrote them; a line that is none is passed over."""
    found = {}
    try:
        lines = (place / "index.jsonl").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    for line in lines:
        try:
            entry = json.loads(line)
            name, flags = str(entry["file"]).removesuffix(".age"), entry["flags"]
            found[name] = tuple(flag for flag in flags if flag in SYSTEM_FLAGS or keyword(flag))
        except (ValueError, KeyError, TypeError):
            continue
    return found
