"""Parts of pages as template tags: a copy button, a status badge, the mark against sending twice, a chart.

They are built in (settings), so that no template has to load them. Each draws one small template of
`webadmin/templates/webadmin/parts/`.
"""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webadmin import once, spoken

register = template.Library()
MOODS: Final = frozenset({"good", "warn", "bad", ""})


@register.inclusion_tag("webadmin/parts/copy.html")
def copy(text: str) -> dict[str, Any]:
    """A value with a button that copies it; without script, a value."""
    return {"text": text}


@register.simple_tag
def badge(words: str, mood: str = "") -> SafeString:
    """A status: its words and its mood (good, warn, bad or none). Shape and colour say the same."""
    if mood not in MOODS:
        raise ValueError(f"a badge's mood is one of {sorted(MOODS)}, not {mood!r}")
    return format_html('<span class="badge {}">{}</span>', mood, words)


@register.filter
def in_words(value: str) -> str:
    """A state, a verdict or the stage of a law in the reader's language."""
    return spoken.word(str(value))


@register.simple_tag(name="once")
def once_(initial: str = "") -> SafeString:
    """The hidden field that makes a form harmless to send twice (`webadmin.once`)."""
    return format_html('<input type="hidden" name="{}" value="{}">', once.FIELD, initial or once.token())
