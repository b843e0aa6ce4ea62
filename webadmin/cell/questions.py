"""Questions to the directory over a Unix socket: one line of JSON there, one line back, and the connection ends.

Where each daemon is a service of its own, none of a cell's may look into the directory's folder. What they may do is
ask: who claims a name, who gives one up. The other end is a process of the directory's that its service manager starts
with the listening socket when somebody asks, and that ends when nobody has for a while. It names its one cell itself,
so whoever got into a daemon can claim and release in no other cell's name.

In: bounded lines, within seconds; whoever sends something else gets no answer.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

LONGEST: Final = 4096  # octets of a line; a domain has 253
WITHIN: Final = 5.0  # seconds for a line to arrive, or to be taken
IDLE: Final = 60.0  # seconds without a question after which the answering process ends

type Answer = Callable[[Sequence[str], str], dict[str, Any]]


def serve(listener: socket.socket, answer: Answer, *, idle: float = IDLE) -> None:
    """Answer one question after the other; return when none has come for `idle` seconds."""
    listener.settimeout(idle)
    while True:
        try:
            asker, _nameless = listener.accept()
        except TimeoutError:
            return
        with asker:
            try:
                words, text = _question(_line(asker, WITHIN))
                asker.settimeout(WITHIN)
                asker.sendall(json.dumps(answer(words, text)).encode() + b"\n")
            except (OSError, ValueError) as problem:
                log.warning("a question to the directory was none", extra={"error": type(problem).__name__})
            except Exception as problem:  # noqa: BLE001  # a database that restarts: who asked asks again
                log.error("a question to the directory had no answer: %s", type(problem).__name__)  # noqa: TRY400


def ask(path: Path, words: Sequence[str], text: str, *, within: float) -> dict[str, Any]:
    """What the directory answers; `text` is what no list of processes should show. Raises OSError, ValueError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(within)
        asking.connect(str(path))
        asking.sendall(json.dumps({"words": list(words), "text": text}).encode() + b"\n")
        return dict(json.loads(_line(asking, within)))


def _line(connection: socket.socket, within: float) -> bytes:
    """One line, all of it within so many seconds. Raises ValueError where it is too long or cut off, TimeoutError."""
    content, until = b"", time.monotonic() + within
    while not content.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no line in time")
        connection.settimeout(left)
        more = connection.recv(LONGEST)
        content += more
        if not more or len(content) > LONGEST:
            raise ValueError("no line")
    return content


def _question(line: bytes) -> tuple[list[str], str]:
    """Raises ValueError for what is no question."""
    found = json.loads(line)
    if not isinstance(found, dict) or set(found) != {"words", "text"}:
        raise ValueError("no question")
    words, text = found["words"], found["text"]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or not isinstance(text, str):
        raise ValueError("no question")
    return words, text
