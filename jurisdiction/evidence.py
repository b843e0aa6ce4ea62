"""What shows that a machine is where it is said to be, how strongly, and for how long that counts.

Declarations, contracts and geolocation (grade C) say who is liable and what registries think. A walk through DNS (B)
shows that the published mail path fits. A round trip is physics: nothing answers faster than light in glass, so a
reply within 7 ms to Reykjavik comes from Iceland, because Tórshavn cannot answer in under 8 ms. Computed over stored
blobs chosen at random, it shows that the data is near, too (A). Where a border is near the landmark, no round trip
tells the two sides apart, and A cannot be had. Delay can be added and never removed: a slow reply proves nothing,
and a reply that is too fast for the declared place refutes it for good.

A lease is the permission that follows from a decision and its evidence. It ends by itself.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from jurisdiction.atlas import Landmark
from jurisdiction.places import Survey, contradicts, minimum_rtt_ms
from jurisdiction.questions import Decision, RoundTrip, Verdict

MARGIN_MS: Final = 1.0  # kept below the fastest reply from abroad: a thousandth of a second for a clock that errs
CHALLENGE_BLOBS: Final = 16  # a host that dropped a tenth of the blobs is caught with four of five challenges
NONCE_BYTES: Final = 32
LEASE_DAYS: Final = {"A": 30, "B": 14, "C": 7}  # weaker evidence is asked for again sooner


class Grade(StrEnum):
    A = "A"
    B = "B"
    C = "C"


class Kind(StrEnum):
    DECLARATION = "declaration"
    GEO = "geo"
    DNS_WALK = "dns-walk"
    ROUND_TRIP = "round-trip"
    STORED_ROUND_TRIP = "stored-round-trip"


class ChallengeFailed(Exception):
    """The answer was not computed over the blobs that were asked for."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What an operator states about a node and signs for: the least there is, and who is liable for it.

    `facility` and `platform` are ids of legal entities: who holds the house, who runs the machine.
    """

    node: str
    cell: str
    country: str
    site: str
    facility: str
    platform: str
    certificate: str
    declared_on: date

    def digest(self) -> str:
        """SHA-256 in hex of the canonical form, for the ledger."""
        values = asdict(self) | {"declared_on": self.declared_on.isoformat()}
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(b"skerry-declaration-v1\n" + text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of evidence: `supports` is the country it speaks for, None if it contradicts the declared one."""

    kind: Kind
    supports: str | None
    taken_on: date
    digest: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """`grade` None: nothing speaks for the country. `contradicted`: something speaks against it, which decides."""

    grade: Grade | None
    age_days: int | None
    contradicted: bool
    digests: tuple[str, ...]


def fastest(samples: Iterable[RoundTrip]) -> dict[str, RoundTrip]:
    """The best sample per landmark: delay is only ever added."""
    best: dict[str, RoundTrip] = {}
    for sample in samples:
        if sample.landmark not in best or sample.ms < best[sample.landmark].ms:
            best[sample.landmark] = sample
    return best


def proof_limit_ms(landmark: Landmark) -> float | None:
    """Under how many milliseconds a reply proves the landmark's country; None where nothing does."""
    if landmark.nearest_abroad is None:
        return None
    limit = minimum_rtt_ms(landmark.point, landmark.nearest_abroad) - MARGIN_MS
    return limit if limit > 0 else None


def proves(landmark: Landmark, ms: float) -> str | None:
    """The country that a round trip to this landmark proves, if any."""
    limit = proof_limit_ms(landmark)
    return landmark.country if limit is not None and 0 <= ms < limit else None


def refutes(sample: RoundTrip, country: str, survey: Survey) -> bool:
    """Whether the reply was too fast to have come from the country's declared site."""
    landmark, site = survey.landmarks.get(sample.landmark), survey.sites.get(country)
    return landmark is not None and site is not None and contradicts(sample.ms, landmark, site)


def challenged(nonce: bytes, blobs: Sequence[str], count: int = CHALLENGE_BLOBS) -> tuple[str, ...]:
    """The blobs a nonce asks for, out of the sorted ids of all: nobody can choose them but the one who drew it."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    names = sorted(blobs)
    picked: dict[str, None] = {}
    round_number = 0
    while len(picked) < min(count, len(names)):
        digest = hashlib.sha256(nonce + round_number.to_bytes(8, "big")).digest()
        picked[names[int.from_bytes(digest) % len(names)]] = None
        round_number += 1
    return tuple(picked)


def answer(nonce: bytes, contents: Iterable[bytes]) -> bytes:
    """HMAC-SHA256 keyed with the nonce over the asked blobs in order; it needs their bytes, not their hashes."""
    mac = hmac.new(nonce, digestmod=hashlib.sha256)
    for content in contents:
        mac.update(len(content).to_bytes(8, "big") + content)
    return mac.digest()


def check_answer(expected: bytes, given: bytes) -> None:
    """Raises `ChallengeFailed`."""
    if not hmac.compare_digest(expected, given):
        raise ChallengeFailed("the answer does not fit the stored blobs; the data is not where the reply came from")


def assess(items: Iterable[Item], country: str, landmark_proves: bool, today: date) -> Assessment:
    """Weighs the evidence for a country. `landmark_proves`: a round trip there is fast enough to prove it."""
    found = sorted(items, key=lambda item: (item.taken_on, item.digest))
    contradicted = any(item.supports != country for item in found)
    supporting = [item for item in found if item.supports == country]
    grades = {_grade(item.kind, landmark_proves): item for item in supporting}  # the newest of each grade stays
    if not grades:
        return Assessment(None, None, contradicted, tuple(item.digest for item in found))
    best = min(grades)
    age = (today - grades[best].taken_on).days
    return Assessment(best, age, contradicted, tuple(item.digest for item in found))


def _grade(kind: Kind, landmark_proves: bool) -> Grade:
    if kind in (Kind.ROUND_TRIP, Kind.STORED_ROUND_TRIP):
        return Grade.A if landmark_proves else Grade.C
    return Grade.B if kind is Kind.DNS_WALK else Grade.C


class LeaseState(StrEnum):
    VALID = "valid"
    DUE = "due"  # still good, but decide again today
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission for one asset at one place. `expires` is its last day."""

    subject: str
    grade: Grade
    decided_on: date
    expires: date


class NoLease(Exception):
    """The decision or its evidence gives no permission; the message says why."""


def lease(subject: str, decision: Decision, assessment: Assessment, today: date) -> Lease:
    """Raises `NoLease` unless the decision allows and nothing contradicts the place."""
    if decision.verdict is not Verdict.ALLOW:
        raise NoLease(f"the decision is {decision.verdict.value}: {', '.join(decision.because)}")
    if assessment.contradicted or assessment.grade is None:
        raise NoLease("the evidence contradicts the place" if assessment.contradicted else "there is no evidence")
    last_day = today + timedelta(days=LEASE_DAYS[assessment.grade.value])
    return Lease(subject, assessment.grade, today, min(last_day, decision.expires or last_day))


def lease_state(held: Lease, today: date) -> LeaseState:
    """A lease is decided anew every day, and ends with its last day whatever happens."""
    if today > held.expires or today < held.decided_on:
        return LeaseState.EXPIRED
    return LeaseState.DUE if today > held.decided_on else LeaseState.VALID


def drifted(held: Lease, decision: Decision, assessment: Assessment, today: date) -> str | None:
    """Why a lease must not be renewed, or None: an incident, and no new data of that kind."""
    try:
        lease(held.subject, decision, assessment, today)
    except NoLease as error:
        return str(error)
    return None
