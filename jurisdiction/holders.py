"""Who holds a mail host, as far as the facts know: by its name, by its network, by the number of its network.

Whoever runs the zone a host's name stands in decides where that name leads and who answers there; so the name tells
who *operates* it. Whoever holds the address tells whose *house* it stands in, and a landlord is within reach of his
own courts. Both count: the controllers of a host are the countries of both and of everybody behind them. An operator
nobody knows stays "??" even where the landlord is known. So what is known may deny, and only whole knowledge allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from jurisdiction.atlas import Atlas, Entity
from jurisdiction.fields import UNKNOWN


@dataclass(frozen=True, slots=True)
class Held:
    """`entities` are ids, the operator's first; `controllers` countries, with "??" for what is not known."""

    entities: tuple[str, ...]
    controllers: tuple[str, ...]


class Holders:
    """An atlas's entities by host name, network and AS number."""

    def __init__(self, atlas: Atlas) -> None:
        self._atlas = atlas
        self._by_name: Mapping[str, Entity] = {name: one for one in atlas.entities.values() for name in one.hosts}
        networks = [(ip_network(text), one) for one in atlas.entities.values() for text in one.networks]
        # The longest prefix is the one that says who really holds it.
        self._networks = sorted(networks, key=lambda pair: -pair[0].prefixlen)

    def of(self, name: str, address: str, on: date, asn: int | None = None) -> Held:
        """The holders of a host at an address; `asn` is the number of the address's network, where it is known."""
        operator, landlord = self.by_name(name), self.by_network(address)
        if landlord is None and asn is not None:
            landlord = self._atlas.entity_of_asn(asn)
        found = [one for one in (operator, landlord) if one is not None]
        countries = [country for one in found for country in self._atlas.controllers(one.id, on)]
        if operator is None:
            countries.append(UNKNOWN)
        return Held(tuple(dict.fromkeys(one.id for one in found)), tuple(dict.fromkeys(countries)))

    def by_name(self, name: str) -> Entity | None:
        """The entity whose name is the longest end of this host's, label by label."""
        labels = name.lower().rstrip(".").split(".")
        ends = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._by_name[end] for end in ends if end in self._by_name), None)

    def by_network(self, address: str) -> Entity | None:
        """The entity that holds the smallest known network around the address."""
        try:
            parsed = plain(address)
        except ValueError:
            return None
        return next((one for network, one in self._networks if inside(parsed, network)), None)


def plain(address: str) -> IPv4Address | IPv6Address:
    """The address, an IPv4 address in IPv6 dress undressed (RFC 4291 §2.5.5.2). Raises ValueError."""
    parsed = ip_address(address)
    return getattr(parsed, "ipv4_mapped", None) or parsed


def inside(address: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version and address in network
