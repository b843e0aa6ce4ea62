"""The doctor: a healthy cell has no problem, each ailment is found and comes with its remedy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

from mailhost.models import CellIdentity
from webadmin.cell import cellcert, keyfiles, tls
from webadmin.doctor import checks
from webadmin.doctor.checks import Check, State
from webadmin.environ import Environ
from webadmin.processes.prepare import KEY_FILES

NOW = datetime(2027, 3, 14, tzinfo=UTC)


@pytest.fixture
def environ(db: None, tmp_path: Path) -> Environ:
    """A whole cell in a folder of the test, on the suite's database."""
    made: Environ = settings.ENVIRON.model_copy(update={"home": tmp_path})
    for name in KEY_FILES:
        keyfiles.read_or_make(made.keys / name)
    CellIdentity.objects.update(certificate_sha256=cellcert.read_or_make(made.keys, made.cell, NOW).sha256)
    tls.prepare(made, now=NOW)
    return made


def of(name: str, found: list[Check]) -> Check:
    [check] = [check for check in found if check.name == name]
    return check


def look(environ: Environ, now: datetime = NOW) -> list[Check]:
    """Every check but the ports, which need a socket."""
    return [check for one in checks.LOOKERS if one.__name__ != "_ports" for check in one(environ, now)]


def test_a_prepared_cell_has_no_problem(environ: Environ) -> None:
    found = look(environ)
    assert [check for check in found if check.state == State.PROBLEM] == []
    assert all(check.remedy for check in found if check.state != State.OK)
    assert of("sealing", found).state == State.OK


def test_a_misspelt_setting_is_named_with_the_one_that_is_meant(
    environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "SKERRY" + "_"  # in one word it would be a setting that the house names and does not have
    monkeypatch.setenv(prefix + "SECOND_PERSONS", "needed")
    monkeypatch.setenv(prefix + "FLUX", "1")
    monkeypatch.setenv(prefix + "ZONED", "")
    monkeypatch.setenv(prefix + "CELL", environ.cell)
    told = {check.detail: check.remedy for check in look(environ) if "is no setting" in check.detail}
    ending = " is no setting; what it says counts nowhere"
    assert told[f"{prefix}SECOND_PERSONS{ending}"] == "write SKERRY_SECOND_PERSON"
    assert told[f"{prefix}FLUX{ending}"] == "remove it; infra/env.example lists them all"
    assert f"{prefix}ZONED{ending}" not in told, "what is empty says nothing"
    assert f"{prefix}CELL{ending}" not in told


def test_readable_keys_and_missing_keys(environ: Environ) -> None:
    (environ.keys / "fake-salt.key").chmod(0o644)
    (environ.keys / "correspondent.key").unlink()
    found = look(environ)
    assert "fake-salt.key" in of("key permissions", found).detail
    assert "correspondent.key" in of("keys", found).detail
    assert of("keys", found).state == of("key permissions", found).state == State.PROBLEM


def test_a_database_of_another_cell(environ: Environ) -> None:
    CellIdentity.objects.update(cell="no-1")
    assert of("cell", look(environ)).state == State.PROBLEM


def test_an_empty_home_is_no_problem_but_says_init(db: None, tmp_path: Path) -> None:
    CellIdentity.objects.all().delete()
    empty = settings.ENVIRON.model_copy(update={"home": tmp_path / "new"})
    found = look(empty)
    assert [check.state for check in found if check.name in {"keys", "cell", "certificate"}] == [State.WARNING] * 3
    assert "skerry init" in of("certificate", found).remedy or "skerry init" in of("certificate", found).detail


def test_a_certificate_near_its_end_past_its_end_and_broken(environ: Environ) -> None:
    end = NOW + tls.LIFETIME
    assert of("certificate", look(environ, end - timedelta(days=5))).state == State.WARNING
    assert of("certificate", look(environ, end + timedelta(days=5))).state == State.PROBLEM
    tls.files(environ)[0].write_text("broken")
    assert of("certificate", look(environ)).state == State.PROBLEM


def test_a_public_host_wants_a_name_and_a_certificate(environ: Environ) -> None:
    public = environ.model_copy(update={"bind": "::"})
    found = look(public)
    assert of("hostname", found).state == State.WARNING
    assert "SKERRY_TLS_CERT" in of("certificate", found).remedy


def test_pages_in_plain_http_for_everybody_are_told_unless_the_operator_said_so(environ: Environ) -> None:
    found = of("web pages", look(environ.model_copy(update={"bind": "::"})))
    assert (found.state, "SKERRY_WEB_BIND=127.0.0.1" in found.remedy) == (State.WARNING, True)
    for said in ({}, {"bind": "::", "web_bind": "127.0.0.1"}, {"bind": "::", "web_bind": "::"}):
        assert "web pages" not in {check.name for check in look(environ.model_copy(update=said))}


def test_a_clock_before_this_program_was_written(environ: Environ) -> None:
    assert of("clock", look(environ, datetime(1970, 1, 1, tzinfo=UTC))).state == State.PROBLEM


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "state"), [(1 << 40, "ok"), (50 << 30, "warning"), (1 << 20, "problem")])
def test_a_full_disk(environ: Environ, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(1 << 40, 0, free))
    assert of("disk", look(environ)).state == state


def test_a_check_that_breaks_stops_no_other(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_environ: Environ, _now: datetime) -> Iterator[Check]:
        yield from [1 / 0]  # type: ignore[misc]

    monkeypatch.setattr(checks, "LOOKERS", (broken, checks._clock))
    first, second = checks.run(environ, now=NOW)
    assert (first.name, first.state) == ("broken", State.PROBLEM)
    assert "ZeroDivisionError" in first.detail
    assert second.state == State.OK
