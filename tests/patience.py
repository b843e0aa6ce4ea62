"""Waiting for what another process does or hears in its own time.

A command, a page or a call of the API has an effect when it returns: the change is committed. A daemon that keeps
something in memory hears of it a moment later (`mailhost.adapters.changes`), a counter is written when there is time,
a job runs when the worker comes to it. A test that looks at once is a test of how busy the machine is; so it says that
a thing comes true, and not when.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# Seconds. Reached only where something is wrong: what is waited for takes milliseconds on a free machine, and seconds
# on one where a cell takes minutes to start.
PATIENCE = 120.0
# Seconds between two looks, or as long as the look took: what is waited for needs the processor more than who waits.
PAUSE = 0.05


def eventually[Seen](look: Callable[[], Seen], otherwise: Callable[[], object] = lambda: "it never came true") -> Seen:
    """What `look` finds as soon as that is true. `otherwise` says what is known where it never is."""
    deadline = time.monotonic() + PATIENCE
    while True:
        began = time.monotonic()
        if seen := look():
            return seen
        ended = time.monotonic()
        assert ended < deadline, otherwise()
        time.sleep(max(PAUSE, ended - began))
