"""Which hosts take mail for a domain: the walk of RFC 5321 §5.1, over the DNS port.

Mail exchangers by preference, equal ones in an order the caller's `shuffle` gives; without any, the domain's own
addresses (RFC 5321 §5.1); the null MX of RFC 7505 says that there is no mail at all. A name that does not exist is
final, a look-up that failed is not: `Later` never becomes a bounce by itself.

Each target says whether the way to it was signed from the domain to the address (`signed`): where it was, the host
may have named its certificate in the DNS (`tlspolicy.dane`), and where it was not, nothing there proves anything.

Addresses that cannot be another mail host (loopback, private, link-local, multicast: RFC 6890) are left out unless
`private` allows them: a domain may point its MX at 127.0.0.1 and have us talk to ourselves, or to a machine behind
our firewall.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, DnsFailure, Mx, NoData, NoSuchName, Resolver

# RFC 5321 §5.1 leaves the number open; nobody needs more, and each costs connections.
MAX_EXCHANGERS: Final = 10
MAX_ADDRESSES: Final = 20

# RFC 6052 §2.1: the well-known prefix; the last four octets are an IPv4 address.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one exchanger. `canonical` is the name its addresses stand at, "" where that is the same."""

    name: str
    address: str
    port: int = 25
    signed: bool = False
    canonical: str = ""

    @property
    def loopback(self) -> bool:
        """Whether it is this machine: there is no wire to listen on."""
        return ipaddress.ip_address(self.address).is_loopback


@dataclass(frozen=True, slots=True)
class Targets:
    """At least one, in the order to try. Where they are a relay, `beyond` is where it takes mail from there."""

    targets: tuple[Target, ...]
    beyond: tuple[Target, ...] = ()


# A host that nobody can name: no dataset places its address (RFC 6890 §2.2.2), so policies treat it as unknown.
UNKNOWN_HOST: Final = Target("", "0.0.0.0")  # noqa: S104 - nothing binds to it or connects to it


@dataclass(frozen=True, slots=True)
class NoMail:
    """The DNS says for certain that mail cannot be delivered; `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """The DNS did not say."""

    reason: str


type Walk = Targets | NoMail | Later


async def walk(
    resolver: Resolver,
    domain: str,
    *,
    private: bool,
    own: str = "",
    shuffle: Callable[[list[Mx]], None] = lambda _: None,
) -> Walk:
    """Where mail for `domain` (A-labels) goes; `own` is this host's name.

    A domain may be whatever somebody wrote behind the @ of an envelope sender: what is no name leads nowhere.
    """
    if domain.startswith("["):
        # RFC 5321 §2.3.5: mail from here goes to names; nobody vouches for an address.
        return NoMail("no_such_domain")
    answer = await resolver.lookup(domain, Mx)
    match answer:
        case DnsAnswer(records, signed):
            # RFC 7505 §3: one record, preference 0, exchange ".".
            if all(record.exchange.rstrip(".") == "" for record in records):
                return NoMail("null_mx")
            found = [record for record in records if record.exchange.rstrip(".")]
            # RFC 5321 §5.1: a host that is in the list passes mail to better ones only, or it would turn in a circle:
            # its own refusal to relay would end mail that only waits for the domain's first host.
            ours = min((one.preference for one in found if _is(one.exchange, own)), default=None)
            names = _ordered([one for one in found if ours is None or one.preference < ours], shuffle)
        case NoSuchName():
            return NoMail("no_such_domain")
        case DnsFailure():
            return Later("dns_failed")
        case NoData(signed):
            names = [] if _is(domain, own) else [domain]
    if not names:
        return NoMail("points_here")
    return await _addresses(resolver, names, private=private, signed=signed)


def _is(name: str, own: str) -> bool:
    return name.rstrip(".").lower() == own.rstrip(".").lower()


def _ordered(records: list[Mx], shuffle: Callable[[list[Mx]], None]) -> list[str]:
    names: list[str] = []
    for _, equal in groupby(sorted(records, key=lambda one: one.preference), key=lambda one: one.preference):
        group = list(equal)
        shuffle(group)
        names += [record.exchange.rstrip(".").lower() for record in group]
    return list(dict.fromkeys(names))[:MAX_EXCHANGERS]


async def _addresses(resolver: Resolver, names: list[str], *, private: bool, signed: bool) -> Walk:
    found: list[Target] = []
    failed = left_out = False
    for name in names:
        for answer in (await resolver.lookup(name, Aaaa), await resolver.lookup(name, A)):
            if isinstance(answer, DnsFailure):
                failed = True
            elif isinstance(answer, DnsAnswer):
                for record in answer.records:
                    if private or is_public(record.address):
                        path = signed and answer.authentic
                        found.append(Target(name, str(record.address), signed=path, canonical=answer.canonical))
                    else:
                        left_out = True
    if found:
        return Targets(tuple(found[:MAX_ADDRESSES]))
    if failed:
        return Later("dns_failed")
    return NoMail("private_target" if left_out else "no_address")


def by_relay(relay: tuple[Target, ...], found: Walk) -> Walk:
    """What a walk comes to where a relay takes all mail: it is called, and hands the mail on to the domain's own hosts.

    What a policy keeps from those must not go there by the relay either. A domain that only the relay knows leads to
    nobody knows where; what a domain says of itself holds over a relay, too.
    """
    match found:
        case Targets(hosts):
            return Targets(relay, beyond=tuple(one for one in hosts if one not in relay))
        case NoMail("no_such_domain" | "no_address" | "private_target"):
            return Targets(relay, beyond=(UNKNOWN_HOST,))
    return found


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether another host on the internet can have this address; what stands for an IPv4 address counts as that."""
    inner = _inner(address) if isinstance(address, ipaddress.IPv6Address) else None
    found = inner or address
    return found.is_global and not found.is_multicast


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a translator would go to: mapped, behind 6to4 (RFC 3056 §2), or behind NAT64."""
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour
