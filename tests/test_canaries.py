"""The scan of files finds a word in each of its forms, wherever it lies; a scan that finds nothing proves nothing."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests import canaries

WORDS = canaries.planted(["subject", "body"]) | {"client": "127.121.133.140", "password": "canary 0123456789abcdef"}


def in_base64(at: int, behind: bytes, text: bytes) -> bytes:
    return base64.b64encode(b"\xff" * at + text + behind)


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "text": bytes,
    "hex": lambda text: text.hex().encode(),
    "UTF-16": lambda text: text.decode().encode("utf-16-le"),
    # Three more bytes in front of a word is the same alignment again.
    **{f"base64 at {at}": partial(in_base64, at, b"") for at in range(4)},
    **{f"base64 at {at}, and more": partial(in_base64, at, b"and more") for at in range(4)},
}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("thing", WORDS)
def test_each_form_of_each_word_is_found(tmp_path: Path, thing: str, form: str) -> None:
    hidden = tmp_path / "home" / "blobs" / "deep" / "within"
    hidden.parent.mkdir(parents=True)
    hidden.write_bytes(b"\x00\xff" * 5_000 + WRITTEN[form](WORDS[thing].encode()) + b"\n" * 5_000)
    (tmp_path / "home" / "beside").write_bytes(b"nothing to see")
    assert set(canaries.found(canaries.files(tmp_path), WORDS)) == {f"{thing} in within"}


def test_every_word_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("; ".join(WORDS.values()))
    assert set(canaries.found(canaries.files(tmp_path), WORDS)) == {f"{thing} in log" for thing in WORDS}


def test_no_two_words_are_the_same() -> None:
    assert len(set(canaries.planted("abc").values()) | set(canaries.planted("abc").values())) == 6


def test_what_appeared_in_the_temporary_folder_is_searched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "old").write_text("there before")
    before = canaries.temporary()
    (tmp_path / "core").write_text(WORDS["subject"])
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "one").write_text(WORDS["body"])
    (tmp_path / "skerry-house-of-others").mkdir()
    (tmp_path / "skerry-house-of-others" / "mail").write_text(WORDS["client"])
    assert set(canaries.found(canaries.appeared(before), WORDS)) == {"subject in core", "body in one"}


def test_a_file_that_has_gone_meanwhile_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "here").write_text(WORDS["body"])
    assert list(canaries.found([tmp_path / "gone", tmp_path / "here"], WORDS)) == ["body in here"]
