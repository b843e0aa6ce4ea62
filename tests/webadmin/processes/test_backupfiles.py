"""Whatever ends a backup, no copy of the database stays behind it, and no half of a backup has its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailhost.models import Job
from tests.provision import house
from webadmin.environ import Environ, read
from webadmin.jobs import tasks
from webadmin.processes import backupfiles


@pytest.fixture
def environ(tmp_path: Path) -> Environ:
    return read({"home": tmp_path})


def left_by_a_killed_command(environ: Environ) -> Path:
    """What is there when one was killed while it copied: the folder, and a lock that the kernel has let go of."""
    folder = environ.run / "backup"
    folder.mkdir(parents=True)
    (folder / "database").write_bytes(b"rows of many people")
    (environ.run / "backup.lock").touch()
    return folder


def test_a_working_copy_goes_with_its_block(environ: Environ) -> None:
    with backupfiles.working_copy(environ) as folder:
        (folder / "database").write_bytes(b"rows")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_one_command_at_a_time_makes_a_working_copy(environ: Environ) -> None:
    with backupfiles.working_copy(environ) as folder:
        (folder / "database").write_bytes(b"rows")
        with pytest.raises(backupfiles.AtWork, match="wait"), backupfiles.working_copy(environ):
            pass
        backupfiles.clear_away(environ)
        assert (folder / "database").exists(), "nothing is taken from a command that is at work"


def test_the_copy_of_a_killed_command_is_gone_when_the_next_begins(environ: Environ) -> None:
    left_by_a_killed_command(environ)
    with backupfiles.working_copy(environ) as folder:
        assert list(folder.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_the_copy_of_a_killed_command_goes_with_the_workers_sweep(environ: Environ) -> None:
    folder = left_by_a_killed_command(environ)
    tasks.sweep_store(environ, house.NOTARY, Job(), house.NOW)
    assert not folder.exists()


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "cell.age"
    with backupfiles.appearing(target) as raw:
        raw.write(b"half")
        assert not target.exists()
        raw.write(b" and half")
    assert target.read_bytes() == b"half and half"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_half_a_file_is_none_and_stops_no_later_one(tmp_path: Path) -> None:
    target = tmp_path / "cell.age"

    def break_off() -> None:
        with backupfiles.appearing(target) as raw:
            raw.write(b"half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        break_off()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "cell.age.part").write_bytes(b"what a killed command left, longer than what comes")
    with backupfiles.appearing(target) as raw:
        raw.write(b"whole")
    assert target.read_bytes() == b"whole"


def test_a_backup_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    target = tmp_path / "cell.age"
    target.write_bytes(b"of yesterday")
    with pytest.raises(FileExistsError), backupfiles.appearing(target):
        raise AssertionError("nothing is begun")
    assert target.read_bytes() == b"of yesterday"
