"""Collecting texts: from templates, from modules, and the sentences of packages that know no Django."""

from __future__ import annotations

from tests.webadmin import pseudo
from webadmin.languages import marked
from webadmin.languages.marked import NAME, Marked


def test_a_templates_texts_are_found_as_django_looks_them_up() -> None:
    source = (
        '{% trans "Sign in" %} {% trans "100 %" as all %} {% badge _("verified") "good" %}'
        "{% blocktrans count n=days trimmed %}\n {{ n }} day\n{% plural %}{{ n }} days{% endblocktrans %}"
        '{% trans "State" context "a verb" %} plain words'
    )
    assert list(marked.in_template(source)) == [
        Marked("Sign in"),
        Marked("100 %%"),
        Marked("verified"),
        Marked("%(n)s day", "%(n)s days"),
        Marked("State", context="a verb"),
    ]


def test_a_modules_texts_are_found_and_computed_ones_are_not() -> None:
    source = '_("One " "text")\nngettext("%(n)d day", "%(n)d days", n)\npgettext("a verb", "State")\n_(name)\nf("no")\n'
    assert list(marked.in_module(source)) == [
        Marked("One text"),
        Marked("%(n)d day", "%(n)d days"),
        Marked("State", context="a verb"),
    ]


def test_a_pure_modules_sentences_are_found_with_names_for_what_is_put_in() -> None:
    source = '''"""A lesson in several words."""

def refuse(box, other):
    """Why it is refused."""
    raise Refused(f"{box.address} leads to {other.address} already; take {box} away")

PLAIN = {"ok": "The place is allowed.", "key": "one"}
'''
    assert list(marked.sentences(source)) == [
        "{address} leads to {address2} already; take {box} away",
        "The place is allowed.",
    ]


def test_names_of_countries_have_a_context_of_their_own() -> None:
    everything = pseudo.everything()
    assert Marked("Iceland", context=NAME) in everything
    assert Marked("Iceland only") in everything
    assert len(everything) == len(set(everything))


def test_what_facts_say_is_collected_and_ids_and_states_are_not() -> None:
    found = set(marked.names())
    assert {"6 months", "court order", "Bill C-22, Lawful Access Act"} <= found
    assert not found & {"yes", "no", "unknown", "FVEY", "14EYES", ""}
