"""What scripts rely on: the shapes of `--json`, exit codes, errors, secrets from standard input, dry runs."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from mailhost.models import Alias, AppPassword, CellIdentity, Domain, Mailbox, Tenant
from mailhost.provision import mailboxes
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.sealed import open_file
from tests.cli.conftest import Skerry
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin.cli import door
from webadmin.signup import inviting


def test_help_lists_every_noun_without_any_of_them(skerry: Skerry) -> None:
    shown = skerry("--help")
    assert shown.code == 0
    for noun in ("tenant", "domain", "mailbox", "alias", "app-password"):
        assert noun in shown.out
    assert skerry("--version").out.strip().count(".") == 2


class TestTenant:
    def test_show_list_and_suspend_in_json(self, skerry: Skerry, cell: None) -> None:
        view = skerry("tenant", "show", "harbour", "--json").json
        assert view == {
            "slug": "harbour",
            "name": "Harbour",
            "cell": "is-1",
            "state": "active",
            "created": "2027-03-14",
            "domains": ["example.is"],
            "mailboxes": 0,
            "invited": 0,
            "messages": 0,
            "bytes": 0,
            "reason": "",
            "gone_after": None,
        }
        assert skerry("tenant", "suspend", "harbour", "--yes", "--json").json == view | {"state": "suspended"}
        assert [row["slug"] for row in skerry("tenant", "list", "--json").json] == ["fjord", "harbour"]
        assert skerry("tenant", "resume", "harbour", "--json").json == view

    def test_a_list_for_programs_is_tab_separated(self, skerry: Skerry, cell: None) -> None:
        lines = skerry("tenant", "list").out.splitlines()
        assert lines[1].split("\t")[:4] == ["harbour", "Harbour", "active", "example.is"]

    def test_an_empty_list_says_how_to_begin(self, skerry: Skerry) -> None:
        assert skerry("tenant", "list", "--json").json == []
        assert "skerry tenant add" in skerry("tenant", "list").err

    def test_a_dry_run_changes_nothing(self, skerry: Skerry, cell: None) -> None:
        made = skerry("tenant", "add", "reef", "--dry-run", "--json").json
        assert (made["slug"], made["dry_run"]) == ("reef", True)
        gone = skerry("tenant", "delete", "harbour", "--dry-run", "--json").json
        assert (gone["slug"], gone["dry_run"]) == ("harbour", True)
        skerry("tenant", "suspend", "harbour", "--dry-run")
        assert [(row.slug, row.state) for row in Tenant.objects.order_by("slug")] == [
            ("fjord", "active"),
            ("harbour", "active"),
        ]

    def test_deleting_begins_a_cooling_off_that_can_be_taken_back(self, skerry: Skerry, cell: None) -> None:
        begun = skerry("tenant", "delete", "harbour", "--reason", "unpaid", "--yes", "--json").json
        assert (begun["state"], begun["reason"]) == ("leaving", "unpaid")
        assert begun["receipt"].startswith("/departures/")
        assert "is leaving" in skerry("tenant", "suspend", "harbour", "--yes", "--json").json["error"]
        assert skerry("tenant", "restore", "harbour", "--json").json["state"] == "active"
        assert "nothing to take back" in skerry("tenant", "restore", "harbour", "--json").json["error"]

    def test_at_once_is_at_once(self, skerry: Skerry, cell: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(door, "DirectoryProcess", lambda _environ: FakeDirectory().of(house.CELL))
        assert skerry("tenant", "delete", "harbour", "--at-once", "--yes").code == 0
        assert not Tenant.objects.filter(slug="harbour").exists()

    def test_why_a_tenant_is_suspended_is_kept_until_it_is_resumed(self, skerry: Skerry, cell: None) -> None:
        skerry("tenant", "suspend", "harbour", "--reason", "a complaint", "--yes")
        assert skerry("tenant", "show", "harbour", "--json").json["reason"] == "a complaint"
        assert skerry("tenant", "resume", "harbour", "--json").json["reason"] == ""

    def test_the_settings_are_written_and_hold_no_secret(self, skerry: Skerry, cell: None, tmp_path: Path) -> None:
        file = tmp_path / "settings.json"
        told = skerry("tenant", "export", "harbour", "-o", str(file), "--json").json
        assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert json.loads(file.read_text())["tenant"]["slug"] == "harbour"
        assert json.loads(skerry("tenant", "export", "harbour").out)["policy"]["allow"] == ["IS"]
        assert skerry("tenant", "export", "harbour", "--json").json["policy"]["allow"] == ["IS"], "in one line"

    def test_without_a_terminal_consent_must_be_given(self, skerry: Skerry, cell: None) -> None:
        refused = skerry("tenant", "delete", "harbour", "--json")
        assert refused.code == 2
        assert "--yes" in refused.json["error"]
        assert Tenant.objects.filter(slug="harbour").exists()


class TestErrors:
    @pytest.mark.slow
    def test_a_refusal_is_one_sentence_and_exit_1(self, skerry: Skerry, cell: None) -> None:
        for arguments in (
            ("tenant", "show", "nobody"),
            ("tenant", "show", "NOT A SLUG"),
            ("domain", "delete", "elsewhere.is", "--yes"),
            ("mailbox", "delete", "nobody@example.is", "--yes"),
            ("mailbox", "secret-key", "nobody@example.is", "--password-stdin"),
            ("alias", "add", "sales@example.is", "nobody@example.is"),
            ("app-password", "list", "nobody@example.is"),
        ):
            refused = skerry(*arguments, "--json", typed="x\n")
            assert refused.code == 1
            assert list(refused.json) == ["error"]
            spoken = skerry(*arguments, typed="x\n")
            assert (spoken.code, spoken.out) == (1, "")
            assert spoken.err == f"error: {refused.json['error']}\n"

    def test_wrong_use_is_exit_2(self, skerry: Skerry, cell: None) -> None:
        for arguments in (
            ("tenant", "add"),
            ("tenant", "fly", "harbour"),
            ("domain", "add", "new.is"),
            ("mailbox", "list", "--nonsense"),
            ("app-password", "add", "ada@example.is", "--access", "root"),
            ("mailbox", "add", "ada@example.is"),
            ("mailbox", "add", "ada@example.is", "--password-stdin"),
        ):
            assert skerry(*arguments).code == 2, arguments

    def test_a_secret_that_nobody_can_type_is_wanted_by_its_own_option(self, skerry: Skerry, cell: None) -> None:
        assert "--password-stdin" in skerry("operator", "add", "mo").err
        assert "--key-stdin" in skerry("backup", "verify", "cell.age").err

    def test_a_process_of_another_cell_refuses_the_database(self, skerry: Skerry, cell: None) -> None:
        CellIdentity.objects.update(certificate_sha256="0" * 64)
        refused = skerry("tenant", "list", "--json")
        assert refused.code == 1
        assert "another certificate" in refused.json["error"]


class TestDomain:
    def test_list_and_delete(self, skerry: Skerry, cell: None) -> None:
        assert skerry("domain", "list", "--tenant", "harbour", "--json").json == [
            {"domain": "example.is", "tenant": "harbour", "verified": "2027-03-14", "mailboxes": 0}
        ]
        assert skerry("domain", "delete", "example.is", "--tenant", "fjord", "--yes").code == 1
        house.invite("ben@example.is")
        assert "--with-mailboxes" in skerry("domain", "delete", "example.is", "--yes").err
        assert skerry("domain", "add", "new.is", "--tenant", "harbour", "--dry-run", "--json").json["dry_run"] is True
        assert skerry("domain", "delete", "example.is", "--with-mailboxes", "--dry-run").code == 0
        assert Domain.objects.count() == 2


class TestMailbox:
    def test_add_prints_exactly_what_the_owner_needs(self, skerry: Skerry, ada: dict[str, str]) -> None:
        assert set(ada) == {"address", "public_key", "recovery_phrase"}
        assert ada["address"] == "ada@example.is"
        assert ada["public_key"].startswith("age1pq1")
        assert len(ada["recovery_phrase"].split()) == 24

    def test_secret_key_is_one_key_a_line_and_opens_what_is_sealed(self, skerry: Skerry, ada: dict[str, str]) -> None:
        shown = skerry("mailbox", "secret-key", "ada@example.is", "--password-stdin", typed=house.ADAS_PASSWORD + "\n")
        [key] = shown.out.splitlines()
        assert HybridIdentity.from_text(key).recipient.text == ada["public_key"]
        wrong = skerry("mailbox", "secret-key", "ada@example.is", "--password-stdin", "--json", typed="wrong\n")
        assert wrong.code == 1
        assert "wrong" not in wrong.json["error"], "an error never repeats the secret"

    def test_list_and_invite(self, skerry: Skerry, ada: dict[str, str]) -> None:
        invited = skerry("mailbox", "add", "Ben@example.is", "--invite", "--json").json
        assert set(invited) == {"address", "state", "link", "good_until"}
        assert (invited["address"], invited["state"]) == ("ben@example.is", "invited")
        path = invited["link"].removeprefix(settings.ENVIRON.web_address)
        assert Client(headers={"host": "localhost"}).get(path).status_code == 200, "the link opens"
        until = datetime.fromisoformat(invited["good_until"])
        assert until == mailboxes.get("ben@example.is").invited_at + inviting.GOOD_FOR
        rows = skerry("mailbox", "list", "--tenant", "harbour", "--json").json
        assert [(row["address"], row["state"], row["key_version"]) for row in rows] == [
            ("ada@example.is", "active", 1),
            ("ben@example.is", "invited", 0),
        ]

    def test_a_dry_run_makes_no_keys(self, skerry: Skerry, cell: None) -> None:
        assert skerry("mailbox", "add", "ada@example.is", "--dry-run", "--json").json == {
            "address": "ada@example.is",
            "dry_run": True,
        }
        assert not Mailbox.objects.exists()

    def test_delete(self, skerry: Skerry, ada: dict[str, str]) -> None:
        house.store(mailboxes.get("ada@example.is"), b"x")
        dry = skerry("mailbox", "delete", "ada@example.is", "--dry-run", "--json").json
        assert dry == {"address": "ada@example.is", "messages": 1, "dry_run": True}
        assert skerry("mailbox", "delete", "ada@example.is", "--yes", "--json").json["messages"] == 1
        assert not Mailbox.objects.exists()

    @pytest.mark.parametrize(
        "way", ["--password-stdin", "--open --password-stdin", "--phrase-stdin", "--secret-key-stdin"]
    )
    def test_export_opens_by_password_phrase_or_key(
        self, skerry: Skerry, ada: dict[str, str], tmp_path: Path, way: str
    ) -> None:
        house.store(mailboxes.get("ada@example.is"), b"Subject: x\r\n\r\nhello")
        [key] = mailboxes.secret_keys("ada@example.is", house.ADAS_PASSWORD)
        typed = {
            "--password-stdin": house.ADAS_PASSWORD,
            "--phrase-stdin": ada["recovery_phrase"],
            "--secret-key-stdin": f"# Ada's\n{key}\n",
        }[way.rpartition(" ")[2]]
        words = ("mailbox", "export", "ada@example.is", str(tmp_path / "out"), *way.split(), "--json")
        done = skerry(*words, typed=typed).json
        assert done == {
            "address": "ada@example.is",
            "directory": str(tmp_path / "out"),
            "written": 1,
            "already_there": 0,
            "opened": 1,
            "damaged": [],
        }
        [sealed] = (tmp_path / "out" / "INBOX").glob("*.eml.age")
        assert open_file([HybridIdentity.from_text(key)], sealed.read_bytes()) == b"Subject: x\r\n\r\nhello"

    def test_export_without_a_key_needs_no_terminal_and_opens_nothing(
        self, skerry: Skerry, ada: dict[str, str], tmp_path: Path
    ) -> None:
        house.store(mailboxes.get("ada@example.is"), b"x")
        done = skerry("mailbox", "export", "ada@example.is", str(tmp_path / "out"), "--json").json
        assert (done["written"], done["opened"]) == (1, 0)
        assert skerry("mailbox", "export", "ada@example.is", "x", "--open").code == 2, "nobody to ask"
        assert (
            skerry("mailbox", "export", "ada@example.is", "x", "--phrase-stdin", "--password-stdin", typed="a").code
            == 2
        )

    def test_a_damaged_message_makes_the_exit_code_1(self, skerry: Skerry, ada: Any, tmp_path: Path) -> None:
        house.store(mailboxes.get("ada@example.is"), b"x", blob="ef" * 16)
        done = skerry("mailbox", "export", "ada@example.is", str(tmp_path / "out"), "--json")
        assert done.code == 1
        assert len(done.json["damaged"]) == 1


class TestAliasAndAppPassword:
    def test_alias(self, skerry: Skerry, cell: None) -> None:
        house.invite("ben@example.is")
        made = skerry("alias", "add", "Sales@example.is", "ben@example.is", "--json").json
        assert made == {"alias": "sales@example.is", "mailbox": "ben@example.is"}
        assert skerry("alias", "list", "--json").json == [made]
        skerry("alias", "delete", "sales@example.is", "--dry-run")
        assert Alias.objects.count() == 1
        gone = skerry("alias", "delete", "sales@example.is", "--yes", "--json").json
        assert gone == {"alias": "sales@example.is", "mailboxes": ["ben@example.is"]}

    def test_app_password(self, skerry: Skerry, ada: dict[str, str]) -> None:
        sealed = skerry("app-password", "add", "ada@example.is", "--access", "sealed", "--json").json
        assert set(sealed) == {"username", "password"}
        assert sealed["username"] == "ada@example.is"
        session = skerry(
            "app-password", "add", "ada@example.is", "--access", "session", "--password-stdin", "--json",
            typed=house.ADAS_PASSWORD + "\n",
        )  # fmt: skip
        assert set(session.json) == {"username", "password"}
        rows = skerry("app-password", "list", "ada@example.is", "--json").json
        assert [(row["access"], row["revoked"]) for row in rows] == [("sealed", None), ("session", None)]
        assert set(rows[0]) == {"id", "name", "access", "created", "expires", "revoked"}
        assert "password" not in json.dumps(rows[0]).replace("app password", "").replace("mail program", "")
        gone = skerry("app-password", "revoke", "ada@example.is", str(rows[1]["id"]), "--yes", "--json").json
        assert gone["revoked"] is not None
        assert skerry("app-password", "revoke", "ada@example.is", str(rows[1]["id"]), "--yes").code == 1

    def test_a_wrong_account_password_makes_no_session_password(self, skerry: Skerry, ada: dict[str, str]) -> None:
        made = skerry(
            "app-password", "add", "ada@example.is", "--access", "session", "--password-stdin", "--json", typed="no\n"
        )
        assert made.code == 1
        assert not AppPassword.objects.exists()

    def test_a_dry_run_shows_no_password(self, skerry: Skerry, ada: dict[str, str]) -> None:
        shown = skerry("app-password", "add", "ada@example.is", "--dry-run", "--json").json
        assert shown == {"username": "ada@example.is", "access": "sealed", "dry_run": True}
        assert not AppPassword.objects.exists()
