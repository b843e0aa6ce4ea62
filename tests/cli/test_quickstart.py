"""`skerry quickstart`: visible checks, a settings file, a mailbox, and what is left to do; run again, nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from mailhost.models import DkimKey, Domain, Mailbox, Tenant
from tests.cli.conftest import Ran, Skerry
from tests.fakedns import FakeDns
from tests.provision.fakes import FakeDirectory
from webadmin.cell import hosting
from webadmin.cli import door
from webadmin.doctor import firststeps


@pytest.fixture
def start(skerry: Skerry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run quickstart against an empty DNS and a directory in memory."""
    monkeypatch.setattr(hosting, "resolver", lambda _environ: FakeDns())
    monkeypatch.setattr(door, "DirectoryProcess", lambda environ: FakeDirectory().of(environ.cell))

    def run(*words: str, typed: str = "lighthouse keeper's cat\n") -> Ran:
        return skerry("quickstart", *words, "--settings", str(tmp_path / "is-1.env"), "--password-stdin", typed=typed)

    return run


def test_from_nothing_to_a_mailbox_and_again(start: Skerry, tmp_path: Path) -> None:
    first = start("you@sea.test", "--public-address", "9.9.9.10", "--json")
    assert first.code == 0, first.out + first.err
    assert first.json["made"]["tenant"] == "sea"
    assert first.json["made"]["mailbox"] == "you@sea.test"
    assert len(first.json["made"]["recovery_phrase"].split()) == 24
    assert first.json["client"] == {
        "username": "you@sea.test", "host": "mail.sea.test", "imap": 993, "submission": 465,
    }  # fmt: skip
    warned = {one["name"]: one["remedy"] for one in first.json["checks"] if one["state"] == "warning"}
    assert {"validating resolver", "host name", "reverse name", "outgoing port 25"} <= set(warned)
    assert all(warned.values())
    values = {one["purpose"]: one["value"] for one in first.json["records"]}
    assert values["receiving"] == "10 mail.sea.test."
    # With a resolver, keys wait until their records are seen.
    assert set(DkimKey.objects.values_list("state", flat=True)) == {"published"}
    settings = firststeps.read(tmp_path / "is-1.env")
    assert settings["SKERRY_HOSTNAME"] == "mail.sea.test"
    assert settings["SKERRY_MX_PORT"] == "25"
    assert (settings["SKERRY_BIND"], settings["SKERRY_WEB_BIND"]) == ("::", "127.0.0.1"), "pages are plain HTTP"

    second = start("you@sea.test", "--json", typed="")
    assert (second.code, second.json["made"], second.json["settings_added"]) == (0, {}, {})
    assert Mailbox.objects.count() == Domain.objects.count() == Tenant.objects.count() == 1


def test_what_is_in_the_file_is_respected(start: Skerry, tmp_path: Path) -> None:
    path = tmp_path / "is-1.env"
    path.write_text("# mine\nSKERRY_HOSTNAME=post.sea.test")
    ran = start("you@sea.test", "--hostname", "other.sea.test", "--json")
    assert ran.json["client"]["host"] == "post.sea.test"
    assert path.read_text().startswith("# mine\nSKERRY_HOSTNAME=post.sea.test\nSKERRY_BIND=::\n")


def test_who_chose_where_the_cell_listens_has_chosen_for_the_pages_too(tmp_path: Path) -> None:
    wanted = firststeps.wanted("sea.test", hostname="", public_address="", resolver="")
    added = firststeps.missing(tmp_path / "is-1.env", wanted, {"SKERRY_BIND": "0.0.0.0"})
    assert not {"SKERRY_BIND", "SKERRY_WEB_BIND"} & set(added)


def test_a_dry_run_changes_nothing(start: Skerry, tmp_path: Path) -> None:
    ran = start("you@sea.test", "--dry-run", "--json", typed="")
    assert (ran.code, ran.json["made"]) == (0, {"tenant": "sea", "domain": "sea.test", "mailbox": "you@sea.test"})
    assert not (tmp_path / "is-1.env").exists()
    assert not Tenant.objects.exists()


def test_a_dry_run_looks_around_before_it_keeps_others_from_storing_mail(
    start: Skerry, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths = []

    def resolver(_environ: object) -> FakeDns:
        depths.append(len(connection.savepoint_ids))  # transactions inside this test's own
        return FakeDns()

    monkeypatch.setattr(hosting, "resolver", resolver)
    assert start("you@sea.test", "--dry-run", "--json", typed="").code == 0
    assert set(depths) == {0}


def test_people_read_what_is_left_to_do(start: Skerry) -> None:
    text = start("you@sea.test").out
    for expected in ("$ORIGIN sea.test.", "Recovery phrase", "skerry domain check", "port 993, TLS", "infra/systemd"):
        assert expected in text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("nonsense",), "domain"),
        (("you@sea.test", "--public-address", "127.0.0.1"), "these settings would not do"),
        (("you@sea.test", "--resolver", "dns"), "these settings would not do"),
    ],
)
def test_bad_input_is_said_before_anything_is_made(start: Skerry, words: tuple[str, ...], problem: str) -> None:
    ran = start(*words, "--json")
    assert ran.code == 1
    assert problem in ran.json["error"]
    assert not Tenant.objects.exists()
