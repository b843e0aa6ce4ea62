"""Loopback ports for servers that a test starts.

Such a server binds its ports seconds after they were chosen. A port that the kernel chooses (32768 and above) may by
then be the near end of somebody's connection, of which a journey has hundreds; those below are given to nobody who does
not ask for them. Each worker of a run has a range of its own, and goes round in it, so that two that start their servers
at the same time never choose the same port; where in the range it begins is left to chance, for other runs beside this one.
"""

from __future__ import annotations

import os
import socket
from contextlib import closing
from itertools import cycle
from secrets import randbelow

HOST = "127.0.0.1"
FIRST = 10_000
EACH = 1_000  # ports of one worker
WORKERS = 10  # as many ranges, below what tests/journeys/test_two_cells.py takes


def _range() -> list[int]:
    """This worker's ports, from a place in the range that chance chooses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first, begin = FIRST + worker * EACH, randbelow(EACH)
    return [first + (begin + number) % EACH for number in range(EACH)]


_NEXT = cycle(_range())


def is_free(port: int, host: str = HOST) -> bool:
    """Whether nobody has this port now, for TCP or for UDP."""
    with closing(socket.socket()) as stream, closing(socket.socket(type=socket.SOCK_DGRAM)) as datagram:
        try:
            stream.bind((host, port))
            datagram.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody has now, and that is given to nobody else for a long time."""
    return next(port for _, port in zip(range(EACH), _NEXT, strict=False) if is_free(port))


def free_ports(count: int) -> list[int]:
    """So many of them."""
    return [free_port() for _ in range(count)]
