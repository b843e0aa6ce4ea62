"""The forms of filters and of the answer while away. What is typed is judged by `mailhost.rules`; here stand the words.

A filter's form works without JavaScript: it has a few conditions, and one more than the filter has each time it is
opened. A condition is a choice and a text beside it; an empty choice is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailhost.rules import away as absence
from mailhost.rules.away import Away
from mailhost.rules.rule import (
    MAX_CONDITIONS,
    MAX_NAME,
    MAX_SIZE,
    MAX_TARGETS,
    MAX_VALUE,
    About,
    Action,
    Asks,
    BadRule,
    Condition,
    Does,
    Rule,
    action,
    condition,
    rule,
)
from webadmin.languages import spoken
from webadmin.owner import rulewords
from webadmin.owner.rulewords import MIB

_PLAIN: Final = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
# Conditions offered to somebody who begins.
FIRST: Final = 3
MAX_FOLDER: Final = 300  # characters that a form takes; IMAP would take more
NEEDS_NOTHING: Final = frozenset({(About.ATTACHMENT, Asks.YES), (About.ATTACHMENT, Asks.NO), (About.JUNK, Asks.YES)})


def slots_in(fields: Mapping[str, Any]) -> int:
    """How many conditions these fields have."""
    return 1 + max((number for number in range(MAX_CONDITIONS) if f"ask_{number}" in fields), default=-1)


class FilterForm(forms.Form):
    """One filter."""

    name = forms.CharField(
        label=gettext_lazy("What you call it"),
        max_length=MAX_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    any_of = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=[("", gettext_lazy("all of these are true")), ("any", gettext_lazy("one of these is true"))],
        required=False,
    )
    folder = forms.CharField(
        label=gettext_lazy("Put it into the folder"),
        help_text=gettext_lazy("Such as Lists or Lists/Tides. It is made when the first message comes."),
        max_length=MAX_FOLDER,
        required=False,
        widget=forms.TextInput(attrs=_PLAIN),
    )
    seen = forms.BooleanField(label=gettext_lazy("Mark it as read"), required=False)
    flagged = forms.BooleanField(label=gettext_lazy("Flag it"), required=False)
    forward = forms.CharField(
        label=gettext_lazy("Send a copy to"),
        help_text=gettext_lazy(
            "An address, or several with commas. One outside your organisation gets a letter first and must agree."
            " Your house's policy is asked each time; what may not leave stays here."
        ),
        max_length=MAX_TARGETS * (MAX_VALUE + 2),
        required=False,
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "email"}),
    )
    discard = forms.BooleanField(
        label=gettext_lazy("Keep no copy here"),
        help_text=gettext_lazy("Without an address to send it to, the message is gone for good."),
        required=False,
    )
    stop = forms.BooleanField(label=gettext_lazy("Ask no later filter"), required=False)
    off = forms.BooleanField(label=gettext_lazy("Keep this filter, and do not use it"), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *arguments: Any, slots: int = FIRST, **words: Any) -> None:
        super().__init__(*arguments, **words)
        if self.is_bound:
            # As many as were sent, so that nothing that was typed is left out when the form is shown again.
            slots = max(slots, slots_in(self.data))
        choices = [("", "–"), *((f"{about}:{asks}", words) for (about, asks), words in rulewords.CONDITIONS.items())]
        self.slots = min(slots, MAX_CONDITIONS)
        for number in range(self.slots):
            about = {"number": number + 1}
            self.fields[f"ask_{number}"] = forms.ChoiceField(
                label=_("Condition %(number)d") % about, choices=choices, required=False
            )
            self.fields[f"value_{number}"] = forms.CharField(
                label=_("Looks for, in condition %(number)d") % about,
                max_length=MAX_VALUE,
                required=False,
                widget=forms.TextInput(attrs=_PLAIN),
            )

    @property
    def pairs(self) -> list[tuple[Any, Any]]:
        """The fields of each condition."""
        return [(self[f"ask_{number}"], self[f"value_{number}"]) for number in range(self.slots)]

    @property
    def marks(self) -> list[Any]:
        """Boxes that mark the message."""
        return [self[name] for name in ("seen", "flagged")]

    @property
    def ends(self) -> list[Any]:
        """Boxes that say what comes after."""
        return [self[name] for name in ("discard", "stop", "off")]

    def made(self) -> Rule | None:
        """The rule; None where something is wrong, which then stands in the form."""
        conditions, actions = self._conditions(), self._actions()
        if self.errors:
            return None
        typed = self.cleaned_data
        try:
            return rule(
                typed["name"],
                conditions,
                actions,
                any_of=typed["any_of"] == "any",
                off=typed["off"],
            )
        except BadRule as problem:
            self.add_error(None, spoken.refusal(problem))
        return None

    def _conditions(self) -> tuple[Condition, ...]:
        found = []
        for number in range(self.slots):
            choice, value = (self.cleaned_data.get(f"{word}_{number}", "") for word in ("ask", "value"))
            if not choice:
                if value:
                    self.add_error(f"ask_{number}", _("Choose what this is looked for in."))
                continue
            about, _colon, asks = choice.partition(":")
            try:
                found.append(condition(about, asks, _octets(value) if about == About.SIZE else value))
            except BadRule as problem:
                self.add_error(f"value_{number}", spoken.refusal(problem))
        return tuple(found)

    def _actions(self) -> tuple[Action, ...]:
        typed = self.cleaned_data
        wanted = [(Does.FOLDER, typed.get("folder", ""), "folder")] if typed.get("folder") else []
        wanted += [(Does.FLAG, flag, name) for name, flag in _FLAGS.items() if typed.get(name)]
        addresses = [one for one in re.split(r"[,;\s]+", typed.get("forward", "")) if one]
        wanted += [(Does.FORWARD, one, "forward") for one in addresses]
        ends = ((Does.DISCARD, "discard"), (Does.STOP, "stop"))
        wanted += [(does, "", name) for does, name in ends if typed.get(name)]
        found = []
        for does, value, field in wanted:
            try:
                found.append(action(does, value))
            except BadRule as problem:
                self.add_error(field, spoken.refusal(problem))
        return tuple(found)


_FLAGS: Final = {"seen": "\\Seen", "flagged": "\\Flagged"}


def _octets(mebibytes: str) -> str:
    """A size as it is typed, in MiB with a fraction, in octets; what is none is left for the rule to refuse."""
    try:
        octets = round(float(mebibytes.replace(",", ".")) * MIB)
    except (ValueError, OverflowError):
        return "?"
    return str(octets) if 0 < octets <= MAX_SIZE else "?"


def shown(found: Rule) -> dict[str, Any]:
    """A rule as its form shows it."""
    values: dict[str, list[str]] = {}
    for one in found.actions:
        values.setdefault(one.does, []).append(one.value)
    filled: dict[str, Any] = {
        "name": found.name,
        "any_of": "any" if found.any_of else "",
        "folder": "".join(values.get(Does.FOLDER, ())),
        "forward": ", ".join(values.get(Does.FORWARD, ())),
        "discard": Does.DISCARD in values,
        "stop": Does.STOP in values,
        "off": found.off,
    }
    filled |= {name: flag in values.get(Does.FLAG, ()) for name, flag in _FLAGS.items()}
    for number, each in enumerate(found.conditions):
        filled |= {f"ask_{number}": f"{each.about}:{each.asks}", f"value_{number}": rulewords.value_of(each)}
    return filled


class AwayForm(forms.Form):
    """What people read who write while the owner is away."""

    text = forms.CharField(
        label=gettext_lazy("Your answer"),
        max_length=absence.MAX_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    subject = forms.CharField(
        label=gettext_lazy("Its subject"),
        help_text=gettext_lazy("Without one it is “Auto:” and the subject of what is answered."),
        max_length=absence.MAX_SUBJECT,
        required=False,
    )
    since = forms.DateField(
        label=gettext_lazy("First day"),
        help_text=gettext_lazy("Without one it begins at once. Days begin at midnight UTC."),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days until the same person is answered again"),
        min_value=1,
        max_value=absence.MAX_DAYS,
        initial=absence.USUAL_DAYS,
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def made(self) -> Away | None:
        """The wish; None where something is wrong, which then stands in the form."""
        typed = self.cleaned_data
        try:
            return absence.away(
                typed["text"],
                subject=typed["subject"],
                since=typed["since"],
                until=typed["until"],
                days=typed["days"],
            )
        except BadRule as problem:
            self.add_error(None, spoken.refusal(problem))
        return None
