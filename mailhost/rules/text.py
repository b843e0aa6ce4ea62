"""Rules and the answer of the absent as JSON: the form in which they are sealed, shown and handed in.

    {"version": 1,
     "rules": [{"name": "lists", "when": [{"about": "list", "asks": "contains", "value": "tides"}],
                "then": [{"does": "folder", "value": "Lists/Tides"}, {"does": "stop"}]}]}

The version is there so that a later form can be told from this one; an unknown one is refused, never guessed at.
What is read passes the same checks as what somebody types, so a stored text is never trusted more than a form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from mailhost.rules.rule import BadRule, Rule, Rules, action, checked, condition, rule

VERSION: Final = 1
# Octets of the whole text: all rules with room to spare, and nothing that a parser would feel.
MAX_TEXT: Final = 256 * 1024

_RULE: Final = frozenset({"name", "when", "then", "any_of", "off"})


def write(rules: Rules) -> dict[str, Any]:
    """The JSON object of these rules."""
    return {"version": VERSION, "rules": [_written(one) for one in rules]}


def _written(one: Rule) -> dict[str, Any]:
    when = [_without_empty({"about": each.about, "asks": each.asks, "value": each.value}) for each in one.conditions]
    then = [_without_empty({"does": each.does, "value": each.value}) for each in one.actions]
    found: dict[str, Any] = {"name": one.name, "when": when, "then": then}
    return found | ({"any_of": True} if one.any_of else {}) | ({"off": True} if one.off else {})


def _without_empty(words: Mapping[str, str]) -> dict[str, str]:
    return {key: str(value) for key, value in words.items() if value}


def read(text: bytes | str) -> Rules:
    """Rules from their JSON text. Raises BadRule."""
    return read_object(parsed(text))


def parsed(text: bytes | str) -> Mapping[str, Any]:
    """A JSON object. Raises BadRule."""
    if len(text) > MAX_TEXT:
        raise BadRule(f"the text is longer than {MAX_TEXT} octets")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRule("this is not JSON") from None
    if not isinstance(found, dict):
        raise BadRule("the JSON is not an object")
    return found


def read_object(found: Mapping[str, Any]) -> Rules:
    """Rules from a JSON object. Raises BadRule."""
    if found.get("version") != VERSION:
        raise BadRule(f"the version is not {VERSION}")
    if unknown := found.keys() - {"version", "rules"}:
        raise BadRule(f"unknown words beside the rules: {', '.join(sorted(unknown))[:60]}")
    rows = found.get("rules")
    if not isinstance(rows, list):
        raise BadRule("the rules are not a list")
    rules = []
    for number, row in enumerate(rows, 1):
        try:
            rules.append(_rule(row))
        except BadRule as problem:
            raise BadRule(f"rule {number}: {problem}") from None
    return checked(tuple(rules))


def _rule(row: Any) -> Rule:
    if not isinstance(row, dict) or row.keys() - _RULE:
        raise BadRule(f"a rule is an object with {', '.join(sorted(_RULE))}")
    switches = [row.get(word, False) for word in ("any_of", "off")]
    if not all(isinstance(switch, bool) for switch in switches):
        raise BadRule("any_of and off are true or false")
    if not isinstance(row.get("name"), str):
        raise BadRule("a rule has a name")
    return rule(
        row["name"],
        tuple(condition(*_words(one, "about", "asks")) for one in _rows(row, "when")),
        tuple(action(*_words(one, "does")) for one in _rows(row, "then")),
        any_of=switches[0],
        off=switches[1],
    )


def _rows(row: Mapping[str, Any], word: str) -> list[Any]:
    found = row.get(word)
    if not isinstance(found, list):
        raise BadRule(f"{word!r} is a list")
    return found


def _words(one: Any, *names: str) -> list[str]:
    """The named texts of an object, and its value."""
    if not isinstance(one, dict) or one.keys() - {*names, "value"}:
        raise BadRule(f"each has {', '.join(names)} and, where it needs one, a value")
    given = [*(one.get(name) for name in names), one.get("value", "")]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise BadRule(f"{', '.join(names)} and value are texts")
    return texts
