"""Forwarded senders: out and back, not forgeable, not for ever."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.srs import MAX_DAYS, CannotRewrite, NotOurs, Srs
from mailhost.message.address import MAX_LOCAL, Address
from tests.mailauth.people import NOW

OURS = Srs("demo.test", (b"k" * 32,))
FIRST = Srs("first.example", (b"f" * 32,))
ADA = Address("ada", "example.is")


def test_a_sender_goes_out_and_its_bounce_comes_back() -> None:
    out = OURS.rewrite(ADA, now=NOW)
    assert out.domain == "demo.test"
    assert out.local.startswith("SRS0=")
    assert out.local.endswith("=example.is=ada")
    assert OURS.restore(out, now=NOW + timedelta(days=5)) == ADA


@given(st.text(st.sampled_from("abC=+-.0"), min_size=1, max_size=20))
def test_any_local_part_comes_back(local: str) -> None:
    sender = Address(local, "example.is")
    out = OURS.rewrite(sender, now=NOW)
    if not local.upper().startswith(("SRS0", "SRS1")):
        assert OURS.restore(out, now=NOW) == sender


def test_mail_of_our_own_domain_is_not_rewritten() -> None:
    assert OURS.rewrite(Address("ben", "demo.test"), now=NOW) == Address("ben", "demo.test")


def test_a_changed_case_still_comes_back() -> None:
    out = OURS.rewrite(ADA, now=NOW)
    assert OURS.restore(Address(out.local.upper(), out.domain), now=NOW) == Address("ADA", "example.is")
    assert OURS.restore(Address(out.local.lower(), out.domain), now=NOW) == ADA


def test_forwards_of_forwards_go_back_step_by_step() -> None:
    once = FIRST.rewrite(ADA, now=NOW)
    twice = OURS.rewrite(once, now=NOW)
    assert twice.local.startswith("SRS1=")
    third = Srs("third.example", (b"t" * 32,)).rewrite(twice, now=NOW)
    assert len(str(third)) < len(str(twice)) + 5
    assert OURS.restore(twice, now=NOW) == once
    assert Srs("third.example", (b"t" * 32,)).restore(third, now=NOW) == once
    assert FIRST.restore(once, now=NOW) == ADA


@pytest.mark.parametrize(
    "local",
    ["ada", "SRS0=", "SRS0=aaaaaa=aa=example.is=ada", "SRS1=aaaaaa=first.example==x", "SRS0=a=b=c=d", "SRS0=é=22=x=y"],
)
def test_what_we_did_not_make_is_refused(local: str) -> None:
    with pytest.raises(NotOurs):
        OURS.restore(Address(local, "demo.test"), now=NOW)


def test_another_address_under_a_good_hash_is_refused() -> None:
    out = OURS.rewrite(ADA, now=NOW)
    for forged in (out.local.replace("=ada", "=eve"), out.local.replace("example.is", "bank.is")):
        with pytest.raises(NotOurs, match="hash"):
            OURS.restore(Address(forged, "demo.test"), now=NOW)
    with pytest.raises(NotOurs, match="domain"):
        OURS.restore(Address(out.local, "other.test"), now=NOW)


def test_an_address_lapses_after_three_weeks() -> None:
    out = OURS.rewrite(ADA, now=NOW)
    assert OURS.restore(out, now=NOW + timedelta(days=MAX_DAYS)) == ADA
    assert OURS.restore(out, now=NOW - timedelta(days=1)) == ADA
    for days in (MAX_DAYS + 1, 500, -2):
        with pytest.raises(NotOurs, match="older"):
            OURS.restore(out, now=NOW + timedelta(days=days))


def test_keys_rotate() -> None:
    out = OURS.rewrite(ADA, now=NOW)
    rotated = Srs("demo.test", (b"n" * 32, b"k" * 32))
    assert rotated.restore(out, now=NOW) == ADA
    assert rotated.rewrite(ADA, now=NOW) != out
    with pytest.raises(NotOurs):
        Srs("demo.test", (b"n" * 32,)).restore(out, now=NOW)


def test_a_sender_that_grows_too_long_is_not_rewritten() -> None:
    fits = MAX_LOCAL - len("SRS0=abcdef=aa=example.is=")
    assert len(OURS.rewrite(Address("a" * fits, "example.is"), now=NOW).local) == MAX_LOCAL
    with pytest.raises(CannotRewrite):
        OURS.rewrite(Address("a" * (fits + 1), "example.is"), now=NOW)
