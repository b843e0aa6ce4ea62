"""What a forked process is called in `ps`, `top` and /proc: by default what its parent was started as.

Linux shows as a process's command line the memory that held its arguments, which belongs to the process: it writes
its name there. /proc/self/stat tells where that is (proc(5), fields 48 and 49). Elsewhere, and whenever anything is
not as expected, nothing is done: a name is a convenience.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Final

SELF: Final = Path("/proc/self")
ARG_START: Final = 47  # proc(5) counts from one
ARG_END: Final = 48


def show(name: str) -> bool:
    """Be called "skerry: NAME", cut to the room there is; whether that worked."""
    with suppress(OSError, ValueError, IndexError):
        told = (SELF / "stat").read_text(encoding="utf-8", errors="replace")
        # The second field is a name in brackets and may hold anything, blanks and brackets too.
        fields = ["", "", *told.rpartition(")")[2].split()]
        start, end = int(fields[ARG_START]), int(fields[ARG_END])
        shown = (SELF / "cmdline").read_bytes()
        if not shown or end - start != len(shown) or ctypes.string_at(start, end - start) != shown:
            return False
        # The last byte stays zero: another would tell the kernel that the text goes on in the environment.
        text = f"skerry: {name}".encode()[: end - start - 1]
        ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
        return True
    return False
