"""A note of sections and paragraphs, each with the sources it rests on, and its printed form with numbered sources.

Its sentences are values (`jurisdiction.phrases`), so that a page says them in its reader's language.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from jurisdiction.atlas import Atlas
from jurisdiction.phrases import English, Phrase, Said, Tongue, in_a_row, spoken

WIDTH: Final = 100
# Above the list of sources, and beside each of them.
SOURCES: Final = "Sources"
READ: Final = "read on {day}"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that belong together. `sources` are ids of sources, `facts` ids of the facts behind them."""

    said: tuple[Said, ...]
    sources: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(slots=True)
class Section:
    title: Phrase
    paragraphs: list[Paragraph] = field(default_factory=list)

    def say(self, *said: Said, sources: Iterable[str] = (), facts: Iterable[str] = ()) -> None:
        self.paragraphs.append(Paragraph(said, tuple(dict.fromkeys(sources)), tuple(facts)))


@dataclass(frozen=True, slots=True)
class Note:
    title: Phrase
    sections: tuple[Section, ...]

    def sources(self) -> tuple[str, ...]:
        """Ids of the sources cited, in the order of their first mention."""
        cited = (source for section in self.sections for one in section.paragraphs for source in one.sources)
        return tuple(dict.fromkeys(cited))


def render(note: Note, atlas: Atlas, tongue: Tongue | None = None, width: int = WIDTH) -> str:
    """The note as text with numbered sources, wrapped; in English unless another tongue is given."""
    tongue = tongue or English(atlas)
    numbers = {source: number for number, source in enumerate(note.sources(), start=1)}
    lines = _headed(spoken(note.title, tongue), "=")
    for section in note.sections:
        lines += ["", *_headed(spoken(section.title, tongue), "-")]
        for one in section.paragraphs:
            marks = "".join(f"[{numbers[source]}]" for source in one.sources)
            text = in_a_row(one.said, tongue)
            text = f"{text} {marks}" if marks else text
            lines += textwrap.wrap(text, width, initial_indent="* ", subsequent_indent="  ")
    if numbers:
        lines += ["", *_headed(tongue.form(SOURCES), "-")]
    for source_id, number in numbers.items():
        source = atlas.sources[source_id]
        lines += textwrap.wrap(
            f"{source.title} ({source.kind})", width, initial_indent=f"[{number}] ", subsequent_indent="    "
        )
        read = tongue.form(READ).format(day=source.retrieved.isoformat())
        lines.append(f"    {source.url}, {read}")
    return "\n".join(lines) + "\n"


def _headed(title: str, line: str) -> list[str]:
    return [title, line * len(title)]
