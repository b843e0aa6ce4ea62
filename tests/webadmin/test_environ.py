"""The settings reader: every problem at once, each with its variable; no process holds the other side's credential."""

from __future__ import annotations

from pathlib import Path

import pytest

from webadmin.environ import SettingsProblem, read


def test_all_problems_are_told_at_once_each_with_its_variable() -> None:
    with pytest.raises(SettingsProblem) as found:
        read({"cell": "Iceland", "mx_port": 70000, "log_level": "loud"})
    text = str(found.value)
    for part in ("SKERRY_CELL: a cell is a country code", "SKERRY_MX_PORT", "SKERRY_LOG_LEVEL"):
        assert part in text


@pytest.mark.parametrize("cell", ["is-1", "no-9999", "ch-12"])
def test_a_cell_is_a_country_and_a_number(cell: str) -> None:
    assert read({"cell": cell}).country == cell[:2].upper()


@pytest.mark.parametrize("cell", ["is", "IS-1", "is-0", "is-01", "isl-1", "is-1/..", "../is-1", "is-10000"])
def test_other_cells_are_refused(cell: str) -> None:
    with pytest.raises(SettingsProblem, match="SKERRY_CELL"):
        read({"cell": cell})


def test_a_process_holds_the_credential_of_its_own_side_only() -> None:
    with pytest.raises(SettingsProblem, match="SKERRY_DIRECTORY_DATABASE_URL is set in a cell"):
        read({"role": "cell", "directory_database_url": "postgresql://x/y"})
    with pytest.raises(SettingsProblem, match="SKERRY_DATABASE_URL is set in the directory"):
        read({"role": "directory", "database_url": "postgresql://x/y"})


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(SettingsProblem, match="belong together"):
        read({"tls_cert": "a.pem"})


def test_the_directorys_url_may_lie_in_its_own_folder(tmp_path: Path) -> None:
    assert read({"home": tmp_path, "role": "directory"}).directory_database == ""
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "database-url").write_text("postgresql://directory@/skerry\n")
    assert read({"home": tmp_path, "role": "directory"}).directory_database == "postgresql://directory@/skerry"
    named = read({"home": tmp_path, "role": "directory", "directory_database_url": "postgresql://other/x"})
    assert named.directory_database == "postgresql://other/x"
    assert read({"home": tmp_path}).directory_database == "", "a cell's process never reads it"


def test_folders_follow_from_home_and_cell(tmp_path: Path) -> None:
    made = read({"home": tmp_path, "cell": "no-2"})
    assert made.keys == tmp_path / "no-2" / "keys"
    assert made.blobs == tmp_path / "no-2" / "blobs"
    assert read({"home": tmp_path, "keys_dir": tmp_path / "credentials"}).keys == tmp_path / "credentials"


def test_workers_are_as_many_as_asked_or_as_cores() -> None:
    assert read().workers(3) == 3
    assert 1 <= read().workers(0) <= 4


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().mx_port = 25


def test_the_environment_is_read_and_what_is_empty_there_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKERRY_MX_PORT", "25")
    monkeypatch.setenv("SKERRY_CELL", "")
    monkeypatch.setenv("MX_PORT", "26")
    assert (read().mx_port, read().cell) == (25, "is-1")
    assert read({"mx_port": 27}).mx_port == 27
    monkeypatch.setenv("SKERRY_MX_PORT", "many")
    with pytest.raises(SettingsProblem, match="SKERRY_MX_PORT"):
        read()


def trust(**settings: object) -> tuple[bool, str, str]:
    made = read({"signup_domain": "example.is", **settings})
    return made.serves_loopback_only, made.who_signs_up, made.second_person_rule


def test_a_cell_that_loopback_alone_reaches_is_its_operators_own_box() -> None:
    own = (True, "open", "none")
    assert trust() == trust(bind="::1") == trust(bind="localhost", web_bind="127.0.0.1") == own
    assert trust(web_origin="http://localhost:8025") == own


@pytest.mark.parametrize(
    "reached",
    [
        {"bind": "::"},
        {"bind": "::", "web_bind": "127.0.0.1"},
        {"web_bind": "::"},
        {"web_bind": "192.0.2.7"},
        {"web_origin": "https://mail.example.is"},
        {"web_origin": "http://localhost.example.is:8025"},
    ],
)
def test_a_cell_whose_mail_or_pages_others_reach_trusts_nobody_for_being_near(reached: dict[str, object]) -> None:
    """Pages on every address, or behind a proxy that gives them a name, are no less reached than mail is."""
    assert trust(**reached) == (False, "voucher", "needed")
