"""Looking for words that must not rest in clear: in every file of a cell, in each form that would betray them.

In goes what was planted (a thing -> its word) and where to look; out comes where it lies: as text, in base64 at any
alignment, in hex, in UTF-16. A cell of a journey has a temporary folder of its own below its house; what somebody
leaves in the machine's all the same shows as an entry there that was not there before.
"""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

# Houses of other journeys beside this one.
_HOUSE = "skerry-house-"


def planted(things: Iterable[str]) -> dict[str, str]:
    """One unguessable word for each private thing."""
    return {thing: "canary" + secrets.token_hex(8) for thing in things}


def forms(word: str) -> Iterator[bytes]:
    """The byte strings that would betray a word."""
    text = word.encode()
    yield text
    yield text.hex().encode()
    yield word.encode("utf-16-le")
    for shift in range(3):
        # The middle of the base64 text is the same whatever surrounds the word at this alignment.
        yield base64.b64encode(b"\0" * shift + text)[4:-4]


def files(root: Path) -> Iterator[Path]:
    """What can be read below a folder."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def temporary() -> set[str]:
    """What stands in the machine's temporary folder, by name."""
    return {path.name for path in Path(tempfile.gettempdir()).iterdir() if not path.name.startswith(_HOUSE)}


def appeared(before: set[str]) -> Iterator[Path]:
    """The files of what stands there now and did not before."""
    for name in sorted(temporary() - before):
        path = Path(tempfile.gettempdir()) / name
        if path.is_file() and not path.is_symlink():
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from files(path)


def holds(path: Path, text: bytes) -> bool:
    """Whether a text stands in the file; what is gone since it was listed, as a note between daemons, holds nothing."""
    with suppress(FileNotFoundError):
        return text in path.read_bytes()
    return False


def found(paths: Iterable[Path], words: Mapping[str, str]) -> Iterator[str]:
    """Each word that lies in a file: `thing in name`."""
    patterns = [(thing, form) for thing, word in words.items() for form in forms(word)]
    for path in paths:
        # What appeared meanwhile may be another test's, which has ended since.
        with suppress(FileNotFoundError):
            content = path.read_bytes()
            for thing, form in patterns:
                if form in content:
                    yield f"{thing} in {path.name}"
