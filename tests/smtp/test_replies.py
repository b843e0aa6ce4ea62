"""Replies: well formed, with the right enhanced code, and silent about the client's words."""

from __future__ import annotations

import re

import pytest

from mailhost.outcomes import REASONS, Accepted, Deferred, Reason, Rejected, outcome
from mailhost.smtp import replies

LINES = {name: value for name, value in vars(replies).items() if name.isupper() and isinstance(value, bytes)}


@pytest.mark.parametrize("name", LINES)
def test_every_reply_is_a_reply_with_an_enhanced_code_of_its_class(name: str) -> None:
    lines = LINES[name].split(b"\r\n")
    assert lines.pop() == b""
    for number, line in enumerate(lines, 1):
        # RFC 2034 §4: not before the greeting's code, not in 3yz.
        form = rb"(\d)\d\d([ -])(?:(\d)\.\d{1,3}\.\d{1,3} )?[ -~]+" if line[:1] != b"3" else rb"(3)\d\d( )()[ -~]*"
        found = re.fullmatch(form, line)
        assert found is not None, line
        assert found[2] == (b" " if number == len(lines) else b"-")
        assert line.startswith((b"3", b"214 ")) or found[3] in {found[1], b"2"}
        assert len(line) <= 510  # RFC 5321 §4.5.3.1.5


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_codes_of_one_class(reason: Reason) -> None:
    code, enhanced, text = REASONS[reason]
    assert str(code)[0] == enhanced[0]
    assert re.fullmatch(r"[245]\.\d\.\d{1,3}", enhanced)
    assert text.isascii()
    assert "@" not in text
    kind = {2: Accepted, 4: Deferred, 5: Rejected}[code // 100]
    assert isinstance(outcome(reason), kind)
    assert replies.of_outcome(outcome(reason)) == f"{code} {enhanced} {text}\r\n".encode()


def test_several_lines() -> None:
    assert (
        replies.several(250, ["mx.example", "PIPELINING", "HELP"])
        == b"250-mx.example\r\n250-PIPELINING\r\n250 HELP\r\n"
    )
