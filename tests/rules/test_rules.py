"""Rules: what fits, what is done, what is refused; and that a text comes back as it was written."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.rules import rule as r
from mailhost.rules.apply import NO_PLAN, Letter, Plan, Step, Why, asks_for_attachments, fits, plan
from mailhost.rules.rule import ASKS, About, Action, Asks, BadRule, Condition, Does, Rule
from mailhost.rules.text import MAX_TEXT, read, write

LETTER = Letter(
    senders=("cleo@example.no", "bounces@lists.example.no"),
    reached="ada+bills@example.is",
    recipients=("Tides@example.no", "ben@example.is"),
    list_id="<tides.lists.example.no>",
    subject="Hátt á Hádegi",
    size=2000,
)


@pytest.mark.parametrize(
    ("about", "asks", "value", "holds"),
    [
        ("sender", "is", "Cleo@example.NO", True),
        ("sender", "is", "bounces@lists.example.no", True),
        ("sender", "is", "leo@example.no", False),
        ("sender", "domain", "example.no", True),
        ("sender", "domain", "@EXAMPLE.no", True),
        ("sender", "domain", "ample.no", False),
        ("sender", "domain", "cleo.example.no", False),
        ("sender", "contains", "LEO@", True),
        ("recipient", "is", "ada+bills@example.is", True),
        ("recipient", "is", "tides@example.no", True),
        ("recipient", "is", "ada@example.is", False),
        ("recipient", "detail", "BILLS", True),
        ("recipient", "detail", "bill", False),
        ("recipient", "contains", "ben@", True),
        ("list", "is", "<tides.lists.example.no>", True),
        ("list", "is", "tides", False),
        ("list", "contains", "TIDES.", True),
        ("subject", "contains", "hádegi", True),
        ("subject", "contains", "midnight", False),
        ("size", "over", "1999", True),
        ("size", "over", "2000", False),
        ("size", "under", "2001", True),
        ("size", "under", "2000", False),
        ("attachment", "yes", "", False),
        ("attachment", "no", "", True),
        ("junk", "yes", "", False),
    ],
)
def test_a_condition_holds_or_does_not(about: str, asks: str, value: str, holds: bool) -> None:
    asked = Rule("x", (r.condition(about, asks, value),), (Action(Does.STOP),))
    assert fits(asked, LETTER) is holds


def rule(*actions: Action, about: str = "sender", **changed: object) -> Rule:
    conditions = (r.condition("junk", "yes"),) if about == "junk" else (r.condition("sender", "domain", "example.no"),)
    return replace(Rule("x", conditions, actions), **changed)  # type: ignore[arg-type]


FOLDER, FORWARD = Action(Does.FOLDER, "Lists"), Action(Does.FORWARD, "ada@other.test")


def test_all_conditions_or_any() -> None:
    both = (r.condition("sender", "domain", "example.no"), r.condition("subject", "contains", "midnight"))
    assert not fits(Rule("x", both, (FOLDER,)), LETTER)
    assert fits(Rule("x", both, (FOLDER,), any_of=True), LETTER)


def test_the_first_folder_stands_and_flags_and_forwards_add_up() -> None:
    later = rule(Action(Does.FOLDER, "Other"), Action(Does.FLAG, "\\Flagged"), FORWARD)
    found = plan((rule(FOLDER, Action(Does.FLAG, "\\Seen"), FORWARD), later), LETTER)
    assert found == Plan(
        "Lists",
        ("\\Seen", "\\Flagged"),
        ("ada@other.test",),
        steps=(
            Step(1, FOLDER, Why.DONE),
            Step(1, Action(Does.FLAG, "\\Seen"), Why.DONE),
            Step(1, FORWARD, Why.DONE),
            Step(2, Action(Does.FOLDER, "Other"), Why.FOLDER_CHOSEN),
            Step(2, Action(Does.FLAG, "\\Flagged"), Why.DONE),
            Step(2, FORWARD, Why.TWICE),
        ),
    )


def test_stop_ends_and_what_is_off_is_not_asked() -> None:
    stops = rule(FOLDER, Action(Does.STOP))
    assert plan((stops, rule(Action(Does.DISCARD))), LETTER).discard is False
    assert plan((replace(stops, off=True), rule(Action(Does.DISCARD))), LETTER).discard is True
    assert plan((), LETTER) is plan((replace(stops, off=True),), LETTER) is NO_PLAN


def test_junk_is_shown_only_to_rules_about_junk_and_never_forwarded() -> None:
    junk = replace(LETTER, junk=True)
    assert plan((rule(FOLDER, FORWARD),), junk) is NO_PLAN
    found = plan((rule(FOLDER, FORWARD, about="junk"),), junk)
    assert (found.folder, found.forwards) == ("Lists", ())
    assert found.steps[1] == Step(1, FORWARD, Why.JUNK_STAYS)
    either = (r.condition("junk", "yes"), r.condition("sender", "domain", "example.no"))
    assert plan((Rule("x", either, (FORWARD,), any_of=True),), junk).forwards == ()


def test_attachments_are_looked_for_only_where_a_rule_asks() -> None:
    asking = Rule("x", (r.condition("attachment", "yes"),), (FOLDER,))
    assert asks_for_attachments((rule(FOLDER), asking))
    assert not asks_for_attachments((rule(FOLDER), replace(asking, off=True)))


@pytest.mark.parametrize(
    ("about", "asks", "value", "why"),
    [
        ("weather", "is", "x", "no condition"),
        ("sender", "over", "1", "is asked with"),
        ("sender", "is", "", "needs something"),
        ("sender", "is", "cleo", "cannot be looked for"),
        ("sender", "domain", "a b", "cannot be looked for"),
        ("subject", "contains", "x" * 255, "at most 254"),
        ("subject", "contains", "a\nb", "one line"),
        ("size", "over", "-1", "whole number"),
        ("size", "over", "²", "whole number"),
        ("size", "over", str(r.MAX_SIZE + 1), "whole number"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_remedy(about: str, asks: str, value: str, why: str) -> None:
    with pytest.raises(BadRule, match=why):
        r.condition(about, asks, value)


@pytest.mark.parametrize(
    ("does", "value", "why"),
    [
        ("explode", "", "no action"),
        ("folder", "", "cannot have this name"),
        ("folder", "a//b", "cannot have this name"),
        ("folder", "50%", "cannot have this name"),
        ("folder", "x" * 1001, "cannot have this name"),
        ("flag", "\\Deleted", "nothing else"),
        ("forward", "nobody", "no address to forward to"),
        ("forward", "a@[192.0.2.1]", "no address to forward to"),
    ],
)
def test_what_is_no_action_is_refused_with_its_remedy(does: str, value: str, why: str) -> None:
    with pytest.raises(BadRule, match=why):
        r.action(does, value)


def test_a_rule_and_a_set_of_rules_have_limits() -> None:
    one = (Condition(About.JUNK, Asks.YES),)
    for name, conditions, actions in (
        ("", one, (FOLDER,)),
        ("x" * 61, one, (FOLDER,)),
        ("two\nlines", one, (FOLDER,)),
        ("x", (), (FOLDER,)),
        ("x", one * 11, (FOLDER,)),
        ("x", one, ()),
        ("x", one, (Action(Does.STOP),) * 7),
        ("x", one, (FOLDER, Action(Does.FOLDER, "Other"))),
        ("x", one, (FOLDER, Action(Does.DISCARD))),
    ):
        with pytest.raises(BadRule):
            r.rule(name, conditions, actions)
    good = r.rule(" x ", one, (FOLDER,))
    assert good.name == "x"
    assert r.checked((good,) * 100)
    with pytest.raises(BadRule, match="at most 100"):
        r.checked((good,) * 101)
    with pytest.raises(BadRule, match="at most 3 addresses"):
        r.checked(tuple(replace(good, actions=(r.action("forward", f"a{n}@x.test"),)) for n in range(4)))


CONDITIONS = st.one_of(
    *(
        st.builds(
            r.condition,
            st.just(about),
            st.just(asks),
            {
                About.SIZE: st.integers(1, r.MAX_SIZE).map(str),
                About.SENDER: st.sampled_from(["cleo@example.no"] if asks is not Asks.DOMAIN else ["example.no"]),
                About.RECIPIENT: st.sampled_from(["ada@example.is"]),
            }.get(about, st.text("abc é", min_size=1, max_size=20).filter(str.strip)),
        )
        for about, ways in ASKS.items()
        for asks in ways
    )
)
ACTIONS = st.sampled_from(
    [FOLDER, FORWARD, Action(Does.FLAG, "\\Seen"), Action(Does.FLAG, "\\Flagged"), Action(Does.STOP)]
)
RULES = st.lists(
    st.builds(
        Rule,
        st.text("abc", min_size=1, max_size=9),
        st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple),
        st.lists(ACTIONS, min_size=1, max_size=3, unique=True).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    max_size=5,
).map(tuple)


@given(RULES)
def test_rules_come_back_as_they_were_written(rules: tuple[Rule, ...]) -> None:
    assert read(json.dumps(write(rules))) == rules


@given(RULES, st.booleans())
def test_a_plan_never_forwards_junk_and_says_why_for_each_action(rules: tuple[Rule, ...], junk: bool) -> None:
    found = plan(rules, replace(LETTER, junk=junk))
    assert not (junk and found.forwards)
    assert len(found.steps) <= sum(len(one.actions) for one in rules)
    done = [step for step in found.steps if step.why is Why.DONE]
    assert len([step for step in done if step.action.does is Does.FORWARD]) == len(found.forwards)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b"x" * (MAX_TEXT + 1),
        b'{"version": 2, "rules": []}',
        b'{"version": 1}',
        b'{"version": 1, "rules": [], "more": 1}',
        b'{"version": 1, "rules": [7]}',
        b'{"version": 1, "rules": [{"name": "x"}]}',
        b'{"version": 1, "rules": [{"name": "x", "when": [], "then": []}]}',
        b'{"version": 1, "rules": [{"name": 1, "when": [{"about": "junk", "asks": "yes"}], "then": [{"does": "stop"}]}]}',
        b'{"version": 1, "rules": [{"name": "x", "off": 1, "when": [{"about": "junk", "asks": "yes"}], "then": [{"does": "stop"}]}]}',
        b'{"version": 1, "rules": [{"name": "x", "when": [{"about": "size", "asks": "over", "value": 5}], "then": [{"does": "stop"}]}]}',
        b'{"version": 1, "rules": [{"name": "x", "when": ["junk"], "then": [{"does": "stop"}]}]}',
        b'{"version": 1, "rules": [{"name": "x", "when": [{"about": "junk", "asks": "yes", "or": "no"}], "then": [{"does": "stop"}]}]}',
    ],
)
def test_what_is_no_rules_is_refused(text: bytes) -> None:
    with pytest.raises(BadRule):
        read(text)


@given(st.binary(max_size=200) | st.text(max_size=100))
def test_no_text_raises_anything_else(text: bytes | str) -> None:
    with suppress(BadRule):
        read(text)
