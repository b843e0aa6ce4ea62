"""The client as its address and its greeting show it.

A client on loopback is this machine itself: a local relay, a test, a colleague's script. Its reputation is not asked
for, unless its address lies in a network that the settings name as strangers. An IPv4 client of a socket that listens
on IPv6 too is known by its IPv4 address (RFC 4291 §2.5.5.2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from mailhost.message.address import BadAddress, normal_domain

type Ip = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

# Large senders try again from another machine of the same rack: greylisting knows networks, not addresses.
IPV4_NETWORK = 24
IPV6_NETWORK = 64


def client_address(text: str) -> Ip | None:
    """The address of a client as the kernel writes it; None for one without, such as the cell itself."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def network_of(address: Ip) -> Network:
    """The network whose machines count as one sender."""
    length = IPV4_NETWORK if address.version == 4 else IPV6_NETWORK
    return ipaddress.ip_network((address, length), strict=False)


def is_stranger(address: Ip, strangers: Sequence[Network]) -> bool:
    """Whether a client's reputation counts: everyone's but this machine's own."""
    return not address.is_loopback or any(
        address in network for network in strangers if network.version == address.version
    )


def is_false_helo(helo: str, address: Ip, ours: Collection[str]) -> bool:
    """Whether a greeting is not true: our own name, somebody else's address, or no name of a host at all.

    RFC 5321 §4.1.4 forbids to refuse mail for that alone; it is one finding among others.
    """
    if helo.startswith("["):
        literal = helo.removeprefix("[").removesuffix("]")
        claimed = client_address(literal[5:] if literal[:5].lower() == "ipv6:" else literal)
        return claimed != address
    name = helo.lower().removesuffix(".")
    if name in ours:
        return True
    try:
        # RFC 5321 §2.3.5: only resolvable, fully-qualified names; a bare address is neither that nor a literal.
        return "." not in normal_domain(name) or client_address(name) is not None
    except BadAddress:
        return True
