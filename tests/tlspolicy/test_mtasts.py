"""MTA-STS: records, files, hosts, and how long a policy holds (RFC 8461)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.resolver import DnsAnswer, DnsFailure, NoData, NoSuchName, Txt
from mailhost.tlspolicy.mtasts import (
    MAX_AGE,
    MAX_HOSTS,
    MAX_POLICY,
    REFRESH,
    RETRY,
    BadPolicy,
    Cached,
    Mode,
    Policy,
    parse_policy,
    policy_url,
    record_id,
    write_policy,
)

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
FILE = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.is\r\nmx: *.backup.example\r\nmax_age: 604800\r\n"
POLICY = Policy(Mode.ENFORCE, ("mx1.example.is", "*.backup.example"), timedelta(days=7))


def test_the_policy_stands_on_the_domains_own_web_site() -> None:
    assert policy_url("example.is") == "https://mta-sts.example.is/.well-known/mta-sts.txt"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([b"v=STSv1; id=20250102"], "20250102"),
        ([b"v=STSv1;id=a1;extra=x;"], "a1"),
        ([b"v=spf1 -all", b"v=STSv1; id=1"], "1"),
        ([b"v=STSv1; id=1", b"v=STSv1; id=1"], None),
        ([b"v=STSv1 id=1"], None),
        ([b"v=STSv1;"], None),
        ([b"v=STSv1; id="], None),
        ([b"v=STSv1; id=a-b"], None),
        ([b"v=STSv1; id=" + b"1" * 33], None),
        ([b"v=STSv1; id=\xff"], None),
        ([b"V=STSv1; id=1"], None),
    ],
)
def test_the_record_names_the_version(texts: list[bytes], expected: str | None) -> None:
    assert record_id(DnsAnswer(tuple(map(Txt, texts)))) == expected


def test_without_an_answer_there_is_no_version() -> None:
    assert [record_id(answer) for answer in (NoSuchName(), NoData(), DnsFailure())] == [None, None, None]


def test_a_file_is_read_and_written() -> None:
    assert parse_policy(FILE) == POLICY
    assert write_policy(POLICY) == FILE
    assert parse_policy(FILE.replace(b"\r\n", b"\n").rstrip()) == POLICY
    assert parse_policy(FILE + b"mode: none\r\nfuture: thing\r\n\r\n") == POLICY


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"version: STSv1\r\n", b"", "version"),
        (b"STSv1", b"STSv2", "version"),
        (b"enforce", b"maybe", "mode"),
        (b"mx: mx1.example.is\r\nmx: *.backup.example\r\n", b"", "no host"),
        (b"mx1.example.is", b"mx 1", "host name"),
        (b"*.backup", b"*.*.backup", "host name"),
        (b"*.backup", b"mx*.backup", "host name"),
        (b"604800", b"-1", "max_age"),
        (b"604800", b"1e3", "max_age"),
        (b"max_age: 604800", b"max_age", "name: value"),
        (b"enforce", b"\xff", "UTF-8"),
    ],
)
def test_a_file_with_a_mistake_is_no_policy(old: bytes, new: bytes, problem: str) -> None:
    with pytest.raises(BadPolicy, match=problem):
        parse_policy(FILE.replace(old, new))


def test_files_are_bounded() -> None:
    with pytest.raises(BadPolicy, match="longer"):
        parse_policy(FILE + b"\n" * MAX_POLICY)
    with pytest.raises(BadPolicy, match="more than"):
        parse_policy(FILE + b"mx: a.example\r\n" * MAX_HOSTS)
    assert parse_policy(FILE.replace(b"604800", b"9999999999")).max_age == MAX_AGE


def test_a_domain_that_takes_its_policy_back_names_no_host() -> None:
    assert parse_policy(b"version: STSv1\nmode: none\nmax_age: 86400\n").hosts == ()


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mx1.example.is", True),
        ("MX1.Example.IS.", True),
        ("mx2.example.is", False),
        ("a.backup.example", True),
        ("a.b.backup.example", False),
        ("backup.example", False),
        ("evilbackup.example", False),
        ("", False),
    ],
)
def test_a_wildcard_is_one_label(host: str, allowed: bool) -> None:
    assert POLICY.allows(host) is allowed


def test_a_policy_holds_until_its_age_is_over_whatever_the_dns_says() -> None:
    cached = Cached(POLICY, "1", fetched=NOW, tried=NOW)
    assert cached.holds(NOW + timedelta(days=7) - timedelta(seconds=1))
    assert not cached.holds(NOW + timedelta(days=7))


def test_a_policy_is_fetched_again_when_it_changed_or_once_a_day() -> None:
    cached = Cached(POLICY, "1", fetched=NOW, tried=NOW)
    assert not cached.is_stale("1", NOW + timedelta(hours=1))
    assert cached.is_stale("2", NOW + timedelta(hours=1))
    assert cached.is_stale("1", NOW + REFRESH)
    assert not cached.is_stale(None, NOW + timedelta(hours=1))
    assert cached.is_stale(None, NOW + REFRESH), "its record may have been hidden"


def test_a_dead_web_site_is_not_asked_at_every_message() -> None:
    later = NOW + timedelta(hours=1)
    cached = Cached(POLICY, "1", fetched=NOW, tried=NOW).tried_in_vain(later)
    assert not cached.is_stale("2", later + RETRY - timedelta(seconds=1))
    assert cached.is_stale("2", later + RETRY)
    assert cached.fetched == NOW


HOSTS = st.from_regex(r"(\*\.)?[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9]{0,8}){1,3}", fullmatch=True)


@given(
    st.sampled_from(Mode),
    st.lists(HOSTS, min_size=1, max_size=5).map(tuple),
    st.integers(0, int(MAX_AGE.total_seconds())).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_any_policy_round_trips(mode: Mode, hosts: tuple[str, ...], age: timedelta) -> None:
    policy = Policy(mode, hosts, age)
    assert parse_policy(write_policy(policy)) == policy


@given(st.binary(max_size=100))
def test_rubbish_raises_nothing_else(data: bytes) -> None:
    try:
        parse_policy(b"version: STSv1\nmode: none\n" + data)
    except BadPolicy:
        return
