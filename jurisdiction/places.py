"""Points on the globe and how far light in glass can get.

Light in optical fibre runs at about two thirds of its speed in vacuum, so a round trip of `ms` milliseconds cannot
have gone further than ms / 2 · 2/3 c away: about 100 km per millisecond. Delay can be added but never removed;
therefore only the upper bound means anything. Distances are great circles on a sphere of the Earth's mean radius;
the ellipsoid differs by at most half a per cent.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371.0
LIGHT_KM_PER_MS = 299.792458
FIBRE_FRACTION = 2 / 3
REACH_KM_PER_MS = LIGHT_KM_PER_MS * FIBRE_FRACTION / 2


@dataclass(frozen=True, slots=True)
class Point:
    """Decimal degrees, north and east positive."""

    lat: float
    lon: float


def distance_km(here: Point, there: Point) -> float:
    """Great-circle distance in kilometres (haversine, exact enough also for points close together)."""
    lat1, lat2 = math.radians(here.lat), math.radians(there.lat)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(there.lon - here.lon) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def reach_km(rtt_ms: float) -> float:
    """The furthest a host can be that answered within `rtt_ms` milliseconds."""
    return rtt_ms * REACH_KM_PER_MS


def minimum_rtt_ms(here: Point, there: Point) -> float:
    """The fastest possible round trip between two points, in milliseconds."""
    return distance_km(here, there) / REACH_KM_PER_MS


def contradicts(rtt_ms: float, landmark: Point, site: Point) -> bool:
    """Whether the reply came too fast to have come from the site: decisive, since nothing outruns light."""
    return reach_km(rtt_ms) < distance_km(landmark, site)


@dataclass(frozen=True, slots=True)
class Survey:
    """The map that round trips are judged against: measuring points by name, declared sites by country."""

    landmarks: Mapping[str, Point]
    sites: Mapping[str, Point]


UNSURVEYED = Survey({}, {})
