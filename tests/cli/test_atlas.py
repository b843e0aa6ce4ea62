"""The facts at the command line: complete checks, plain pages, and changes that would relax decisions."""

from __future__ import annotations

import shutil
from pathlib import Path

from jurisdiction.bundle import DATA
from tests.cli.conftest import Skerry


def changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = tmp_path / "facts"
    shutil.copytree(DATA, folder)
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return folder


def test_what_is_installed_has_no_problems(skerry: Skerry) -> None:
    assert skerry("atlas", "check", "--json").json["problems"] == []


def test_all_problems_are_said_at_once(skerry: Skerry, tmp_path: Path) -> None:
    folder = changed(tmp_path, "facts/IS.toml", 'sources = ["temanord", "lagasafn70"]', "sources = []")
    (folder / "facts" / "NO.toml").write_text('[[fact]]\nid = "NO.x"\njurisdiction = NO\n')
    found = skerry("atlas", "check", str(folder), "--json")
    assert found.code == 1
    assert {problem["file"] for problem in found.json["problems"]} >= {"facts/IS.toml", "facts/NO.toml"}


def test_a_country_is_shown_with_what_is_not_verified(skerry: Skerry) -> None:
    shown = skerry("atlas", "show", "is", "--json").json
    assert shown["name"] == "Iceland"
    facts = {fact["id"]: fact for fact in shown["facts"]}
    assert facts["IS.telecom_retention"]["sources"]
    assert facts["IS.mail_metadata_retention_duty"]["verified"] is False
    assert "UNVERIFIED" in skerry("atlas", "show", "IS").out
    assert "GB" in skerry("atlas", "show", "UK").err
    assert skerry("atlas", "show", "UK").code == 2


def test_a_relaxing_change_without_an_official_source_is_refused(skerry: Skerry, tmp_path: Path) -> None:
    folder = changed(tmp_path, "bundle.toml", "serial = 3", "serial = 4")
    same = skerry("atlas", "diff", str(DATA), str(folder), "--json")
    assert (same.code, same.json["changes"]) == (0, [])
    norway = folder / "facts" / "NO.toml"
    norway.write_text(norway.read_text().replace('state = "yes"', 'state = "no"'))
    found = skerry("atlas", "diff", str(DATA), str(folder), "--json")
    assert found.code == 1
    assert found.json["problems"]
