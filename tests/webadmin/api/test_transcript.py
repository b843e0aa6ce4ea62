"""The session in docs/api.md, typed along: every command is carried out, every answer is what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.webadmin.api.conftest import ROOT, Program

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def session() -> list[tuple[list[str], Any]]:
    """Commands, as a shell takes them apart, with the answers that are shown."""
    found = []
    for block in CONSOLE.findall(DOCUMENT.read_text(encoding="utf-8")):
        lines = block.splitlines()
        for command, answer in zip(lines, [*lines[1:], ""], strict=True):
            if command.startswith("$ curl"):
                found.append((shlex.split(command.removeprefix("$ ")), json.loads(answer)))
    return found


def carried_out(command: list[str], program: Program) -> Any:
    """What curl would have done."""
    method, body, headers, path = "GET", None, {}, ""
    words = iter(command[1:])
    for word in words:
        match word:
            case "-s":
                pass
            case "-X":
                method = next(words)
            case "-d":
                body, method = next(words), "POST" if method == "GET" else method
            case "-H":
                name, _colon, value = next(words).partition(": ")
                headers[name.lower()] = value
            case _:
                path = word.removeprefix("$API")
    assert headers.pop("authorization") == "Bearer $TOKEN"
    assert headers.pop("content-type", "application/json") == "application/json"
    assert path.startswith("/")
    return program(method, path, body, **headers).json()


def agrees(shown: Any, real: Any) -> bool:
    """Whether an answer is the one that is shown, as far as it is shown; `…` stands for the rest of a text."""
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(name in real and agrees(shown[name], real[name]) for name in shown)
    if isinstance(shown, list):
        return len(shown) == len(real) and all(map(agrees, shown, real))
    if isinstance(shown, str) and shown.endswith("…"):
        return str(real).startswith(shown[:-1])
    return bool(shown == real)


@pytest.mark.slow
def test_the_session_happens_as_it_is_written(ada: Program) -> None:
    commands = session()
    assert len(commands) >= 10
    for command, shown in commands:
        real = carried_out(command, ada)
        if shown.get("next") == 0:
            shown["next"] = real["items"][-1]["number"]  # whatever number the row got
        assert agrees(shown, real), (command, real)


def test_the_rules_are_those_of_the_code() -> None:
    from webadmin.api import door, paging, rates
    from webadmin.api.rights import Right

    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"{rates.BURST} requests at once and {rates.A_SECOND:.0f} a second" in text
    assert f"at most {door.MAX_BODY // 1024} KiB" in text
    assert f"(at most {paging.MOST})" in text
    for area in {right.partition(":")[0] for right in Right}:
        assert f"`{area}:read`" in text
    assert ROOT in text
