"""The tags and widgets of our own draw what Django's draw; they only take less time for it."""

from __future__ import annotations

import pytest
from django.forms import Select
from django.template import Context, Engine
from django.template.backends.django import get_installed_libraries
from django.utils import translation

from webadmin.templatetags import parts
from webadmin.tenants.forms import Names

DJANGOS = Engine(builtins=["django.templatetags.i18n"], libraries=get_installed_libraries())
OURS = Engine(builtins=["django.templatetags.i18n", "webadmin.templatetags.parts"], libraries=get_installed_libraries())


@pytest.mark.parametrize(
    "source",
    [
        "{% trans 'Sign out' %}",
        '{% translate "Session’s reason" %}',
        "{% trans 'Sign out' as words %}<{{ words }}>",
        "{% trans 'May' context 'month name' %}",
        "{% trans 'Sign out' noop %}",
        "{% trans 'a < b & 100% of it' %}",
        "{% trans 'a < b & c' as words %}{{ words }}",
        "{% trans 'Sign out'|upper %}",
        "{% trans known %}",
    ],
)
@pytest.mark.parametrize("language", ["en", "fr", "is", "de", "ru"])
def test_a_text_is_translated_as_by_django(source: str, language: str) -> None:
    about = {"known": "Sign in"}
    with translation.override(language):
        assert OURS.from_string(source).render(Context(about)) == DJANGOS.from_string(source).render(Context(about))


def test_one_template_speaks_the_language_of_each_request() -> None:
    template = OURS.from_string("{% trans 'Sign out' %}")
    said = []
    for language in ("en", "de", "en"):
        with translation.override(language):
            said.append(template.render(Context()))
    assert said[0] == said[2] != said[1]


@pytest.mark.parametrize("value", ["", None, "b.test", "<evil>"])
def test_a_list_of_names_is_drawn_as_by_django(value: str | None) -> None:
    choices = [("a.test", "a.test"), ("b.test", "b.test"), ("<evil>", '<evil> & "more"')]
    about = {"id": "id_domain", "required": True}
    own = Names(choices=choices).render("domain", value, about)
    djangos = Select(choices=choices).render("domain", value, about)
    assert own.replace("\n", "").replace(" ", "") == djangos.replace("\n", "").replace(" ", "")


def test_a_state_has_its_words_and_its_mood() -> None:
    assert parts.state("suspended") == '<span class="badge bad">suspended</span>'
    assert parts.state("waiting") == '<span class="badge ">waiting</span>'
