"""Which country an address is labelled with, by two datasets that may disagree.

The primary dataset is Debian's tor-geoipdb: text lines `start,end,CC`, IPv4 as numbers and IPv6 as addresses, read
into sorted arrays and searched by bisection. Country labels follow registries and routing, not machines: two good
datasets agree on 97 per cent of Iceland's addresses but only on 63 per cent of its ranges. So geolocation is an
alarm and never proof; `conflict` and `unknown` deny or hold. A dataset older than 120 days says nothing any more.

The data is CC BY-SA 4.0 (IPFire) and stays a package of its own; whoever shows results names the source.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Final

from jurisdiction.fields import UNKNOWN

TOR_FOLDER: Final = Path("/usr/share/tor")
MAX_AGE_DAYS: Final = 120  # prefixes move; Debian refreshes about twice in that time
MAX_CODES: Final = 4096  # distinct labels in a dataset; there are some 250 countries
BUCKET_BITS: Final = 16
OCTETS: Final = {str(octet): octet for octet in range(256)}  # the quickest strict reader of dotted decimals
REMEDY: Final = "Install or update it: apt install tor-geoipdb"

AGREE: Final = "agree"
CONFLICT: Final = "conflict"
NOT_KNOWN: Final = "unknown"
NOT_A_COUNTRY: Final = "not_a_country"
ANYCAST: Final = "anycast"


class GeoDataError(Exception):
    """The dataset is damaged; the message names the line."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Sorted, disjoint address ranges with a label each; `labels[label_of[i]]` belongs to starts[i]..ends[i].

    `below[b]` is how many ranges start before bucket b (addresses by their upper 16 bits): it narrows the search to
    a few neighbours in memory, which makes look-ups half as long again as fast.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    label_of: Sequence[int]
    labels: tuple[str, ...]
    shift: int
    below: Sequence[int]

    def label(self, address: int) -> str:
        bucket = address >> self.shift
        position = bisect_right(self.starts, address, self.below[bucket], self.below[bucket + 1]) - 1
        if position < 0 or address > self.ends[position]:
            return UNKNOWN
        return self.labels[self.label_of[position]]


def ranges(
    starts: Sequence[int], ends: Sequence[int], label_of: Sequence[int], labels: tuple[str, ...], bits: int
) -> Ranges:
    """`bits` is the length of an address, 32 or 128."""
    shift = bits - BUCKET_BITS
    below = array("I", (bisect_left(starts, bucket << shift) for bucket in range((1 << BUCKET_BITS) + 1)))
    return Ranges(starts, ends, label_of, labels, shift, below)


@dataclass(frozen=True, slots=True)
class Dataset:
    """`made` is the day the data was made, None if it does not say."""

    name: str
    ipv4: Ranges
    ipv6: Ranges
    made: date | None

    def label(self, address: str) -> str:
        """The label of a textual address, `??` if there is none or it is no address."""
        try:
            if ":" not in address:
                return self.ipv4.label(_ipv4_number(address))
            if "%" in address:  # RFC 4007 §11: a zone means something on one machine only
                return UNKNOWN
            found = IPv6Address(address)
        except (KeyError, ValueError):
            return UNKNOWN
        if found.ipv4_mapped is not None:  # RFC 4291 §2.5.5.2
            return self.ipv4.label(int(found.ipv4_mapped))
        return self.ipv6.label(int(found))

    def age_days(self, today: date) -> int | None:
        return None if self.made is None else (today - self.made).days

    def stale(self, today: date) -> bool:
        """Whether it is too old to say anything. Data from the future is as useless as old data."""
        age = self.age_days(today)
        return age is None or not -1 <= age <= MAX_AGE_DAYS


def load_tor(folder: Path = TOR_FOLDER) -> Dataset:
    """Debian's geoip and geoip6. Raises `GeoDataError`, also when they are not installed."""
    try:
        with (folder / "geoip").open(encoding="ascii") as four, (folder / "geoip6").open(encoding="ascii") as six:
            return parse_tor(four, six)
    except FileNotFoundError as error:
        raise GeoDataError(f"{error.filename} is not there. {REMEDY}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise GeoDataError(f"{folder} cannot be read. {REMEDY}") from error


def parse_tor(ipv4: Iterable[str], ipv6: Iterable[str]) -> Dataset:
    """Reads the lines of the two files. Raises `GeoDataError`."""
    made: list[date] = []
    four = _parse(ipv4, int, 32, array("I"), array("I"), made)
    six = _parse(ipv6, _ipv6_number, 128, [], [], made)
    return Dataset("tor-geoipdb", four, six, min(made, default=None))


type Numbers = array[int] | list[int]


def _parse(
    lines: Iterable[str], number: Callable[[str], int], bits: int, starts: Numbers, ends: Numbers, made: list[date]
) -> Ranges:
    codes: dict[str, int] = {}
    label_of = array("H")
    last = -1
    for position, line in enumerate(lines, start=1):
        if line.startswith("#"):
            if line.startswith("# Generated:"):
                made.append(_generated(line, position))
            continue
        first_text, _comma, rest = line.strip().partition(",")
        last_text, _comma, code = rest.partition(",")
        try:
            start, end = number(first_text), number(last_text)
        except (ValueError, OverflowError) as error:
            raise GeoDataError(f"line {position} is not start,end,country") from error
        if not last < start <= end or len(code) != 2 or len(codes) >= MAX_CODES:
            raise GeoDataError(f"line {position} is out of order or has no country")
        last = end
        try:
            starts.append(start)
            ends.append(end)
        except OverflowError as error:
            raise GeoDataError(f"line {position} is beyond the last address") from error
        label_of.append(codes.setdefault(code, len(codes)))
    return ranges(starts, ends, label_of, tuple(codes), bits)


def _ipv4_number(text: str) -> int:
    """Dotted decimal without leading zeros. Raises KeyError or ValueError."""
    first, second, third, fourth = text.split(".")
    return OCTETS[first] << 24 | OCTETS[second] << 16 | OCTETS[third] << 8 | OCTETS[fourth]


def _ipv6_number(text: str) -> int:
    """RFC 5952 text as the dataset writes it; several times as fast as `IPv6Address`. Raises ValueError."""
    head, gap, tail = text.partition("::")
    heads, tails = (part.split(":") if part else [] for part in (head, tail))
    missing = 8 - len(heads) - len(tails)
    if missing < 0 or bool(gap) != bool(missing):
        raise ValueError(text)
    digits = "".join([group.rjust(4, "0") for group in (*heads, *["0"] * missing, *tails)])
    if len(digits) != 32 or not digits.isalnum() or "" in heads or "" in tails:
        raise ValueError(text)
    return int(digits, 16)


def _generated(line: str, position: int) -> date:
    try:
        made = parsedate_to_datetime(line.partition(":")[2].strip())
    except ValueError as error:
        raise GeoDataError(f"line {position} has no date") from error
    return (made if made.tzinfo else made.replace(tzinfo=UTC)).astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Located:
    """`country` is a country only when both datasets agree, otherwise `??`. `why` is a sentence with a remedy."""

    verdict: str
    country: str
    first: str
    second: str
    why: str


type Label = Callable[[str], str]


def locate(
    address: str,
    first: Dataset | None,
    second: Label | None,
    countries: Collection[str],
    today: date,
    anycast: Collection[IPv4Network | IPv6Network] = (),
) -> Located:
    """Asks both datasets. `second` is any other look-up that answers a country code or `??`."""
    if not _is_public(address):
        why = "The address is not on the internet, so no dataset can place it; its operator can declare where it is"
        return Located(NOT_A_COUNTRY, UNKNOWN, UNKNOWN, UNKNOWN, why)
    if first is None or first.stale(today):
        what = (
            "No geolocation dataset is installed"
            if first is None
            else f"{first.name} is older than {MAX_AGE_DAYS} days"
        )
        return Located(NOT_KNOWN, UNKNOWN, UNKNOWN, UNKNOWN, f"{what}. {REMEDY}")
    if _is_anycast(address, anycast):
        return Located(ANYCAST, UNKNOWN, UNKNOWN, UNKNOWN, "The address is announced from many places at once")
    one = first.label(address)
    two = UNKNOWN if second is None else second(address)
    if UNKNOWN in (one, two):
        why = "A second dataset is needed before a label counts" if second is None else "A dataset has no label for it"
        return Located(NOT_KNOWN, UNKNOWN, one, two, why)
    if one not in countries or two not in countries:
        return Located(NOT_A_COUNTRY, UNKNOWN, one, two, "The label is a region and not a country")
    if one != two:
        return Located(CONFLICT, UNKNOWN, one, two, f"One dataset says {one}, the other {two}")
    return Located(AGREE, one, one, two, f"Both datasets say {one}")


def _is_public(address: str) -> bool:
    """RFC 6890: loopback, private and documentation networks are anywhere. No address at all is left to the look-up."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return True
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_global


def _is_anycast(address: str, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    if not networks:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks if network.version == parsed.version)
