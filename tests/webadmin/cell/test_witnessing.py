"""The witness's endpoint and the call to it: strict about size and method, silent about faults, honest about refusals."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from jurisdiction.ledger.entries import ClientBundle
from jurisdiction.ledger.notes import parse_note
from jurisdiction.ledger.witness import MAX_REQUEST_BYTES, Request
from jurisdiction.records import ledger
from jurisdiction.records.witnessing import Reply
from tests.notaries import keys_of, notary
from webadmin import logs
from webadmin.cell import keyfiles, witnessing
from webadmin.environ import Environ, SettingsProblem, read

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)
IS1, NO1 = notary("is-1"), notary("no-1")


def fill(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            ledger.append([(ClientBundle("2026-11-21", str(number), "ab" * 32), "")], IS1)


@pytest.fixture
def watching(db: None, monkeypatch: pytest.MonkeyPatch) -> Environ:
    """This cell, told to watch no-1 (whose log is made with no-1's key over this database's entries)."""
    for name, key in keys_of("is-1").items():
        keyfiles.place(settings.ENVIRON.keys / name, key)
    made: Environ = settings.ENVIRON.model_copy(update={"witnessed_logs": str(NO1.log_key)})
    monkeypatch.setattr(settings, "ENVIRON", made)
    return made


def request_of(size: int) -> bytes:
    from jurisdiction.ledger.notes import Checkpoint, sign_note
    from jurisdiction.ledger.tree import Tree, leaf_hash

    tree = Tree(leaf_hash(bytes([number])) for number in range(size))
    note = sign_note(Checkpoint(NO1.origin, size, tree.root()).text(), NO1.origin, NO1.key)
    return Request(0, (), parse_note(str(note).encode())).encode()


def post(body: bytes) -> tuple[int, bytes]:
    answer = Client().post("/witness/add-checkpoint", body, content_type="text/plain", headers={"host": "localhost"})
    return answer.status_code, answer.content


def test_a_checkpoint_of_a_watched_log_is_cosigned_once_and_remembered(watching: Environ) -> None:
    fill(1)
    status, body = post(request_of(3))
    assert status == 200
    assert body.decode().startswith(f"— {IS1.witness_name} ")
    assert post(request_of(3)) == (409, b"3\n")


def test_what_is_too_long_is_not_read_and_what_is_none_is_refused(watching: Environ) -> None:
    assert post(b"x" * (MAX_REQUEST_BYTES + 1))[0] == 413
    assert post(b"old x\n\n")[0] == 400
    assert Client().get("/witness/add-checkpoint", headers={"host": "localhost"}).status_code == 405


def test_a_cell_that_watches_nobody_signs_nothing(db: None, watching: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENVIRON", watching.model_copy(update={"witnessed_logs": ""}))
    assert post(request_of(3))[0] == 404


def test_the_newest_checkpoint_is_there_for_everybody(watching: Environ) -> None:
    client = Client(headers={"host": "localhost"})
    assert client.get("/ledger/checkpoint").status_code == 404
    fill(2)
    made = ledger.checkpoint(IS1, NOW)
    assert client.get("/ledger/checkpoint").content.decode() == made.note


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    logs.configure("json", "info", stream)
    yield stream
    logging.getLogger().handlers[:] = before


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (OSError("no route to 192.0.2.7"), "a witness does not answer"),
        (Reply(422, b"the log was rewritten"), "a witness refuses to cosign"),
        (Reply(200, b"nothing"), "a witness refuses to cosign"),
    ],
)
def test_a_witness_that_does_not_sign_is_a_line_in_the_log_and_nothing_stops(
    db: None, monkeypatch: pytest.MonkeyPatch, written: io.StringIO, reply: Reply | OSError, line: str
) -> None:
    fill(2)
    environ = settings.ENVIRON.model_copy(update={"witnesses": f"https://no-1.example/witness#{NO1.cosigning_key}"})

    def send(_self: witnessing.Witness, _body: bytes) -> Reply:
        if isinstance(reply, OSError):
            raise reply
        return reply

    monkeypatch.setattr(witnessing.Witness, "send", send)
    assert witnessing.collect(environ, IS1, NOW).size == 2
    assert line in written.getvalue()
    assert "192.0.2.7" not in written.getvalue()


def test_witnesses_come_from_the_setting_or_from_a_file(tmp_path: pytest.TempPathFactory) -> None:
    line = f"http://127.0.0.1:18025/witness#{NO1.cosigning_key}"
    by_setting = read({"home": tmp_path, "witnesses": f"{line}, {line}"})
    assert [one.url for one in witnessing.witnesses(by_setting)] == ["http://127.0.0.1:18025/witness"] * 2
    plain = read({"home": tmp_path})
    assert list(witnessing.witnesses(plain)) == []
    plain.cell_dir.mkdir()
    (plain.cell_dir / "witnesses").write_text(f"{line}\n\n")
    assert [one.key for one in witnessing.witnesses(plain)] == [NO1.cosigning_key]
    for wrong in ("no-1.example", "https://no-1.example/witness", f"ftp://x#{NO1.cosigning_key}"):
        with pytest.raises(SettingsProblem, match="a witness is an address and its key"):
            read({"home": tmp_path, "witnesses": wrong})
