"""An owner's filters and the answer while away: read, changed, kept sealed.

`version` is what somebody saw when they began to change something: a second window, or a command, that changed it in
between is not overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import transaction

from mailhost.adapters.wishbook import WISHES_KEY, open_wishes, seal_wishes
from mailhost.message.address import parse_address
from mailhost.models import Alias, Mailbox, OwnerWishes
from mailhost.provision.errors import BadName, CannotProvision
from mailhost.rules.away import Away
from mailhost.rules.rule import BadRule, Rules, checked, targets
from mailhost.rules.standing import Standing
from mailhost.seal import CannotOpen, CellBox


class ChangedMeanwhile(CannotProvision):
    """Somebody saved other wishes since these were shown."""


class CannotRead(CannotProvision):
    """The cell's key file for wishes is not the one they were sealed with."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The wishes of a mailbox and their number; 0 before the first."""

    standing: Standing
    version: int


def of(box: Mailbox, keys: CellBox) -> Kept:
    """What is kept. Raises CannotRead."""
    row = OwnerWishes.objects.filter(mailbox=box).first()
    if row is None:
        return Kept(Standing(), 0)
    try:
        return Kept(open_wishes(bytes(row.text), keys, box.pk), row.version)
    except CannotOpen:
        raise CannotRead(
            f"the filters of {box.address} cannot be opened: the operator must restore the key file {WISHES_KEY}"
        ) from None


def set_rules(box: Mailbox, rules: Rules, keys: CellBox, *, version: int | None = None) -> Kept:
    """Put these rules in the place of all rules; `version` None changes whatever is there.

    Raises BadName, ChangedMeanwhile, CannotRead.
    """
    try:
        _refuse_circles(box, checked(rules))
    except BadRule as problem:
        raise BadName(str(problem)) from None
    return _change(box, lambda standing: replace(standing, rules=rules), keys, version)


def set_away(box: Mailbox, wish: Away | None, keys: CellBox, *, off: bool = False, version: int | None = None) -> Kept:
    """Answer with this from now on; `off` keeps the text and answers nobody. Raises ChangedMeanwhile, CannotRead."""
    kept = None if wish is None else replace(wish, off=off)
    return _change(box, lambda standing: replace(standing, away=kept), keys, version)


def _change(box: Mailbox, change: Callable[[Standing], Standing], keys: CellBox, version: int | None) -> Kept:
    with transaction.atomic():
        row = OwnerWishes.objects.select_for_update().filter(mailbox=box).first()
        seen = row.version if row else 0
        if version is not None and version != seen:
            raise ChangedMeanwhile("the filters were changed since they were shown; look at them and change them again")
        standing = change(of(box, keys).standing)
        sealed = seal_wishes(standing, keys, box.pk)
        OwnerWishes.objects.update_or_create(
            mailbox=box,
            defaults={"cell": box.cell, "version": seen + 1, "in_force": standing.in_force, "text": sealed},
        )
    return Kept(standing, seen + 1)


def _refuse_circles(box: Mailbox, rules: Rules) -> None:
    """A forward to the mailbox itself would go round until a host counts its steps. Raises BadRule."""
    own = {box.address, *Alias.objects.filter(mailbox=box).values_list("address", flat=True)}
    for address in targets(rules):
        if address in own or parse_address(address).split()[0].lookup in own:
            raise BadRule(f"{address} is this mailbox itself; what is not discarded stays in it anyway")
