"""The child's side of supervision: say "ready" once, and end when the supervisor does.

`serve` starts a daemon with `--ready-fd N --supervisor PID`. One byte into N means that the daemon serves.
Should the supervisor die without a word, the kernel sends the child SIGTERM (Linux, PR_SET_PDEATHSIG): an orphan
would keep the ports. A daemon that was started by hand or by systemd has neither, and nothing happens here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def attach(ready_fd: int | None, supervisor: int | None) -> Callable[[], None]:
    """Tie this process to its supervisor; what to call when it serves."""
    if supervisor is not None:
        end_with_parent(supervisor)

    def ready() -> None:
        if ready_fd is not None:
            with suppress(OSError):
                os.write(ready_fd, b"1")
                os.close(ready_fd)

    return ready


def end_with_parent(parent: int) -> None:
    """Get SIGTERM when the process `parent` ends; end at once if it has ended already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # The supervisor may have ended before the line above: then this process has another parent by now.
    if os.getppid() != parent:
        raise SystemExit(0)
