"""Who may connect and try passwords, counted without keeping who they are."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap.limits import Gate, Limits, Pace, is_loopback, source_of

HERE, THERE = "198.51.100.7", "203.0.113.9"


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def gate(clock: Clock | None = None, **limits: int) -> Gate:
    return Gate(Limits(**limits), now=clock or Clock(), key=b"k" * 32)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::"),
        ("::1", "::1"),
        ("", ""),
        ("not an address", ""),
    ],
)
def test_what_counts_as_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


@given(address=st.ip_addresses())
def test_every_address_is_one_source(address: IPv4Address | IPv6Address) -> None:
    source = source_of(str(address))
    if address.version == 4 or address.is_loopback:
        assert source == str(address.ipv4_mapped or address if address.version == 6 else address)
    elif address.ipv4_mapped is None:
        assert int(IPv6Address(source)) == int(address) >> 64 << 64
    assert is_loopback(source) == address.is_loopback


@given(address=st.text(alphabet="0123456789abcdef:.%\0 ", max_size=40))
def test_no_address_raises(address: str) -> None:
    source = source_of(address)
    assert source_of(source) == source


def test_loopback_and_local_sockets_are_this_machine() -> None:
    assert all(is_loopback(source_of(address)) for address in ("127.0.0.1", "127.9.9.9", "::1", "", "/run/imap.sock"))
    assert not is_loopback(source_of("::ffff:198.51.100.7"))
    assert is_loopback(source_of("::ffff:127.0.0.1"))


def test_connections_of_one_source_are_counted_and_given_back() -> None:
    made = gate(per_source=2)
    first, second = made.connect(HERE), made.connect(HERE)
    assert first is not None
    assert second is not None
    assert made.connect(HERE) is None
    assert made.connect(THERE) is not None
    first()
    assert made.connect(HERE) is not None


def test_this_machine_is_not_one_source() -> None:
    made = gate(per_source=1)
    assert all(made.connect("127.0.0.1") is not None for _ in range(10))


def test_all_connections_are_counted() -> None:
    made = gate(connections=2)
    leave = made.connect(HERE)
    assert leave is not None
    assert made.connect("127.0.0.1") is not None
    assert made.connect(THERE) is None
    leave()
    assert made.connect(THERE) is not None


def test_a_user_is_the_same_in_any_case_and_a_tenant_has_several_domains() -> None:
    made = gate(per_user=1, per_tenant=2)
    leave = made.enter("Ada@example.is", "1")
    assert leave is not None
    assert made.enter("ada@EXAMPLE.is", "1") is None
    assert made.enter("ben@example.net", "1") is not None
    assert made.enter("mo@example.is", "1") is None
    assert made.enter("cleo@demo.test", "2") is not None
    leave()
    assert made.enter("mo@example.is", "1") is not None


def test_commands_have_a_burst_and_then_a_rate() -> None:
    pace = Pace(rate=10, burst=3)
    assert [pace.wait(100.0) for _ in range(3)] == pytest.approx([0, 0, 0], abs=1e-9)
    assert [pace.wait(100.0) for _ in range(2)] == pytest.approx([0.1, 0.2])
    assert pace.wait(100.3) == pytest.approx(0, abs=1e-9)
    assert [pace.wait(1000.0) for _ in range(3)] == pytest.approx([0, 0, 0], abs=1e-9)
    assert pace.wait(1000.0) == pytest.approx(0.1)


def test_all_connections_of_a_user_share_one_pace_and_it_is_forgotten_with_them() -> None:
    made = gate()
    pace = made.pace("ada@example.is")
    assert made.pace("ADA@example.is") is pace
    assert made.pace("ben@example.is") is not pace
    del pace
    assert len(made._paces) == 0


def test_failures_are_forgotten_after_a_minute() -> None:
    clock = Clock()
    made = gate(clock)
    for _attempt in range(5):
        assert made.may_try(HERE)
        made.failed(HERE)
        clock.now += 10
    assert not made.may_try(HERE)
    assert made.may_try(THERE)
    clock.now += 11
    assert made.may_try(HERE)
    made.failed(HERE)
    assert not made.may_try(HERE)


def test_this_machine_is_never_throttled() -> None:
    made = gate()
    for _attempt in range(20):
        made.failed("127.0.0.1")
    assert made.may_try("127.0.0.1")


def test_nothing_kept_names_anybody() -> None:
    made = gate()
    made.connect(HERE)
    made.enter("ada@example.is", "1")
    made.failed(HERE)
    kept = repr((made._counts, vars(made._failures)))
    assert "198.51" not in kept
    assert "ada" not in kept
