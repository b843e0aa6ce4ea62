"""A cell's backup file: written and read piece by piece, and nothing is believed of one that is cut, mixed or changed."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.cellbackup import BadBackup, Contents, Manifest, read, write
from mailhost.seal import HybridIdentity
from mailhost.seal.agefile import SealingFile

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
KEY = HybridIdentity.generate()
MANIFEST = Manifest("is-1", "ab" * 32, NOW.isoformat(), "sqlite", 7, "note", "IS")


@pytest.fixture
def cell(tmp_path: Path) -> tuple[Path, FileBlobs]:
    dump = tmp_path / "dump"
    dump.write_bytes(b"the database" * 10_000)
    blobs = FileBlobs(tmp_path / "blobs")
    blobs.prepare()
    for number in range(3):
        blobs.write(bytes([number]) * 70_000, NOW)
    return dump, blobs


def made(cell: tuple[Path, FileBlobs], manifest: Manifest = MANIFEST) -> bytes:
    raw = io.BytesIO()
    write(raw, [KEY.recipient], manifest, cell[0], cell[1], NOW)
    return raw.getvalue()


def unpacked(data: bytes, folder: Path) -> Contents:
    folder.mkdir(exist_ok=True)
    return read(io.BytesIO(data), [KEY], folder)


def test_what_was_written_comes_back_byte_by_byte(cell: tuple[Path, FileBlobs], tmp_path: Path) -> None:
    found = unpacked(made(cell), tmp_path / "out")
    assert found == Contents(MANIFEST, 3, 210_000)
    assert (tmp_path / "out" / "database").read_bytes() == cell[0].read_bytes()
    for name, size, _ in cell[1].names():
        copy = tmp_path / "out" / "blobs" / name[:2] / name
        assert copy.read_bytes() == cell[1].read(name)
        assert (copy.stat().st_size, copy.stat().st_mode & 0o777) == (size, 0o600)


def test_what_takes_the_place_of_the_lost_is_on_disk_before_it_is_used(
    cell: tuple[Path, FileBlobs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[int, int] = {}
    sync = os.fsync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        status = os.fstat(descriptor)
        synced[status.st_ino] = status.st_size

    monkeypatch.setattr(os, "fsync", noted)
    data, out = made(cell), tmp_path / "out"
    out.mkdir()
    read(io.BytesIO(data), [KEY], out, durable=True)
    there = [out, *out.rglob("*")]
    assert len([path for path in there if path.is_file()]) == 4
    for path in there:
        assert path.stat().st_ino in synced, path
        assert path.is_dir() or synced[path.stat().st_ino] == path.stat().st_size, "all of it, not what was there then"


def test_the_file_tells_nothing_without_the_key(cell: tuple[Path, FileBlobs], tmp_path: Path) -> None:
    data = made(cell)
    assert b"the database" not in data
    assert b"is-1" not in data
    with pytest.raises(BadBackup, match="does not open with this key"):
        read(io.BytesIO(data), [HybridIdentity.generate()], tmp_path)


@pytest.mark.parametrize("cut", [1, 16, 60_000, 70_000, 200_000])
def test_a_backup_that_was_cut_is_none(cell: tuple[Path, FileBlobs], tmp_path: Path, cut: int) -> None:
    with pytest.raises(BadBackup):
        unpacked(made(cell)[:-cut], tmp_path / "out")


def archive(members: list[tuple[str, bytes]], kind: bytes = tarfile.REGTYPE) -> bytes:
    raw = io.BytesIO()
    sealing = SealingFile([KEY.recipient], raw)
    with tarfile.open(mode="w|", fileobj=cast("Any", sealing)) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if name not in ("manifest.json", "end.json", "database"):
                member.type = kind
            tar.addfile(member, io.BytesIO(data))
    sealing.close()
    return raw.getvalue()


HEAD = ("manifest.json", json.dumps(asdict(MANIFEST)).encode())
DATABASE = ("database", b"x")


def end(blobs: int = 0, octets: int = 0) -> tuple[str, bytes]:
    return "end.json", json.dumps({"blobs": blobs, "octets": octets}).encode()


BLOB = f"blobs/ab/{'ab' * 16}"


@pytest.mark.parametrize(
    "members",
    [
        [],
        [DATABASE, HEAD, end()],
        [HEAD, end()],
        [HEAD, DATABASE],
        [HEAD, DATABASE, end(1, 1)],
        [HEAD, DATABASE, (BLOB, b"xx"), end(1, 1)],
        [HEAD, DATABASE, end(), (BLOB, b"x")],
        [HEAD, DATABASE, ("../../etc/passwd", b"x"), end(1, 1)],
        [HEAD, DATABASE, ("/etc/passwd", b"x"), end(1, 1)],
        [HEAD, DATABASE, (f"blobs/cd/{'ab' * 16}", b"x"), end(1, 1)],
        [("manifest.json", b"{}"), DATABASE, end()],
        [("manifest.json", b"no json"), DATABASE, end()],
        [("manifest.json", json.dumps(asdict(replace(MANIFEST, format="v0"))).encode()), DATABASE, end()],
        [HEAD, DATABASE, DATABASE, end()],
    ],
)
def test_whatever_else_is_sealed_to_the_key_is_no_backup(members: list[tuple[str, bytes]], tmp_path: Path) -> None:
    with pytest.raises((BadBackup, FileExistsError)):
        unpacked(archive(members), tmp_path / "out")
    assert not list(tmp_path.glob("etc*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_and_other_things_are_not_unpacked(kind: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadBackup):
        unpacked(archive([HEAD, DATABASE, (BLOB, b""), end(1, 0)], kind), tmp_path / "out")


def test_a_blob_that_goes_while_the_backup_runs_is_left_out(cell: tuple[Path, FileBlobs], tmp_path: Path) -> None:
    first = next(cell[1].names())[0]

    class Going(FileBlobs):
        def names(self) -> Any:
            for found in list(super().names()):
                self.remove(first)
                yield found

    found = unpacked(made((cell[0], Going(tmp_path / "blobs"))), tmp_path / "out")
    assert found.blobs == 2
