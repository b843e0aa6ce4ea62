"""Measuring how far away a cell can be, from a landmark: `skerry evidence measure`, run on a machine that stands there.

Each round sends a fresh nonce over one open connection and counts the time to the whole answer. The fastest of all
rounds is reported, since delay is only ever added. Connecting and TLS are not counted.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from urllib.parse import urlsplit

from jurisdiction.evidence import NONCE_BYTES
from jurisdiction.roundtrips import Report
from webadmin.cell.challenge import PATH, PAUSE

TIMEOUT_SECONDS: Final = 10
MAX_REPLY_BYTES: Final = 4096


class NoAnswer(Exception):
    """The cell did not answer a single challenge."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Clock in seconds, source of nonces, and the wait between rounds."""

    clock: Callable[[], float] = time.perf_counter
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    sleep: Callable[[float], None] = time.sleep


def measure(url: str, cell: str, landmark: str, rounds: int, today: date, tools: Tools) -> Report:
    """The fastest of `rounds` answers, as a report. Raises NoAnswer."""
    parts = urlsplit(url)
    best: Report | None = None
    connection = _connect(parts.scheme, parts.hostname or "", parts.port)
    try:
        for _round in range(rounds):
            nonce = tools.random_bytes(NONCE_BYTES)
            began = tools.clock()
            connection.request("POST", PATH, nonce.hex())
            reply = connection.getresponse()
            body = reply.read(MAX_REPLY_BYTES)
            microseconds = max(1, round((tools.clock() - began) * 1_000_000))
            if reply.status == http.client.OK and (best is None or microseconds < best.microseconds):
                said = json.loads(body)
                answer, blobs = bytes.fromhex(said["answer"]), int(said["blobs"])
                as_of = datetime.fromisoformat(said["as_of"])
                best = Report(cell, landmark, nonce, answer, blobs, as_of, microseconds, today)
            tools.sleep(PAUSE)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as problem:
        raise NoAnswer(f"{url} does not answer challenges ({type(problem).__name__})") from None
    finally:
        connection.close()
    if best is None:
        raise NoAnswer(f"{url} answered none of {rounds} challenges")
    return best


def _connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    raise NoAnswer("the address of a cell begins with https:// or http://")
