"""What the host could be made to hand over is known by column, and the directory has no column for a person."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from jurisdiction.disclosure import Disclosure, Scope
from tests.architecture import house
from webadmin.cell.scopes import problems_of
from webadmin.web.handover import labels_of

# Every column of the directory's own tables. A new one is a decision (docs/decisions), not an accident.
DIRECTORY_COLUMNS = {
    "directory_cell": {"id", "name", "country", "host"},
    "directory_tenanthome": {"id", "slug", "cell_id"},
    "directory_domainhome": {"id", "domain_hash", "cell_id"},
}
DJANGO_TABLES = {"django_migrations", "sqlite_sequence"}


def _own_models() -> Iterator[type[models.Model]]:
    return (model for model in apps.get_models() if model.__module__.partition(".")[0] in house.PRODUCT)


def test_every_model_declares_its_scope_and_labels_its_fields() -> None:
    problems = [f"{problem.obj}: {problem.msg}" for model in _own_models() for problem in problems_of(model)]
    assert not problems, "\n".join(problems)


def test_every_table_that_is_not_ours_is_labelled_with_a_reason() -> None:
    for model in apps.get_models():
        if model.__module__.partition(".")[0] not in house.PRODUCT:
            disclosure, reason = labels_of(model)
            fields = {field.name for field in (*model._meta.fields, *model._meta.many_to_many)} - {model._meta.pk.name}
            assert set(disclosure.labels()) == fields, model._meta.label
            assert reason.endswith(".")


def test_models_are_found_on_both_sides() -> None:
    assert {model.scope for model in _own_models()} == {Scope.CELL, Scope.DIRECTORY}  # type: ignore[attr-defined]


@isolate_apps("mailhost")
def test_a_model_without_a_scope_is_reported() -> None:
    class Undeclared(models.Model):
        address = models.CharField(max_length=320)

        class Meta:
            app_label = "mailhost"

        def __str__(self) -> str:
            return "undeclared"

    assert {problem.id for problem in problems_of(Undeclared)} == {"skerry.E001", "skerry.E003"}


@isolate_apps("mailhost")
def test_a_field_without_a_label_and_a_label_without_a_field_are_reported() -> None:
    class HalfLabelled(models.Model):
        scope: ClassVar[Scope] = Scope.CELL
        disclosure: ClassVar[Disclosure] = Disclosure(clear="size subject")
        size = models.IntegerField()
        sender = models.CharField(max_length=320)

        class Meta:
            app_label = "mailhost"

        def __str__(self) -> str:
            return "half labelled"

    problems = {problem.id: problem.msg for problem in problems_of(HalfLabelled)}
    assert problems == {
        "skerry.E003": "field 'sender' has no disclosure label",
        "skerry.E004": "labels a field it does not have: 'subject'",
    }


@isolate_apps("directory")
def test_a_model_of_the_other_side_is_reported() -> None:
    class Astray(models.Model):
        scope: ClassVar[Scope] = Scope.CELL
        disclosure: ClassVar[Disclosure] = Disclosure()

        class Meta:
            app_label = "directory"

        def __str__(self) -> str:
            return "astray"

    assert [problem.id for problem in problems_of(Astray)] == ["skerry.E002"]


def test_the_directory_has_no_type_of_column_that_holds_a_person() -> None:
    roomy = (models.EmailField, models.TextField, models.JSONField, models.GenericIPAddressField, models.FileField)
    found = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_app_config("directory").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, roomy)
    ]
    assert not found


@pytest.fixture(scope="module")
def directory_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory's real database, made by the real commands, with a cell, a tenant and a domain in it."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKERRY_")}
    program = """
import django
from django.core.management import call_command
django.setup()
call_command("directory", "prepare", "is-1", "is-1.example.is")
call_command("directory", "claim-tenant", "ada-and-ben", "is-1")
call_command("directory", "claim-domain", "is-1")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=house.ROOT,
        env=kept
        | {"DJANGO_SETTINGS_MODULE": "webadmin.settings", "SKERRY_HOME": str(home), "SKERRY_ROLE": "directory"},
        input="canary-domain.is\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "directory" / "directory.sqlite3"


def test_the_directorys_tables_are_these_and_no_others(directory_database: Path) -> None:
    with sqlite3.connect(directory_database) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {
            table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            for table in tables - DJANGO_TABLES
        }
    database.close()
    assert columns == DIRECTORY_COLUMNS


def test_a_domain_is_in_the_directory_only_as_a_keyed_hash(directory_database: Path) -> None:
    stored = b"".join(path.read_bytes() for path in directory_database.parent.rglob("*") if path.is_file())
    assert b"ada-and-ben" in stored
    assert b"canary-domain" not in stored
