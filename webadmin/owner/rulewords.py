"""Filters in words: what is asked, what is done, and why something was not.

One list of conditions serves the form's choices and the sentences of the list of filters, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailhost.models import Mailbox, WishCount
from mailhost.rules.rule import About, Action, Asks, Condition, Does, Rule

MIB: Final = 1 << 20

# Choice of the form, and its words; with a value in it for a sentence.
CONDITIONS: Final = {
    (About.SENDER, Asks.IS): gettext_lazy("The sender is"),
    (About.SENDER, Asks.DOMAIN): gettext_lazy("The sender is at the domain"),
    (About.SENDER, Asks.CONTAINS): gettext_lazy("The sender's address contains"),
    (About.RECIPIENT, Asks.IS): gettext_lazy("It is addressed to"),
    (About.RECIPIENT, Asks.DETAIL): gettext_lazy("The part of your address after + is"),
    (About.RECIPIENT, Asks.CONTAINS): gettext_lazy("An address it goes to contains"),
    (About.LIST, Asks.CONTAINS): gettext_lazy("The mailing list's name contains"),
    (About.LIST, Asks.IS): gettext_lazy("The mailing list is"),
    (About.SUBJECT, Asks.CONTAINS): gettext_lazy("The subject contains"),
    (About.SIZE, Asks.OVER): gettext_lazy("It is larger than, in MiB"),
    (About.SIZE, Asks.UNDER): gettext_lazy("It is smaller than, in MiB"),
    (About.ATTACHMENT, Asks.YES): gettext_lazy("It has an attachment"),
    (About.ATTACHMENT, Asks.NO): gettext_lazy("It has no attachment"),
    (About.JUNK, Asks.YES): gettext_lazy("This host takes it for junk"),
}
FLAGS: Final = {
    "\\Seen": gettext_lazy("mark it as read"),
    "\\Flagged": gettext_lazy("flag it"),
}
_COUNTED: Final = {
    "forwarded": gettext_lazy("forwarded"),
    "answered": gettext_lazy("answered while you were away"),
    "loop": gettext_lazy("not forwarded: it had been forwarded from here before"),
    "over_limit": gettext_lazy("not forwarded: the limit of the day was reached"),
    "not_agreed": gettext_lazy("not forwarded: the address has not agreed, or does no longer"),
    "egress_denied": gettext_lazy("not forwarded: your house's policy does not let it go there"),
    "egress_held": gettext_lazy("not forwarded: your house's policy holds mail for there"),
    "tls_required": gettext_lazy("not forwarded: the other host offers no encryption"),
    "refused_by_host": gettext_lazy("not forwarded: the other host refused it"),
    "no_such_domain": gettext_lazy("not forwarded: the domain does not exist"),
}


def asked(rule: Rule) -> Iterator[str]:
    """The conditions of a rule."""
    for one in rule.conditions:
        words = str(CONDITIONS[one.about, one.asks])
        yield f"{words}: {value_of(one)}" if one.value else words


def value_of(one: Condition) -> str:
    """What a condition looks for, as its owner typed it: sizes are in MiB in the form."""
    if one.about is not About.SIZE:
        return one.value
    return f"{int(one.value) / MIB:g}"


def done(rule: Rule) -> Iterator[str]:
    """The actions of a rule."""
    discards = any(one.does is Does.DISCARD for one in rule.actions)
    for one in rule.actions:
        yield _done(one, discards=discards)


def _done(one: Action, *, discards: bool) -> str:
    match one.does:
        case Does.FOLDER:
            return _("put it into %(folder)s") % {"folder": one.value}
        case Does.FLAG:
            return str(FLAGS[one.value])
        case Does.FORWARD if discards:
            return _("send it on to %(address)s") % {"address": one.value}
        case Does.FORWARD:
            return _("send a copy to %(address)s") % {"address": one.value}
        case Does.DISCARD:
            return _("keep no copy here")
        case Does.STOP:
            return _("ask no later filter")


def counted(box: Mailbox) -> list[tuple[str, int]]:
    """How often what was done in the last month, and why it was not, the most frequent first."""
    found: dict[str, int] = {}
    for what, messages in WishCount.objects.filter(mailbox=box).values_list("what", "messages"):
        words = str(_COUNTED.get(what, _("not forwarded: it could not be delivered")))
        found[words] = found.get(words, 0) + messages
    return sorted(found.items(), key=lambda pair: -pair[1])
