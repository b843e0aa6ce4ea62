"""One source for each setting: the reader. What operators copy from is compared with it."""

from __future__ import annotations

import re

import pytest

from tests.architecture import house
from tests.architecture.settings_reference import reference
from webadmin import environ

EXAMPLE = house.ROOT / "infra" / "env.example"
LINE = re.compile(r"#(SKERRY_[A-Z_]+)=(.*)")
# Read by the test suite alone.
NOT_OF_THE_PRODUCT = {"SKERRY_TEST_DATABASE_URL", "SKERRY_SCREENSHOTS"}


def test_the_example_holds_every_setting_with_its_default_and_its_sentence() -> None:
    hint = "write it anew: python -m tests.architecture.settings_reference > infra/env.example"
    assert EXAMPLE.read_text(encoding="utf-8") == reference(), hint


def test_the_defaults_in_the_example_are_accepted_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = environ.read()
    for name, value in LINE.findall(EXAMPLE.read_text(encoding="utf-8")):
        if name != "SKERRY_HOME":  # the suite's own
            monkeypatch.setenv(name, value)
    assert environ.read() == plain


def test_every_setting_explains_itself() -> None:
    silent = [name for name, field in environ.Environ.model_fields.items() if not (field.description or "").strip()]
    assert not silent


def test_no_setting_is_read_elsewhere() -> None:
    known = {"SKERRY_" + name.upper() for name in environ.Environ.model_fields} | NOT_OF_THE_PRODUCT
    named = re.compile(r"\bSKERRY_[A-Z][A-Z_]*[A-Z]\b")
    unknown = {
        f"{path.relative_to(house.ROOT)}: {name}"
        for path in house.files()
        if path.suffix in {".py", ".md", ".yaml", ".yml", ".service", ".target", ".toml", ""} and path.name != "LICENSE"
        for name in named.findall(path.read_text(encoding="utf-8", errors="ignore"))
        if name not in known
    }
    assert not unknown, "no such setting:\n" + "\n".join(sorted(unknown))
