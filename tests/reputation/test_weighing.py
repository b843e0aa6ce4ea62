"""Weights and bands, and what the client itself shows."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.limits import RateLimits
from mailhost.reputation.rates import SenderRates
from mailhost.reputation.sources import client_address, is_false_helo, is_stranger, network_of
from mailhost.reputation.weighing import SIGNALS, WEIGHTS, Band, Finding, signals, weigh
from tests.reputation.contract import MemoryContract
from tests.reputation.doubles import MemoryOfSenders

ORDER = list(Band)
AGAINST = [finding for finding in Finding if WEIGHTS[finding] > 0]


def test_every_finding_has_a_weight() -> None:
    assert WEIGHTS.keys() == set(Finding)
    assert SIGNALS.keys() <= set(AGAINST)


@given(st.sets(st.sampled_from(Finding)), st.sampled_from(AGAINST))
def test_more_against_a_sender_never_helps_it(findings: set[Finding], more: Finding) -> None:
    assert ORDER.index(weigh(findings | {more})) >= ORDER.index(weigh(findings))


def test_no_single_finding_refuses_and_only_the_filter_junks() -> None:
    assert weigh(set()) is Band.FINE
    assert {finding for finding in Finding if weigh({finding}) is Band.JUNK} == {
        Finding.FILTER_SUSPECTS,
        Finding.FILTER_REJECTS,
    }
    assert Band.SPAM not in {weigh({finding}) for finding in Finding}


def test_one_who_was_written_to_outweighs_two_lists() -> None:
    assert weigh({Finding.LISTED, Finding.LISTED_AGAIN, Finding.WRITTEN_TO}) is Band.FINE


def test_what_is_in_its_favour_is_no_signal() -> None:
    assert signals({Finding.WRITTEN_TO, Finding.NO_PROOF}) == frozenset()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unix:socket", None),
    ],
)
def test_a_client_by_its_address(text: str, address: str | None) -> None:
    assert client_address(text) == (ip_address(address) if address else None)


def test_machines_of_one_network_are_one_sender() -> None:
    assert network_of(ip_address("192.0.2.1")) == network_of(ip_address("192.0.2.254"))
    assert network_of(ip_address("2001:db8::1")) == network_of(ip_address("2001:db8::ffff"))
    assert network_of(ip_address("2001:db8:0:1::1")) != network_of(ip_address("2001:db8::1"))


@pytest.mark.parametrize(
    ("address", "stranger"),
    [("127.0.0.1", False), ("127.0.0.2", True), ("::1", False), ("10.0.0.1", True), ("2001:db8::1", True)],
)
def test_who_is_a_stranger(address: str, stranger: bool) -> None:
    assert is_stranger(ip_address(address), [ip_network("127.0.0.2/32")]) is stranger


@pytest.mark.parametrize(
    ("helo", "false"),
    [
        ("mail.demo.test", False),
        ("MAIL.demo.test.", False),
        ("mail.xn--mnchen-3ya.test", False),
        ("[192.0.2.1]", False),
        ("[192.0.2.2]", True),
        ("[IPv6:2001:db8::1]", True),
        ("[nonsense", True),
        ("192.0.2.1", True),
        ("localhost", True),
        ("friend", True),
        ("mx.is-1.example", True),
        ("Mx.Is-1.Example.", True),
        ("no_host!.test", True),
        ("", True),
    ],
)
def test_greetings_that_are_not_true(helo: str, false: bool) -> None:
    assert is_false_helo(helo, ip_address("192.0.2.1"), {"mx.is-1.example"}) is false


def test_an_ipv6_literal_is_true_at_its_own_address() -> None:
    assert not is_false_helo("[IPv6:2001:DB8::1]", ip_address("2001:db8::1"), set())


@given(st.text(max_size=60))
def test_no_greeting_raises(helo: str) -> None:
    assert is_false_helo(helo, ip_address("192.0.2.1"), {"mx"}) in {True, False}


@pytest.mark.parametrize("changing", ["address", "helo", "domain"])
def test_each_source_is_counted_by_itself(changing: str) -> None:
    rates = SenderRates(RateLimits(address=3, helo=3, domain=3), b"r" * 16)

    def send(number: int, **fixed: int) -> bool:
        which = {"address": number, "helo": number, "domain": number, **fixed}
        return rates.allow(
            ip_address(f"10.0.0.{which['address']}"), f"h{which['helo']}.test", f"d{which['domain']}.test", 0.0
        )

    answers = [send(number, **{changing: 1}) for number in range(10, 15)]
    assert answers == [True, True, True, False, False]
    assert send(99, **{changing: 2})


def test_the_null_sender_has_no_domain_to_count() -> None:
    rates = SenderRates(RateLimits(address=100, helo=100, domain=1), b"r" * 16)
    assert all(rates.allow(ip_address("10.0.0.1"), "h.test", "", 0.0) for _ in range(50))


class _Stage:
    def __init__(self) -> None:
        self.memory = MemoryOfSenders()

    async def wrote(self, who: str, digest: bytes) -> int:
        self.memory.written.add((digest, 1))
        return 1


class TestMemory(MemoryContract):
    @pytest.fixture
    def senders(self) -> _Stage:
        return _Stage()
