"""What could be handed over, as a list for people: every table of a cell, by the labels its columns carry.

Our own models carry their labels (`jurisdiction.disclosure`). Tables that Django brings are labelled in
`cell.scopes`, each with the reason why it is there; a test finds one without.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from django.apps import apps
from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from webadmin.cell import scopes


@dataclass(frozen=True, slots=True)
class Table:
    """One table; names of its columns by label, with commas."""

    words: str
    about: str
    clear: str
    sealed: str
    locked: str
    derived: str


def tables() -> list[Table]:
    """All tables of a cell, those with sealed columns first, then those with locked ones."""
    found = []
    for model in apps.get_models():
        if scopes.app_scope(model._meta.app_label) is Scope.CELL:
            disclosure, about = labels_of(model)
            found.append(
                Table(
                    words=str(model._meta.verbose_name).capitalize(),
                    about=about,
                    clear=", ".join(disclosure.clear.split()),
                    sealed=", ".join(disclosure.sealed.split()),
                    locked=", ".join(disclosure.locked.split()),
                    derived=", ".join(disclosure.derived.split()),
                )
            )
    return sorted(found, key=lambda table: (not table.sealed, not table.locked, table.words))


def labels_of(model: type[models.Model]) -> tuple[Disclosure, str]:
    """The labels of a table and what it is, in a sentence. Raises KeyError for one that nobody labelled."""
    foreign = scopes.FOREIGN.get(model._meta.label)
    if foreign is not None:
        return foreign
    return model.disclosure, inspect.cleandoc(model.__doc__ or "").partition("\n")[0]  # type: ignore[attr-defined]
