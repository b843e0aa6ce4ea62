"""The interface's buckets in Redis, for a cell whose web processes run on several machines (`webadmin.api.rates`).

One script does what `rates.taken` does, in one step and by Redis' own clock. A key holds the number of a token and the
moment at which its bucket is full, and is gone by then.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

from redis import Redis, RedisError

WITHIN: Final = 0.2  # seconds for Redis' answer, which takes less than a thousandth of one
# Milliseconds; the answer is the wait.
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local step, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + step
if full - now > most + 1 then return math.ceil(full - now - most) end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now))
return 0
"""


class InRedis:
    """Implements `rates.Keeper`. `url` is the broker's."""

    def __init__(self, url: str, cell: str) -> None:
        client = Redis.from_url(address(url), socket_timeout=WITHIN, socket_connect_timeout=WITHIN)
        self._script = client.register_script(_SCRIPT)
        self._cell = cell

    def take(self, who: int, now: float, step: float, most: float) -> float:
        del now  # Redis has a clock that all machines share
        try:
            wait = self._script(keys=[f"skerry:{self._cell}:api-rate:{who}"], args=[step * 1000, most * 1000])
        except RedisError as problem:
            raise OSError("Redis does not answer") from problem
        return float(wait) / 1000


def address(broker_url: str) -> str:
    """The broker's URL as Redis' own client reads it: kombu writes that of a Unix socket otherwise."""
    parts = urlsplit(broker_url)
    if parts.scheme != "redis+socket":
        return broker_url
    number = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    # A password stands before the path, as in redis://:password@host.
    return f"unix://{parts.netloc}{parts.path}?db={number}"
