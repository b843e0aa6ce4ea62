"""The keys of the queue's days: each dies with its last item, and after six days at most."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from mailhost.adapters.queuekeys import QueueKeys
from webadmin.cell.keyfiles import read_or_make


@pytest.fixture
def keys(tmp_path: Path) -> QueueKeys:
    return QueueKeys(tmp_path / "keys" / "queue", read_or_make)


def test_a_key_dies_with_its_last_item_and_after_six_days_at_most(keys: QueueKeys) -> None:
    today = date(2026, 11, 20)
    for days in range(9):
        keys.of_today(today - timedelta(days=days))
    used = {today - timedelta(days=3), today - timedelta(days=8)}
    gone = keys.bury(used, today)
    assert sorted(gone) == [today - timedelta(days=days) for days in (8, 7, 6, 5, 4, 2)]
    assert keys.of(today - timedelta(days=8)) is None
    assert keys.of(today - timedelta(days=3)) is not None
    assert keys.of(today - timedelta(days=1)) is not None, "mail of yesterday may still be on its way in"


def test_a_key_that_a_crash_left_beside_itself_dies_as_well(
    keys: QueueKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_path: Path) -> None:
        raise SystemExit

    today = date(2026, 11, 20)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", dies)
        with pytest.raises(SystemExit):
            keys.of_today(today)
    folder = tmp_path / "keys" / "queue"
    assert len({path.read_bytes() for path in folder.iterdir()}) == 1
    assert len(list(folder.iterdir())) == 2
    assert keys.bury(set(), today + timedelta(days=1)) == []
    assert keys.bury(set(), today + timedelta(days=2)) == [today]
    assert list(folder.iterdir()) == []
