"""Counters of the receiving side: sources are hashes, tables are bounded, windows pass."""

from __future__ import annotations

import pytest

from mailhost.limits import Occupancy, Rate, SmtpLimits, is_loopback, source_hash
from mailhost.message.headers import MAX_HEADER_BYTES
from mailhost.seal import MAX_MESSAGE_SIZE
from webadmin.environ import Environ

KEY = b"k" * 16


def test_a_source_is_an_ipv4_address_or_an_ipv6_64() -> None:
    def same(one: str, other: str) -> bool:
        return source_hash(one, KEY) == source_hash(other, KEY)

    assert same("192.0.2.1", "::ffff:192.0.2.1")
    assert not same("192.0.2.1", "192.0.2.2")
    assert same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9%eth0")
    assert not same("2001:db8:1:2::1", "2001:db8:1:3::1")
    assert not same("", "192.0.2.1")
    assert source_hash("192.0.2.1", KEY) != source_hash("192.0.2.1", b"other key")


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_loopback(peer: str, expected: bool) -> None:
    assert is_loopback(peer) is expected


def test_occupancy_forgets_sources_that_left() -> None:
    occupancy = Occupancy(total=3, per_source=2)
    assert [occupancy.enter(b"a") for _ in range(3)] == [True, True, False]
    assert occupancy.enter(None)
    assert not occupancy.enter(b"b")
    occupancy.leave(b"a")
    occupancy.leave(b"a")
    occupancy.leave(None)
    assert occupancy.open == 0
    assert not occupancy._open


def test_a_rate_begins_anew_with_each_window() -> None:
    rate = Rate(allowed=2, window=60)
    assert [rate.allow(b"a", 0), rate.allow(b"a", 30), rate.allow(b"a", 59)] == [True, True, False]
    assert rate.allow(b"b", 59)
    assert rate.allow(b"a", 60)


def test_a_flood_of_sources_takes_bounded_memory_and_blocks_nobody() -> None:
    rate = Rate(allowed=1, window=60, sources=100)
    assert all(rate.allow(b"%d" % number, 1) for number in range(1000))
    assert len(rate._events) <= 100


def test_header_limit_is_what_the_header_reader_reads() -> None:
    # Behind it no field would be found: a Received count could be hidden there.
    assert SmtpLimits().header <= MAX_HEADER_BYTES


def test_what_smtp_takes_can_be_opened_again() -> None:
    assert SmtpLimits().message + SmtpLimits().header <= MAX_MESSAGE_SIZE
    assert Environ.model_fields["max_message_size"].default == SmtpLimits().message


def test_defaults_keep_the_promises_of_the_rfcs() -> None:
    limits = SmtpLimits()
    assert limits.recipients >= 100  # RFC 5321 §4.5.3.1.8
    assert limits.command_line >= 512  # RFC 5321 §4.5.3.1.4
    assert limits.hops >= 100  # RFC 5321 §6.3
    assert limits.idle >= 300  # RFC 5321 §4.5.3.2.7
    assert limits.message <= limits.in_flight
