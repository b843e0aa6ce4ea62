"""MTA-STS: a domain says on its web site which hosts take its mail, and that they have certificates (RFC 8461).

    _mta-sts.example.is.  TXT  "v=STSv1; id=20250102"          there is a policy, and this is its version
    https://mta-sts.example.is/.well-known/mta-sts.txt         version: STSv1 / mode: enforce / mx: … / max_age: …

In: the TXT answer, the file, the time. Out: `Policy` values and `Cached`, which says whether a policy still holds and
when to fetch it again. Trust is on first use: a policy once fetched holds until it expires, whatever the DNS says
later, so an attacker cannot wish it away (RFC 8461 §10.2).

Fetching is for the edge, under the rules of RFC 8461 §3.3: HTTPS with a certificate for `policy_host`, no redirects,
status 200, `text/plain`, at most `MAX_POLICY` octets, within a minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailhost.mailauth.resolver import DnsAnswer, Lookup, Txt
from mailhost.mailauth.tagvalue import BadTagList, parse_tags
from mailhost.message.address import BadAddress, normal_domain

# RFC 8461 §3.3 suggests 64 kilobytes.
MAX_POLICY = 64 * 1024
# RFC 8461 §3.2 `sts-policy-max-age`: about a year.
MAX_AGE = timedelta(seconds=31557600)
# Hosts in one policy; the largest providers name a dozen patterns.
MAX_HOSTS = 100
# RFC 8461 §3.3: ask at least once a day whether the policy changed, so that it is renewed before it lapses.
REFRESH = timedelta(days=1)
# RFC 8461 §3.3: after a failed fetch, wait at least this long, so that a dead web site costs nothing.
RETRY = timedelta(minutes=5)

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*:[ \t]*(.*?)[ \t]*")


class Mode(StrEnum):
    """RFC 8461 §5."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class BadPolicy(ValueError):
    """The file is no policy; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """RFC 8461 §3.2. `hosts` are names or patterns `*.example.is`, in lower-case A-labels."""

    mode: Mode
    hosts: tuple[str, ...]
    max_age: timedelta

    def allows(self, host: str) -> bool:
        """Whether a mail exchanger is one of the policy's hosts (RFC 8461 §4.1)."""
        host = host.lower().removesuffix(".")
        # A wildcard stands for exactly the leftmost label.
        _, dot, parent = host.partition(".")
        return host in self.hosts or (bool(dot) and f"*.{parent}" in self.hosts)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The DNS does not say at present whether a domain has a policy: none binds, and none is broken."""


@dataclass(frozen=True, slots=True)
class Cached:
    """A policy as it was fetched. `tried` is when we last fetched or tried to."""

    policy: Policy
    id: str
    fetched: datetime
    tried: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it still binds us: its age counts from the fetch (RFC 8461 §3.2)."""
        return now < self.fetched + self.policy.max_age

    def is_stale(self, record_id: str | None, now: datetime) -> bool:
        """Whether to fetch again; `record_id` is what the DNS says now, None where it says nothing.

        An old policy is never given up for want of an answer: only its own age ends it. And it is renewed each day
        whatever the DNS says, or whoever can hide the record would only have to wait for that end (RFC 8461 §10.2).
        """
        if now < self.tried + RETRY:
            return False
        return record_id not in {None, self.id} or now >= self.fetched + REFRESH

    def tried_in_vain(self, now: datetime) -> Cached:
        """The same policy after a fetch that failed."""
        return replace(self, tried=now)


def policy_host(domain: str) -> str:
    """The host whose certificate vouches for the policy."""
    return f"mta-sts.{domain}"


def policy_url(domain: str) -> str:
    """RFC 8461 §3.2."""
    return f"https://{policy_host(domain)}/.well-known/mta-sts.txt"


def record_id(answer: Lookup[Txt]) -> str | None:
    """The policy's version from `_mta-sts.DOMAIN`, None where there is no policy (RFC 8461 §3.1)."""
    if not isinstance(answer, DnsAnswer):
        return None
    # Records of other protocols are passed over; several of this one mean that there is none.
    texts = [one.text for one in answer.records if one.text.startswith(b"v=STSv1;")]
    if len(texts) != 1:
        return None
    try:
        tags = parse_tags(texts[0].decode("ascii"))
    except (UnicodeDecodeError, BadTagList):
        return None
    found = tags.get("id", "")
    return found if _ID.fullmatch(found) else None


def parse_policy(data: bytes) -> Policy:
    """The policy in a file (RFC 8461 §3.2).  Raises BadPolicy."""
    if len(data) > MAX_POLICY:
        raise BadPolicy(f"longer than {MAX_POLICY} octets")
    fields: dict[str, str] = {}
    hosts: list[str] = []
    for line in _lines(data):
        found = _FIELD.fullmatch(line)
        if found is None:
            raise BadPolicy("a line is not `name: value`")
        name, value = found[1], found[2]
        if name == "mx":
            hosts.append(_host(value))
        else:
            # RFC 8461 §3.2: of a repeated field the first counts; unknown ones are ignored.
            fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise BadPolicy("version is not STSv1")
    try:
        mode = Mode(fields.get("mode", ""))
    except ValueError:
        raise BadPolicy("mode is not enforce, testing or none") from None
    if (not hosts and mode is not Mode.NONE) or len(hosts) > MAX_HOSTS:
        raise BadPolicy(f"it names no host, or more than {MAX_HOSTS}")
    age = fields.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise BadPolicy("max_age is not a number of seconds")
    return Policy(mode, tuple(hosts), min(timedelta(seconds=int(age)), MAX_AGE))


def _lines(data: bytes) -> Iterable[str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPolicy("not UTF-8") from None
    # RFC 8461 §3.2: lines end in CRLF or LF; the last may lack it.
    return (line for line in text.replace("\r\n", "\n").split("\n") if line.strip(" \t"))


def _host(value: str) -> str:
    wildcard = value.startswith("*.")
    try:
        name = normal_domain(value.removeprefix("*.").removesuffix("."))
    except BadAddress:
        raise BadPolicy("an mx is not a host name") from None
    return f"*.{name}" if wildcard else name


def write_policy(policy: Policy) -> bytes:
    """The file to serve; the inverse of `parse_policy`."""
    lines = ["version: STSv1", f"mode: {policy.mode}", *(f"mx: {host}" for host in policy.hosts)]
    lines.append(f"max_age: {int(policy.max_age.total_seconds())}")
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
