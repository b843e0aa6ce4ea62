"""Policies at the command line: presets, files, the explanation, refusals before anything is made, what would happen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jurisdiction.models import LedgerEntry, PolicyVersion
from mailhost.models import Tenant
from tests.cli.conftest import Skerry

ROOT = Path(__file__).resolve().parents[2]
CASES = """
as_of = 2026-11-21
[policy.p]
allow = ["IS"]
[[case]]
id = "home"
policy = "p"
ask = { type = "place", kind = "primary", location = "IS", controllers = ["IS"], geo = "agree" }
expect = "%s"
reasons = ["LOC_OK", "CTRL_OK"]
"""


@pytest.mark.slow  # each starts a program or runs every case
class TestCheckCases:
    """Run as operators and outside checks run it: a process of its own, in an empty folder."""

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SKERRY_", "DJANGO_"))}
        return subprocess.run(
            [sys.executable, "-c", "from webadmin.cli import main; main()", "policy", "check-cases", *arguments],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(ROOT), "SKERRY_HOME": str(folder / "home"), "SKERRY_CELL": "nonsense"},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_it_needs_no_cell_no_settings_and_makes_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "good.toml").write_text(CASES % "allow")
        done = self.run(tmp_path, "good.toml", "--json")
        assert (done.returncode, done.stdout, done.stderr) == (0, '{"cases": 1, "mismatches": []}\n', "")
        assert not (tmp_path / "home").exists()

    def test_a_decision_that_differs_is_exit_1_and_shown(self, tmp_path: Path) -> None:
        (tmp_path / "wrong.toml").write_text(CASES % "deny")
        done = self.run(tmp_path, "wrong.toml", "--json")
        assert done.returncode == 1
        assert '"want": {"verdict": "deny"' in done.stdout
        assert done.stdout.count("\n") == 1
        spoken = self.run(tmp_path, "wrong.toml")
        assert spoken.stdout.splitlines()[0] == "1 cases, 1 decided otherwise than the file wants"

    @pytest.mark.parametrize("content", ["as_of = NO", 'as_of = "yesterday"', "", "\0", "[[case]]\nid = 1"])
    def test_a_file_that_cannot_be_run_is_exit_2_with_the_reason(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "bad.toml").write_text(content)
        done = self.run(tmp_path, "bad.toml", "--json")
        assert done.returncode == 2
        assert done.stdout.startswith('{"error": "bad.toml')
        assert "Traceback" not in done.stderr

    def test_no_file_is_exit_2(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "absent.toml", "--json")
        assert (done.returncode, done.stdout) == (2, '{"error": "absent.toml: No such file or directory"}\n')


class TestTenantAdd:
    def test_a_policy_that_excludes_the_cell_is_refused_before_anything_is_made(
        self, skerry: Skerry, cell: None, tmp_path: Path
    ) -> None:
        file = tmp_path / "norway.toml"
        file.write_text('allow = ["NO"]\nbackup_allow = ["NO"]\noperator_allow = ["NO"]\n')
        before = LedgerEntry.objects.count()
        refused = skerry("tenant", "add", "reef", "--file", str(file), "--json")
        assert refused.code == 1
        assert "does not let mail lie in the cell is-1 in Iceland" in refused.json["error"]
        assert not Tenant.objects.filter(slug="reef").exists()
        assert LedgerEntry.objects.count() == before

    def test_an_unknown_preset_and_a_broken_file_are_said(self, skerry: Skerry, tmp_path: Path) -> None:
        assert "iceland-only" in skerry("tenant", "add", "reef", "--preset", "atlantis").err
        file = tmp_path / "p.toml"
        for content, word in (("allow = [NO]", "stand in quotes"), ('allow = ["XX"]', "unknown country 'XX'")):
            file.write_text(content)
            refused = skerry("tenant", "add", "reef", "--file", str(file))
            assert (refused.code, word in refused.err) == (1, True), refused.err


class TestPolicy:
    def test_set_show_and_the_ledger_agree(self, skerry: Skerry, cell: None) -> None:
        made = skerry("policy", "set", "harbour", "--preset", "iceland-only", "--yes", "--json").json
        assert made["version"] == 2
        shown = skerry("policy", "show", "harbour", "--json").json
        assert (shown["version"], shown["digest"]) == (2, made["digest"])
        assert shown["policy"]["allow"] == ["IS"]
        assert {lease["kind"] for lease in shown["leases"]} == {"primary", "worker"}
        entries = skerry("ledger", "show", "harbour", "--json").json["entries"]
        assert [entry["policy"] for entry in entries if entry["type"] == "policy"][-1] == made["digest"]
        assert skerry("ledger", "verify", "harbour", "--json").json["ok"] is True

    def test_a_policy_that_excludes_the_cell_is_not_set(self, skerry: Skerry, cell: None, tmp_path: Path) -> None:
        file = tmp_path / "five.toml"
        file.write_text(
            'allow = ["IS"]\nbackup_allow = ["IS"]\noperator_allow = ["IS"]\ndeny_facts = ["telecom_retention"]'
        )
        refused = skerry("policy", "set", "harbour", "--file", str(file), "--yes", "--json")
        assert refused.code == 1
        assert "telecommunications" in refused.json["error"] or "traffic" in refused.json["error"]
        assert PolicyVersion.objects.filter(tenant="harbour").count() == 1

    def test_a_dry_run_changes_nothing_and_consent_is_needed(self, skerry: Skerry, cell: None) -> None:
        assert skerry("policy", "set", "harbour", "--preset", "iceland-only", "--dry-run", "--json").json["dry_run"]
        assert skerry("policy", "set", "harbour", "--preset", "iceland-only").code == 2
        assert PolicyVersion.objects.filter(tenant="harbour").count() == 1

    def test_the_explanation_is_a_note_with_sources(self, skerry: Skerry, cell: None) -> None:
        text = skerry("policy", "explain", "harbour", "--preset", "iceland-only").out
        assert text.startswith("Policy version 1 in the cell is-1")
        assert "\nSources\n" in text
        note = skerry("policy", "explain", "harbour", "--json").json
        assert {"In short", "What is not known, and counsel should answer"} <= {
            section["title"] for section in note["sections"]
        }
        assert note["sources"]

    def test_explain_speaks_the_language_that_is_asked_for(self, skerry: Skerry, cell: None) -> None:
        text = skerry("policy", "explain", "harbour", "--language", "de").out
        assert text.startswith("Richtlinie, Fassung 1, in der Zelle is-1")
        assert "\nQuellen\n" in text
        assert "Ungeprüft" not in text
        assert "UNGEPRÜFT" in text
        assert "Policy version" in skerry("policy", "explain", "harbour").out
        wrong = skerry("policy", "explain", "harbour", "--language", "xx")
        assert wrong.code == 2
        assert "--language is one of en, fr, is, de, ru" in wrong.err

    def test_what_if_names_the_tenants_the_day_and_where_to(self, skerry: Skerry, cell: None) -> None:
        skerry("policy", "set", "harbour", "--preset", "outside-five-eyes", "--yes")
        joined = skerry("policy", "what-if", "--country", "IS", "--bloc", "FVEY", "--on", "2027-07-01", "--json").json
        assert joined == [
            {
                "tenant": "harbour",
                "kind": "primary",
                "place": "IS",
                "day": "2027-07-01",
                "before": "allow",
                "after": "deny",
                "because": ["BLOC_DENIED:FVEY"],
                "move_to": "NO",
            }
        ]
        sold = skerry("policy", "what-if", "--entity", "amazon-web-services", "--json").json
        assert [(row["tenant"], row["after"]) for row in sold] == [("harbour", "deny")]
        text = " ".join(
            skerry("policy", "what-if", "--country", "IS", "--bloc", "FVEY", "--on", "2027-07-01").out.split()
        )
        assert text.startswith("harbour: on 2027-07-01 its data (primary) may not lie in Iceland;")
        assert text.endswith("It could move to Norway, the first country its policy allows then.")
        there = skerry("policy", "what-if", "--country", "US", "--json").json
        assert {row["tenant"]: row["after"] for row in there} == {"fjord": "deny", "harbour": "deny"}
        assert isinstance(skerry("policy", "what-if", "--json").json, list)

    @pytest.mark.parametrize(
        "options",
        [
            ("--fact", "content_retention"),
            ("--country", "XX"),
            ("--country", "IS", "--fact", "gravity"),
            ("--country", "IS", "--bloc", "SEVEN"),
            ("--country", "IS", "--entity", "google"),
            ("--entity", "nobody"),
            ("--owner", "usa"),
        ],
    )
    def test_a_change_that_is_none_is_wrong_use(self, skerry: Skerry, cell: None, options: tuple[str, ...]) -> None:
        refused = skerry("policy", "what-if", *options)
        assert refused.code == 2
        assert refused.err.startswith("error: ")

    def test_presets_are_listed(self, skerry: Skerry) -> None:
        assert "Iceland only" in [row["name"] for row in skerry("policy", "presets", "--json").json]

    def test_what_is_published_needs_a_resolver_to_walk_with(self, skerry: Skerry, cell: None) -> None:
        failed = skerry("policy", "published", "example.is", "--json")
        assert failed.code == 1
        assert "SKERRY_RESOLVER" in failed.json["error"]
