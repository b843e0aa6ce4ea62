"""Places that an operator declares: "the machines of this network stand in that country and belong to those".

Geolocation says nothing about a private network, about a laboratory, about a machine in the next rack. An operator
may know, and answers for it: a declaration is evidence of grade C. One line a network:

    127.0.0.2/32 = IS            stands in Iceland and belongs to somebody there
    192.168.7.0/24 = DE / US CH  stands in Germany, people in the United States and Switzerland have power over it

In: such lines. Out: for an address the declaration of the smallest network around it. Over a public address a
declaration is one opinion more: a dataset that names another country contradicts it, and then nothing is known.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from jurisdiction.fields import UNKNOWN
from jurisdiction.geo import AGREE, CONFLICT, Located
from jurisdiction.holders import inside, plain
from jurisdiction.problems import Problem, ProblemsError

MAX_PLACES: Final = 10_000  # a list that is searched line by line; whoever needs more needs a dataset
HOW: Final = 'Write NETWORK = COUNTRY, or NETWORK = COUNTRY / OWNERS: "192.168.7.0/24 = DE / US CH"'


class PlacesErrors(ProblemsError):
    """The declared places cannot be used; `problems` lists everything that is wrong with them."""


@dataclass(frozen=True, slots=True)
class DeclaredPlace:
    """`owners` are the countries of everybody with power over the machines there."""

    network: IPv4Network | IPv6Network
    country: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """Smallest networks first."""

    places: tuple[DeclaredPlace, ...] = ()

    def find(self, address: str) -> DeclaredPlace | None:
        if not self.places:
            return None
        try:
            parsed = plain(address)
        except ValueError:
            return None
        return next((place for place in self.places if inside(parsed, place.network)), None)


NOTHING: Final = Declared()


def read(lines: Iterable[str], countries: Collection[str], file: str = "SKERRY_PLACES") -> Declared:
    """Raises `PlacesErrors` with every problem. A line that begins with # says nothing."""
    found: dict[IPv4Network | IPv6Network, DeclaredPlace] = {}
    problems: list[Problem] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        place = _line(text, countries, file, problems)
        if place is None:
            continue
        if place.network in found:
            problems.append(Problem(file, str(place.network), "is declared twice", "Keep one of the lines"))
        found[place.network] = place
    if len(found) > MAX_PLACES:
        problems.append(Problem(file, "", f"declares more than {MAX_PLACES} networks", "Use a dataset (.mmdb)"))
    if problems:
        raise PlacesErrors(problems)
    return Declared(tuple(sorted(found.values(), key=lambda place: -place.network.prefixlen)))


def _line(text: str, countries: Collection[str], file: str, problems: list[Problem]) -> DeclaredPlace | None:
    network_text, equals, rest = (part.strip() for part in text.partition("="))
    country, slash, owners_text = (part.strip() for part in rest.partition(" / " if " / " in rest else "/"))
    owners = tuple(dict.fromkeys(owners_text.split())) if slash else (country,)
    try:
        network = ip_network(network_text)
    except ValueError:
        problems.append(Problem(file, network_text, "is no network", HOW))
        return None
    if not equals or not owners:
        problems.append(Problem(file, network_text, "has no country", HOW))
        return None
    unknown = [code for code in (country, *owners) if code not in countries and (code != UNKNOWN or code == country)]
    for code in dict.fromkeys(unknown):
        what = f"names the unknown country {code!r}"
        problems.append(Problem(file, network_text, what, "Use codes of ISO 3166-1 in capital letters, such as IS"))
    return None if unknown else DeclaredPlace(network, country, owners)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of an address: its place, the owners an operator declared (None: none), its network's number."""

    located: Located
    owners: tuple[str, ...] | None = None
    asn: int | None = None


def weigh(place: DeclaredPlace | None, located: Located, asn: int | None = None) -> Whereabouts:
    """A declaration beside what datasets say of the same address."""
    if place is None:
        return Whereabouts(located, None, asn)
    labels = {label for label in (located.first, located.second) if label != UNKNOWN}
    if labels - {place.country}:
        why = f"The operator declares {place.country}, a dataset says {', '.join(sorted(labels - {place.country}))}"
        return Whereabouts(Located(CONFLICT, UNKNOWN, located.first, located.second, why), place.owners, asn)
    why = f"The operator declares it to be in {place.country}"
    return Whereabouts(Located(AGREE, place.country, located.first, located.second, why), place.owners, asn)
