"""Asking the directory over its socket: the same answers as from a child process, in the name of one cell only."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from django.db import OperationalError

from mailhost.provision.claims import DirectoryUnreachable, TakenElsewhere
from tests.patience import PATIENCE, eventually
from webadmin.cell import control, questions
from webadmin.cell.control import DirectoryProcess
from webadmin.management.commands import directory
from webadmin.settings import ENVIRON

ROOT = Path(__file__).resolve().parents[3]

END = ["end"]  # the last question

type Asking = Callable[[questions.Answer], Path]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Asking]:
    """Somebody answers at a socket until the test is over."""
    threads = []

    def begin(answer: questions.Answer) -> Path:
        path = tmp_path / "directory.sock"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen()

        def answer_until_the_end(words: Sequence[str], text: str) -> dict[str, object]:
            if list(words) == END:
                listener.settimeout(0.001)  # idle for so long, it goes
                return {}
            return answer(words, text)

        thread = threading.Thread(target=questions.serve, args=(listener, answer_until_the_end))
        thread.start()
        threads.append((thread, listener, path))
        return path

    yield begin
    for thread, listener, path in threads:
        questions.ask(path, END, "", within=PATIENCE)
        thread.join()
        listener.close()


def claims_at(path: Path) -> DirectoryProcess:
    return DirectoryProcess(ENVIRON.model_copy(update={"directory_socket": path}))


def test_who_answers_ends_when_nobody_has_asked_for_a_while(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "directory.sock"))
        listener.listen()
        questions.serve(listener, lambda _words, _text: {}, idle=0.05)


def test_names_are_claimed_and_given_up(answering: Asking) -> None:
    asked = []

    def answer(words: list[str], text: str) -> dict[str, object]:
        asked.append((*words, text))
        return {"fresh": True} if words[0].startswith("claim") else {}

    claims = claims_at(answering(answer))  # type: ignore[arg-type]  # a list is a sequence
    assert claims.claim_tenant("harbour")
    assert claims.claim_domain("example.is")
    claims.release_domain("example.is")
    claims.release_tenant("harbour")
    assert asked == [
        ("claim-tenant", "harbour", "is-1", ""),
        ("claim-domain", "is-1", "example.is"),
        ("release-domain", "is-1", "example.is"),
        ("release-tenant", "harbour", "is-1", ""),
    ]


def test_a_refusal_is_the_same_as_from_a_child(answering: Asking) -> None:
    claims = claims_at(answering(lambda _words, _text: {"error": "it lives in another cell", "kind": "taken"}))
    with pytest.raises(TakenElsewhere, match="another cell"):
        claims.claim_tenant("harbour")


def test_where_nobody_answers_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnreachable):
        claims_at(tmp_path / "nobody.sock").claim_tenant("harbour")


def test_once_somebody_answers_again_nothing_needs_a_restart(answering: Asking, tmp_path: Path) -> None:
    claims = claims_at(tmp_path / "directory.sock")
    with pytest.raises(DirectoryUnreachable, match="try again"):
        claims.claim_tenant("harbour")
    # A socket that a process left behind, which nobody listens at any more.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "directory.sock"))
    with pytest.raises(DirectoryUnreachable, match="try again"):
        claims.claim_tenant("harbour")
    (tmp_path / "directory.sock").unlink()
    answering(lambda _words, _text: {"fresh": True})
    assert claims.claim_tenant("harbour")


def test_a_directory_that_was_lost_is_prepared_again_over_the_socket(answering: Asking) -> None:
    asked = []

    def answer(words: Sequence[str], _text: str) -> dict[str, object]:
        asked.append(tuple(words))
        if ("prepare", "is-1", ENVIRON.hostname) not in asked:
            return {"error": "the directory knows no cell is-1", "kind": "unprepared"}
        return {"fresh": True}

    assert claims_at(answering(answer)).claim_tenant("harbour")
    assert [words[0] for words in asked] == ["claim-tenant", "prepare", "claim-tenant"]


def test_a_directory_that_cannot_be_prepared_is_asked_once_more_and_no_oftener(answering: Asking) -> None:
    asked = []

    def answer(words: Sequence[str], _text: str) -> dict[str, object]:
        asked.append(words[0])
        return {} if words[0] == "prepare" else {"error": "the directory knows no cell is-1", "kind": "unprepared"}

    with pytest.raises(DirectoryUnreachable, match="knows no cell"):
        claims_at(answering(answer)).claim_tenant("harbour")
    assert asked == ["claim-tenant", "prepare", "claim-tenant"]


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"[]\n", b'{"words": [1], "text": ""}\n', b"\xff\n", b"x" * 5000, b'{"words": []', b""]
)
def test_what_is_no_question_gets_no_answer_and_stops_nobody(line: bytes, answering: Asking) -> None:
    path = answering(lambda words, _text: {"fresh": words[0] == "claim-tenant"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(str(path))
        stranger.sendall(line)
        stranger.shutdown(socket.SHUT_WR)
        assert stranger.recv(100) == b""
    assert claims_at(path).claim_tenant("harbour")


def test_a_fault_in_one_answer_leaves_the_others_theirs(answering: Asking) -> None:
    problems = [OperationalError("the connection is closed")]

    def answer(_words: Sequence[str], _text: str) -> dict[str, object]:
        if problems:
            raise problems.pop()
        return {"fresh": True}

    claims = claims_at(answering(answer))
    with pytest.raises(DirectoryUnreachable):
        claims.claim_tenant("harbour")
    assert claims.claim_tenant("harbour")


def _takes(asked: socket.socket, text: bytes) -> bool:
    """Whether the other side still listens."""
    try:
        asked.sendall(text)
    except OSError:
        return False
    return True


def test_who_drips_a_question_is_given_up_in_time(answering: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "WITHIN", 0.3)
    path = answering(lambda _words, _text: {"fresh": True})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as slow:
        slow.connect(str(path))
        eventually(lambda: not _takes(slow, b" "))
    assert claims_at(path).claim_tenant("harbour")


def test_it_answers_in_its_own_cells_name_only() -> None:
    with pytest.raises(ValueError, match="no question"):
        directory.by_socket(["prepare", "no-1", "host.example"], "", "is-1")
    with pytest.raises(ValueError, match="no question"):
        directory.by_socket(["claim-tenant", "harbour", "no-1"], "", "is-1")
    with pytest.raises(ValueError, match="no question"):
        directory.by_socket(["claim-tenant"], "", "is-1")


def test_a_line_is_what_travels(answering: Asking) -> None:
    path = answering(lambda words, text: {"words": list(words), "text": text})
    assert questions.ask(path, ["a"], "b\nc", within=60) == {"words": ["a"], "text": "b\nc"}


def test_a_restart_tells_the_directory_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another program in the place of the directory's: it writes a line each time it is started.
    told = tmp_path / "told"
    monkeypatch.setattr(control, "command", lambda *words: ("sh", "-c", f"echo {words[-1]} >> {told}; echo '{{}}'"))
    home = ENVIRON.model_copy(update={"home": tmp_path, "hostname": "old.example.is"})
    home.run.mkdir(parents=True)
    home.directory_dir.mkdir()
    for _ in range(2):
        DirectoryProcess(home).prepare_unless_heard()
    assert told.read_text() == "old.example.is\n"
    moved = DirectoryProcess(home.model_copy(update={"hostname": "new.example.is"}))
    moved.prepare_unless_heard()
    home.directory_dir.rmdir()
    moved.prepare_unless_heard()
    assert told.read_text().splitlines()[1:] == ["new.example.is", "new.example.is"], "moved, and after its loss"
    monkeypatch.setattr("directory.__path__", [str(tmp_path)])
    home.directory_dir.mkdir()
    moved.prepare_unless_heard()
    moved.prepare()
    assert len(told.read_text().splitlines()) == 5, "other tables, and whenever a person asks for it"
    (home.run / "directory-heard").write_bytes(b"\xff half a note")
    moved.prepare_unless_heard()
    assert len(told.read_text().splitlines()) == 6, "a note that is not ours"


@pytest.mark.journey
def test_the_directorys_own_process_answers_at_a_socket_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "TIMEOUT_SECONDS", 2 * PATIENCE)  # it has to start before it answers
    home = ENVIRON.model_copy(update={"home": tmp_path, "hostname": "mail.example.is"})
    home.run.mkdir(parents=True)
    # A directory that was lost, or never was, is made when it is needed.
    assert DirectoryProcess(home).claim_tenant("harbour")
    path = tmp_path / "directory.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        words = ["SKERRY_ROLE=directory", f"SKERRY_CELL={ENVIRON.cell}", f"SKERRY_HOME={tmp_path}", sys.executable]
        answering = subprocess.Popen(["env", "-i", "PATH=/usr/bin:/bin", *words, "manage.py", "directory", "serve"],
                                     stdin=listener.fileno(), cwd=ROOT)  # fmt: skip
    try:
        claims = DirectoryProcess(home.model_copy(update={"directory_socket": path}))
        assert [claims.claim_tenant("fjord"), claims.claim_tenant("fjord"), claims.claim_tenant("harbour")] == [
            True,
            False,
            False,
        ]
        assert claims.claim_domain("example.is")
        claims.release_tenant("harbour")
        assert claims.claim_tenant("harbour")
        with pytest.raises(DirectoryUnreachable):
            replace_cell(claims).claim_tenant("skerry")
        shutil.rmtree(home.directory_dir)
        assert claims.claim_domain("example.is"), "tables, key and folder are made again by the process that answers"
    finally:
        answering.terminate()
        answering.wait()


def replace_cell(claims: DirectoryProcess) -> DirectoryProcess:
    """Somebody in the same place who speaks in another cell's name."""
    return DirectoryProcess(claims.environ.model_copy(update={"cell": "no-1"}))
