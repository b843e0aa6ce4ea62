"""Which cell is this? Setting, row and certificate must agree, and each disagreement is named."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings

from mailhost.models import CellIdentity
from webadmin.cell import cellcert, identity, keyfiles
from webadmin.environ import Environ

NOW = datetime(2027, 3, 14, tzinfo=UTC)
Keys = Callable[[str], cellcert.CellCertificate]


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    """The suite's own settings, with a keys folder of the test."""
    return settings.ENVIRON.model_copy(update={"keys_dir": tmp_path / "keys"})


@pytest.fixture
def certify(db: None, environ: Environ) -> Keys:
    """Make a certificate for a cell and write its fingerprint into the row."""

    def make(cell: str) -> cellcert.CellCertificate:
        made = cellcert.read_or_make(environ.keys, cell, NOW)
        CellIdentity.objects.update(certificate_sha256=made.sha256)
        return made

    return make


def test_all_witnesses_agree(environ: Environ, certify: Keys) -> None:
    certify("is-1")
    identity.check(environ)


def test_a_certificate_of_another_cell(environ: Environ, certify: Keys) -> None:
    certify("no-1")
    with pytest.raises(identity.WrongCell, match="certificate in the keys folder is of cell no-1"):
        identity.check(environ)


def test_a_database_of_another_cell(environ: Environ, certify: Keys) -> None:
    certify("is-1")
    CellIdentity.objects.update(cell="no-1")
    with pytest.raises(identity.WrongCell, match="database belongs to cell no-1"):
        identity.check(environ)


def test_another_certificate_of_the_same_cell(environ: Environ, certify: Keys) -> None:
    certify("is-1")
    CellIdentity.objects.update(certificate_sha256="00" * 32)
    with pytest.raises(identity.WrongCell, match=r"restore cell\.pem"):
        identity.check(environ)


def test_no_row_and_no_key_files_mean_not_prepared(environ: Environ, db: None) -> None:
    with pytest.raises(identity.NotPrepared, match=r"cell\.pem is missing"):
        identity.check(environ)
    CellIdentity.objects.all().delete()
    with pytest.raises(identity.NotPrepared, match="skerry init"):
        identity.check(environ)


def test_a_certificate_is_made_once_and_survives_a_crash_between_its_files(tmp_path: Path) -> None:
    first = cellcert.read_or_make(tmp_path, "is-1", NOW)
    assert cellcert.read_or_make(tmp_path, "is-1", NOW) == first
    assert first.cell == "is-1"
    key = (tmp_path / "cell.key").read_bytes()
    (tmp_path / "cell.pem").unlink()
    cellcert.read_or_make(tmp_path, "is-1", NOW)
    assert (tmp_path / "cell.key").read_bytes() == key


@pytest.mark.parametrize("name", ["cell.pem", "cell.key"])
def test_a_damaged_or_foreign_half_is_named_and_never_replaced(tmp_path: Path, name: str) -> None:
    cellcert.read_or_make(tmp_path / "a", "is-1", NOW)
    cellcert.read_or_make(tmp_path / "b", "is-1", NOW)
    for content in (b"damaged", (tmp_path / "b" / name).read_bytes()):
        (tmp_path / "a" / name).write_bytes(content)
        with pytest.raises(keyfiles.KeyFileDamaged, match="restore both"):
            cellcert.read_or_make(tmp_path / "a", "is-1", NOW)
        assert (tmp_path / "a" / name).read_bytes() == content


class TestKeyFiles:
    def test_a_key_is_made_once_for_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "keys" / "a.key"
        key = keyfiles.read_or_make(path)
        assert keyfiles.read_or_make(path) == key
        assert len(key) == keyfiles.KEY_BYTES
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [entry.name for entry in path.parent.iterdir()] == ["a.key"]

    def test_a_key_of_the_wrong_size_is_never_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "a.key"
        path.write_bytes(b"short")
        with pytest.raises(keyfiles.KeyFileDamaged, match="5 bytes instead of 32"):
            keyfiles.read_or_make(path)
        assert path.read_bytes() == b"short"

    def test_of_two_that_make_it_at_once_both_read_the_winners(self, tmp_path: Path) -> None:
        path = tmp_path / "a.key"
        keyfiles.place(path, b"w" * 32)
        keyfiles.place(path, b"l" * 32)
        assert keyfiles.read_or_make(path) == b"w" * 32

    def test_replacing_leaves_nothing_behind(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pem"
        keyfiles.replace(path, b"one")
        keyfiles.replace(path, b"two", mode=0o644)
        assert path.read_bytes() == b"two"
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.pem"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
