"""Parts of pages as template tags: a copy button, a status badge, the mark against sending twice, a chart.

They are built in (settings), so that no template has to load them. Each draws one small template of
`webadmin/templates/webadmin/parts/`.
"""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.templatetags import i18n
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from webadmin.languages import spoken
from webadmin.web import once

register = template.Library()
MOODS: Final = frozenset({"good", "warn", "bad", ""})
STATES: Final = {
    "active": "good",
    "done": "good",
    "held": "warn",
    "running": "warn",
    "leaving": "warn",
    "suspended": "bad",
    "dead": "bad",
}


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


@register.simple_tag
def state(name: str) -> SafeString:
    """The state of a tenant, an item or a job, as a badge."""
    return badge(spoken.word(name), STATES.get(name, ""))


@register.filter
def in_words(value: str) -> str:
    """A state, a verdict or the stage of a law in the reader's language."""
    return spoken.word(str(value))


@register.tag("translate")
@register.tag("trans")
def said(parser: template.base.Parser, token: template.base.Token) -> template.Node:
    """Django's own tag; where its text is a plain constant, as nearly everywhere, without a variable's detour."""
    node = i18n.do_translate(parser, token)
    assert isinstance(node, i18n.TranslateNode)
    text = node.filter_expression.var
    # Django marks a constant as safe; its per cent signs are doubled in catalogues, so those stay with Django.
    literal = text.literal if isinstance(text, template.Variable) else None
    plain = isinstance(literal, str) and "%" not in literal and not node.filter_expression.filters
    return Constant(str(literal), node.asvar) if plain and not node.noop and not node.message_context else node


class Constant(template.Node):
    """A text of ours in the reader's language, a third of the cost: a page of fifty rows has hundreds."""

    child_nodelists = ()

    def __init__(self, text: str, name: str | None) -> None:
        self._text = text
        self._name = name

    def render(self, context: template.Context) -> SafeString:
        told = mark_safe(gettext(self._text))  # noqa: S308  # as Django does with constants of a template
        if self._name is None:
            return told
        context[self._name] = told
        return SafeString("")


@register.filter
def named(value: str) -> str:
    """A name out of the data, such as a law's, in the reader's language."""
    return spoken.name(str(value))


@register.simple_tag(name="once")
def once_(initial: str = "") -> SafeString:
    """The hidden field that makes a form harmless to send twice (`web.once`)."""
    return format_html('<input type="hidden" name="{}" value="{}">', once.FIELD, initial or once.token())
