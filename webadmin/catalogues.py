"""Catalogues of the pages' languages: a `.po` file that people write, and the `.mo` file that the program reads.

`python -m webadmin.catalogues` collects every text that is marked in templates and modules into the `.po` files (with
GNU gettext's `xgettext` and `msgmerge`, by Django's makemessages) and compiles them. Compiling is done here, in Python,
so that the committed `.mo` can be checked against its `.po` on a machine without gettext.

A catalogue says of itself whether it is whole: `X-Skerry-Complete: yes` in its header, and a test then lets no text be
missing, unsure or with other placeholders than the original.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent / "locale"
COMPLETE: Final = "X-Skerry-Complete: yes"
_MAGIC: Final = 0x950412DE
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")


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


def tidy(source: str, language: str) -> str:
    """A `.po` file whose header says what a reader needs and no more: no names, no dates that change at every run."""
    _header, _blank, rest = source.partition("\n\n")
    kept = parse(source)[0].translations[0]
    plural = next((line for line in kept.splitlines() if line.startswith("Plural-Forms:")), "")
    complete = COMPLETE if COMPLETE in kept else COMPLETE.replace("yes", "no")
    lines = (f"Language: {language}", "Content-Type: text/plain; charset=UTF-8", plural, complete)
    return 'msgid ""\nmsgstr ""\n' + "".join(f'"{line}\\n"\n' for line in lines if line) + "\n" + rest


def problems(entries: list[Entry]) -> Iterator[str]:
    """What keeps a catalogue from being whole."""
    for entry in entries:
        if not entry.text:
            continue
        if entry.fuzzy or not all(entry.translations):
            yield f"not translated: {entry.text[:60]}"
        allowed = placeholders(entry.text) | placeholders(entry.plural)
        for translation in filter(None, entry.translations):
            if not placeholders(translation) <= allowed:
                yield f"other placeholders than the original: {entry.text[:60]}"


def placeholders(text: str) -> set[str]:
    """Names of what is put into a text."""
    return {found[0] for found in _PLACEHOLDER.finditer(text)}


def languages() -> list[str]:
    """Codes of the catalogues that are there."""
    return sorted(path.name for path in FOLDER.iterdir() if (path / "LC_MESSAGES" / "django.po").is_file())


def po(language: str) -> Path:
    """The catalogue that people write."""
    return FOLDER / language / "LC_MESSAGES" / "django.po"


def main() -> None:
    """Collect and compile."""
    import os  # noqa: PLC0415  # only this door needs Django and its settings

    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
    django.setup()
    os.chdir(FOLDER.parent)
    wanted = [code for code, _name in settings.LANGUAGES if code != "en"]
    call_command("makemessages", locale=wanted, no_obsolete=True, no_location=True, ignore_patterns=["frontend/*"])
    for language in languages():
        po(language).write_text(tidy(po(language).read_text(encoding="utf-8"), language), encoding="utf-8")
        po(language).with_suffix(".mo").write_bytes(compiled(parse(po(language).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
