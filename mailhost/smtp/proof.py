"""Did the last answer reach a client that has stopped sending?

A client that closes its side after the final dot may still read (a half-close, RFC 9293 §3.6), or it may be gone.
Both look alike: end of file here, and a write that succeeds. What tells them apart is what comes back: its kernel
acknowledges the octets of an answer that can be read, and resets the connection for an answer that nobody will
read. Linux shows both without reading from the socket. Where it cannot be seen, the answer counts as received: a
message too many is the lesser harm beside one that a sender meant and nobody stored.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Final

# struct tcp_info of linux/tcp.h begins with tcpi_state; tcpi_unacked is the 32-bit word at offset 24.
_TCP_CLOSE: Final = 7
_PATIENCE: Final = 2.0
_STEP: Final = 0.05


async def answer_was_lost(transport: asyncio.BaseTransport | None) -> bool:
    """Whether what was written last on a half-closed connection cannot be read by the other side any more."""
    if transport is None or transport.is_closing():
        return True
    connection = transport.get_extra_info("socket")
    if connection is None or not hasattr(socket, "TCP_INFO"):
        return False
    # A descriptor of our own: the transport may close its socket while we wait.
    with socket.socket(fileno=os.dup(connection.fileno())) as probe:
        if probe.family not in {socket.AF_INET, socket.AF_INET6}:
            return False
        waited = 0.0
        while waited < _PATIENCE:
            if probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return True
            info = probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
            state, unacknowledged = info[0], struct.unpack_from("=I", info, 24)[0]
            if state == _TCP_CLOSE:
                return True
            if not unacknowledged:
                return False
            await asyncio.sleep(_STEP)
            waited += _STEP
    return True
