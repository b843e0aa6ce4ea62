"""uvicorn as this house runs it: no access log, no trust in forwarded headers, a byte to the supervisor when it serves.

A reverse proxy ends TLS in front of it on a real host; what a proxy says about the client is not wanted here,
for nothing may remember a client's address.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from webadmin.environ import Environ

# Seconds for requests in hand when the process is told to stop; the whole cell ends within two.
FAREWELL = 1


class _Server(uvicorn.Server):
    """Tells the supervisor once the listener accepts: uvicorn's own hook for that is this method."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def run(environ: Environ, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        "webadmin.asgi:application",
        host=environ.web_listens_on,
        port=environ.web_port,
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=FAREWELL,
    )
    _Server(config, ready).run()
