"""Admission of recipients and the checks of a whole message."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.limits import SmtpLimits
from mailhost.outcomes import Reason, outcome
from mailhost.ports import MailboxState, Simulate
from mailhost.receive import admit, admit_all, check_header
from tests.people import ADA, BEN, NOW

INVITED = replace(BEN, state=MailboxState.INVITED, public_key=None, invited_at=NOW)
LAPSED = replace(INVITED, invited_at=NOW - timedelta(hours=72))
SUSPENDED = replace(BEN, state=MailboxState.SUSPENDED)
FULL = replace(BEN, room=0)
HOST = "mx.is-1.example"
LIMITS = SmtpLimits()


@pytest.mark.parametrize(
    ("route", "size", "reason"),
    [
        (ADA, 0, Reason.OK),
        (INVITED, 0, Reason.NOT_ACTIVATED),
        (replace(INVITED, invited_at=NOW - timedelta(hours=71, minutes=59)), 0, Reason.NOT_ACTIVATED),
        (LAPSED, 0, Reason.NEVER_ACTIVATED),
        (replace(ADA, public_key=None), 0, Reason.NEVER_ACTIVATED),
        (SUSPENDED, 0, Reason.SUSPENDED),
        (FULL, 0, Reason.MAILBOX_FULL),
        (replace(ADA, room=100, limit=1000), 100, Reason.OK),
        (replace(ADA, room=100, limit=1000), 101, Reason.MAILBOX_FULL),
        (replace(ADA, room=100, limit=1000), 1001, Reason.LARGER_THAN_MAILBOX),
        (replace(ADA, simulate=Simulate.SLOW), 0, Reason.OK),
        (replace(ADA, simulate=Simulate.FULL), 0, Reason.MAILBOX_FULL),
    ],
)
def test_admission(route: object, size: int, reason: Reason) -> None:
    assert admit(route, size, NOW) is reason  # type: ignore[arg-type]


@pytest.mark.parametrize("now_later", [INVITED, FULL])
def test_an_alias_waits_for_a_member_that_cannot_take_it_now(now_later: object) -> None:
    found = admit_all((ADA, now_later), 0, NOW)  # type: ignore[arg-type]
    assert not isinstance(found, tuple)
    assert found.code < 500


@pytest.mark.parametrize("never", [LAPSED, SUSPENDED])
def test_an_alias_passes_over_a_member_that_never_will(never: object) -> None:
    assert admit_all((never, ADA), 0, NOW) == (ADA,)  # type: ignore[arg-type]


def test_an_alias_of_nobody_says_why() -> None:
    assert admit_all((SUSPENDED, LAPSED), 0, NOW) == outcome(Reason.SUSPENDED)
    assert admit_all((), 0, NOW) == outcome(Reason.NO_SUCH_RECIPIENT)


def received(by: str, times: int) -> bytes:
    return f"Received: from relay.example\r\n\tby {by} (Postfix)\r\n\twith ESMTP id 1;\r\n\tnow\r\n".encode() * times


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.OK),
        (b"Subject: x\r\n\r\nbody", Reason.OK),
        (received("other.example", 100) + b"\r\n", Reason.OK),
        (received("other.example", 101) + b"\r\n", Reason.TOO_MANY_HOPS),
        (received(HOST, 5) + b"\r\n", Reason.OK),
        (received(HOST, 6) + b"\r\n", Reason.LOOP),
        (received("MX.IS-1.Example", 6) + b"\r\n", Reason.LOOP),
        (received("not" + HOST, 6) + b"\r\n", Reason.OK),
        (received(HOST + ".example", 6) + b"\r\n", Reason.OK),
        (b"X-Note: Received: by mx.is-1.example \r\n" * 50 + b"\r\n", Reason.OK),
        (b"\r\n" + received(HOST, 200), Reason.OK),
        (b"X: y\r\n" * 2000 + b"\r\n", Reason.OK),
        (b"X: y\r\n" * 2001 + b"\r\n", Reason.TOO_MANY_HEADERS),
        (b"X: y\r\n" + b" z\r\n" * 5000 + b"\r\n", Reason.OK),
        (b"X: y\0\r\n\r\n", Reason.HEADER_NUL),
        (b"X: y\r\n\r\n\0", Reason.OK),
        (b"X: " + b"y" * LIMITS.header + b"\r\n\r\n", Reason.HEADER_TOO_LARGE),
        (b"y" * (LIMITS.header + 100), Reason.HEADER_TOO_LARGE),
    ],
)
def test_headers(content: bytes, reason: Reason) -> None:
    assert check_header(bytearray(content), HOST, LIMITS) is reason


@given(st.binary(max_size=300))
def test_no_content_raises(content: bytes) -> None:
    assert check_header(content, HOST, LIMITS) in Reason
    assert check_header(b"\nreceived:" * 7 + content, HOST, LIMITS) in Reason
