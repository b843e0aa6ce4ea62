"""One process, one side of the house: the router that has no door, and the checks that keep it so.

Every model belongs to a scope, `cell` or `directory`. This process has the database of one. Asking for a model
of the other side is an error of the caller and is raised, never sent to the wrong database; its tables are
never migrated here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import models

from jurisdiction.disclosure import Disclosure, Scope

# Apps whose tables belong to the directory; all others belong to a cell.
DIRECTORY_APPS = frozenset({"directory"})

# Tables that Django brings: labels of their columns, and why they are there.
FOREIGN: Final[dict[str, tuple[Disclosure, str]]] = {
    "contenttypes.ContentType": (
        Disclosure(clear="app_label model"),
        "Names of the program's own tables; Django's admin needs them.",
    ),
    "auth.Permission": (
        Disclosure(clear="name content_type codename"),
        "Names of acts on tables; Django's admin needs them. Nobody is given any: the access table decides.",
    ),
    "auth.Group": (Disclosure(clear="name permissions"), "Comes with the table above, and stays empty."),
    "admin.LogEntry": (
        Disclosure(clear="action_time user content_type object_id object_repr action_flag change_message"),
        "Changes made in Django's admin. It stays empty: nothing can be changed there.",
    ),
}


class Undeclared(Exception):
    """A model is not declared as it must be; the text lists what is wrong."""


class WrongSide(Exception):
    """Code of one scope asked for a model of the other; this process has no database for it."""


class OwnSideOnly:
    """Django database router: the own side is `default`, the other side does not exist."""

    def _own(self) -> Scope:
        return Scope(settings.ENVIRON.role)

    def _alias(self, model: type[models.Model]) -> str:
        scope = app_scope(model._meta.app_label)
        if scope != self._own():
            raise WrongSide(f"{model._meta.label} belongs to the {scope}; this process serves the {self._own()}")
        return "default"

    def db_for_read(self, model: type[models.Model], **_hints: Any) -> str:
        return self._alias(model)

    def db_for_write(self, model: type[models.Model], **_hints: Any) -> str:
        return self._alias(model)

    def allow_relation(self, one: models.Model, other: models.Model, **_hints: Any) -> bool:
        return app_scope(one._meta.app_label) == app_scope(other._meta.app_label)

    def allow_migrate(self, _db: str, app_label: str, **_hints: Any) -> bool:
        return app_scope(app_label) == self._own()


def app_scope(app_label: str) -> Scope:
    """The side whose database holds an app's tables."""
    return Scope.DIRECTORY if app_label in DIRECTORY_APPS else Scope.CELL


def _own_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models():
        if model.__module__.partition(".")[0] in {"mailhost", "jurisdiction", "directory", "webadmin"}:
            yield model


def refuse_undeclared() -> None:
    """Django's checks of all models, and with them ours. Raises Undeclared."""
    found = [one for one in checks.run_checks(tags=[checks.Tags.models]) if one.is_serious()]
    if found:
        raise Undeclared("\n  ".join(["the program's tables are not declared as they must be:", *map(str, found)]))


def check_declarations(*, app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[checks.CheckMessage]:
    """A model without a scope, or a field without a label, is an error (skerry.E001 to E004)."""
    found: list[checks.CheckMessage] = []
    for model in _own_models():
        if app_configs is not None and model._meta.app_config not in app_configs:
            continue
        found.extend(problems_of(model))
    return found


def problems_of(model: type[models.Model]) -> list[checks.CheckMessage]:
    """What is missing or wrong in one model's declarations."""
    found: list[checks.CheckMessage] = []
    scope = getattr(model, "scope", None)
    if not isinstance(scope, Scope):
        found.append(checks.Error("declares no scope", hint="add `scope = Scope.CELL`", obj=model, id="skerry.E001"))
    elif scope != app_scope(model._meta.app_label):
        found.append(checks.Error(f"declares scope {scope} in an app of the other side", obj=model, id="skerry.E002"))
    disclosure = getattr(model, "disclosure", None)
    labels = disclosure.labels() if isinstance(disclosure, Disclosure) else {}
    fields = {field.name for field in model._meta.get_fields() if field.concrete and not field.auto_created}
    fields.discard(model._meta.pk.name)
    found.extend(
        checks.Error(
            f"field {name!r} has no disclosure label",
            hint="name it in `disclosure` as clear, sealed or derived",
            obj=model,
            id="skerry.E003",
        )
        for name in sorted(fields - set(labels))
    )
    found.extend(
        checks.Error(f"labels a field it does not have: {name!r}", obj=model, id="skerry.E004")
        for name in sorted(set(labels) - fields - {model._meta.pk.name})
    )
    return found
