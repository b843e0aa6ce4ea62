"""DNS as everything that decides about mail sees it: a question, and an answer that is a value.

    match await resolver.lookup("example.is", Mx):
        case DnsAnswer(records): ...
        case NoSuchName() | NoData(): ...     # the DNS says there is nothing
        case DnsFailure(): ...                # the DNS says nothing: later may differ

The three ways of not finding are kept apart because mail treats them apart: a name that does not exist is final
(RFC 8020), a name without that type still exists (RFC 7208 §4.6.4 counts both as void), and a failure is temporary
(SERVFAIL, REFUSED, time-out, bogus DNSSEC). No lookup raises.

`authentic` is the AD bit of a validating resolver that is reached over loopback (RFC 4035 §3.2.3); from any other
resolver it is always False, because anyone on the path could have set it.

Names are text: labels joined by dots, each character standing for itself (there is no escaping), with or without a
final dot, in A-labels. A name that no query can carry (empty label, a label of more than 63 octets, more than 253
octets in all, or not ASCII) is answered NoSuchName without asking anyone.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

# RFC 1035 §2.3.4, for the name as text without its final dot.
MAX_NAME = 253
MAX_LABEL = 63


@dataclass(frozen=True, slots=True)
class A:
    """IPv4 address (RFC 1035 §3.4.1)."""

    address: IPv4Address


@dataclass(frozen=True, slots=True)
class Aaaa:
    """IPv6 address (RFC 3596)."""

    address: IPv6Address


@dataclass(frozen=True, slots=True)
class Mx:
    """Mail exchanger (RFC 1035 §3.3.9); exchange "." or "" is the null MX of RFC 7505."""

    preference: int
    exchange: str


@dataclass(frozen=True, slots=True)
class Txt:
    """The character strings of one TXT record joined without a separator (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Ptr:
    """The name an address says it has (RFC 1035 §3.3.12)."""

    target: str


@dataclass(frozen=True, slots=True)
class Cname:
    """Alias (RFC 1035 §3.3.1); asked for only to show what is published, every other lookup follows it."""

    target: str


@dataclass(frozen=True, slots=True)
class Ns:
    """Name server of a zone (RFC 1035 §3.3.11)."""

    host: str


@dataclass(frozen=True, slots=True)
class Srv:
    """Where a service is (RFC 2782); target "." says that it is not offered."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Tlsa:
    """Certificate association (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Caa:
    """Which authority may issue certificates (RFC 8659 §4.1)."""

    flags: int
    tag: str
    value: str


type Rdata = A | Aaaa | Mx | Txt | Ptr | Cname | Ns | Srv | Tlsa | Caa


@dataclass(frozen=True, slots=True)
class DnsAnswer[R]:
    """At least one record. `canonical` is the name they stand at after aliases, empty where there were none."""

    records: tuple[R, ...]
    authentic: bool = False
    canonical: str = ""


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """NXDOMAIN: neither this name nor anything below it exists."""

    authentic: bool = False


@dataclass(frozen=True, slots=True)
class NoData:
    """The name exists, but not with this type."""

    authentic: bool = False


@dataclass(frozen=True, slots=True)
class DnsFailure:
    """No answer. `detail` is for logs ("timeout", "SERVFAIL", "bogus"); it names no name."""

    detail: str = ""


type Lookup[R] = DnsAnswer[R] | NoSuchName | NoData | DnsFailure


class Resolver(Protocol):
    """The port; `tests/fakedns.py` is its in-memory twin."""

    async def lookup[R: (A, Aaaa, Mx, Txt, Ptr, Cname, Ns, Srv, Tlsa, Caa)](
        self, name: str, kind: type[R]
    ) -> Lookup[R]:
        """The records of one type at `name`, aliases followed. Never raises; cancellable."""


def askable(name: str) -> bool:
    """Whether a query can carry `name` (RFC 1035 §2.3.4); the final dot does not count."""
    name = name.removesuffix(".")
    if not name or len(name) > MAX_NAME or not name.isascii():
        return False
    return all(0 < len(label) <= MAX_LABEL for label in name.split("."))


def reverse_name(address: IPv4Address | IPv6Address) -> str:
    """The name under in-addr.arpa or ip6.arpa that stands for an address (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return address.reverse_pointer
