"""Catalogues of the pages' languages: a `.po` file that people write, and the `.mo` file that the program reads.

`python -m webadmin.languages.catalogues` brings every catalogue up to date with the texts that are marked in the
program (`languages.marked`): what is translated stays, what is new waits empty at its place, what is gone goes. It
guesses nothing and needs no GNU gettext. A catalogue is whole or the tests fail: no text missing, none unsure, none
with other placeholders than the original.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from webadmin.languages import marked

FOLDER: Final = Path(__file__).resolve().parents[1] / "locale"
_MAGIC: Final = 0x950412DE
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[sd]|%%|%[sd]|\{(\w*)\}")
_PLURALS: Final = re.compile(r"nplurals=(\d)")


@dataclass(slots=True)
class Entry:
    """One text and its translations (several where it has a plural)."""

    text: str = ""
    plural: str = ""
    context: str | None = None
    translations: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def key(self) -> str:
        """As a `.mo` file names it."""
        text = f"{self.text}\0{self.plural}" if self.plural else self.text
        return f"{self.context}\4{text}" if self.context is not None else text


def parse(source: str) -> list[Entry]:
    """The entries of a `.po` file; the first, of the empty text, is the header. Obsolete ones are left out."""
    return [entry for block in re.split(r"\n\s*\n", source) if (entry := _entry(block)) is not None]


def _entry(block: str) -> Entry | None:
    found, at = Entry(), ""
    parts: dict[str, str] = {}
    for line in block.splitlines():
        if line.startswith("#,") and "fuzzy" in line:
            found.fuzzy = True
        if line.startswith("#") or not line.strip():
            continue
        keyword = re.match(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+(?=")', line)
        if keyword:
            at, line = keyword[1], line[keyword.end() :]  # noqa: PLW2901  # the rest of the line is its first string
        parts[at] = parts.get(at, "") + str(ast.literal_eval(line.strip()))
    if "msgid" not in parts:
        return None
    found.text, found.plural, found.context = parts["msgid"], parts.get("msgid_plural", ""), parts.get("msgctxt")
    found.translations = [parts[name] for name in sorted(parts) if name.startswith("msgstr")]
    return found


def write(entries: Iterable[Entry]) -> str:
    """A `.po` file, a line for each string however long: what changed is then easy to see."""
    blocks = []
    for entry in entries:
        lines = [] if entry.context is None else [f"msgctxt {_quoted(entry.context)}"]
        lines.append(f"msgid {_quoted(entry.text)}")
        if entry.plural:
            lines.append(f"msgid_plural {_quoted(entry.plural)}")
            lines += [f"msgstr[{number}] {_quoted(one)}" for number, one in enumerate(entry.translations)]
        else:
            lines.append(f"msgstr {_quoted(''.join(entry.translations))}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n")
    return f'"{escaped}"'


def compiled(entries: list[Entry]) -> bytes:
    """A `.mo` file: sorted keys, translations, tables of where each is. Unsure and missing ones are left out."""
    pairs = sorted(
        (entry.key.encode(), "\0".join(entry.translations).encode())
        for entry in entries
        if all(entry.translations) and (not entry.fuzzy or not entry.text)
    )
    start = 7 * 4 + 16 * len(pairs)
    keys, texts, tables = b"", b"", ([], [])  # type: ignore[var-annotated]
    for key, text in pairs:
        tables[0].append((len(key), len(keys)))
        tables[1].append((len(text), len(texts)))
        keys, texts = keys + key + b"\0", texts + text + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    places = [struct.pack("<2I", size, start + offset) for size, offset in tables[0]]
    places += [struct.pack("<2I", size, start + len(keys) + offset) for size, offset in tables[1]]
    return head + b"".join(places) + keys + texts


def merged(known: list[Entry], wanted: Iterable[marked.Marked]) -> list[Entry]:
    """The header and every wanted text, with the translations that are known and sure."""
    header, *rest = known
    sure = {entry.key: entry.translations for entry in rest if not entry.fuzzy}
    found = [header]
    for one in wanted:
        entry = Entry(one.text, one.plural, one.context or None)
        empty = [""] * (forms(header) if one.plural else 1)
        entry.translations = sure.get(entry.key, empty)
        found.append(entry)
    return found


def forms(header: Entry) -> int:
    """How many forms a plural has in the language."""
    found = _PLURALS.search(header.translations[0])
    return int(found[1]) if found else 2


def problems(entries: list[Entry], wanted: Iterable[marked.Marked] = ()) -> Iterator[str]:
    """What keeps a catalogue from being whole."""
    there = {entry.key for entry in entries}
    for one in wanted:
        if Entry(one.text, one.plural, one.context or None).key not in there:
            yield f"not in the catalogue: {one.text[:60]}"
    for entry in entries[1:]:
        if entry.fuzzy or not all(entry.translations):
            yield f"not translated: {entry.text[:60]}"
        if entry.plural and len(entry.translations) != forms(entries[0]):
            yield f"not as many forms as the language has: {entry.text[:60]}"
        allowed = (placeholders(entry.text), placeholders(entry.plural or entry.text))
        if any(placeholders(one) not in allowed for one in entry.translations if one):
            yield f"other placeholders than the original: {entry.text[:60]}"


def placeholders(text: str) -> set[str]:
    """Names of what is put into a text."""
    return {found[0] for found in _PLACEHOLDER.finditer(text)}


@cache
def languages() -> list[str]:
    """Codes of the catalogues that are there, looked for once: pages ask for every word of a table."""
    return sorted(path.name for path in FOLDER.iterdir() if (path / "LC_MESSAGES" / "django.po").is_file())


def po(language: str) -> Path:
    """The catalogue that people write."""
    return FOLDER / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> list[Entry]:
    """The entries of a language's catalogue, the header first."""
    return parse(po(language).read_text(encoding="utf-8"))


def main() -> None:
    """Collect and compile."""
    wanted = marked.everything()
    for language in languages():
        entries = merged(read(language), wanted)
        po(language).write_text(write(entries), encoding="utf-8")
        po(language).with_suffix(".mo").write_bytes(compiled(entries))


if __name__ == "__main__":
    main()
