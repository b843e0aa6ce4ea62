"""A message in the broker's folder is whole or not there, whenever somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.exceptions import ChannelError

from webadmin.jobs import folderbroker

MESSAGE = {"body": "eyJqb2IiOiA3fQ==", "properties": {"delivery_tag": "one"}}


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Any]:
    for name in ("queue", "control", "processed"):
        (tmp_path / name).mkdir()
    folders = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
        "processed_folder": str(tmp_path / "processed"),
        "store_processed": True,
    }
    with Connection(f"{folderbroker.NAME}://localhost//", transport_options=folders) as connection:  # type: ignore[no-untyped-call]
        yield connection.channel()


def test_messages_come_as_they_were_sent_and_each_to_its_queue(channel: Any) -> None:
    channel._put("skerry-is-1", MESSAGE)
    channel._put("skerry-no-1", {**MESSAGE, "body": "other"})
    assert channel._get("skerry-is-1") == MESSAGE
    with pytest.raises(Empty):
        channel._get("skerry-is-1")
    assert channel._get("skerry-no-1")["body"] == "other"


def test_a_message_that_is_half_written_is_not_there_yet(
    channel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(path: Path, text: str, **how: Any) -> int:
        """A worker looks while the file is there and nothing in it."""
        path.touch()
        with pytest.raises(Empty):
            channel._get("skerry-is-1")
        seen.append(path.name)
        return path.write_bytes(text.encode(how["encoding"]))

    monkeypatch.setattr(Path, "write_text", look)
    channel._put("skerry-is-1", MESSAGE)
    assert len(seen) == 1
    assert channel._get("skerry-is-1") == MESSAGE
    assert list((tmp_path / "queue").iterdir()) == []


def test_a_folder_that_takes_nothing_is_told(channel: Any, tmp_path: Path) -> None:
    (tmp_path / "queue").rmdir()
    with pytest.raises(ChannelError, match="No such file"):
        channel._put("skerry-is-1", MESSAGE)
