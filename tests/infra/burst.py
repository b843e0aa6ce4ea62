"""Sixty visitors at once at the web process's own application, without a server around it; prints how many were answered
well and how many connections to the database are open afterwards. A process of its own, run by `test_postgresql.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

VISITORS = 60
# A page that asks the database, and a sign-in that asks it several times.
PATHS = ("/healthz", "/sign-in/")


async def visit(application: Any, path: str) -> int:
    """The status of one answer."""
    status = 0
    asked = asyncio.Event()
    headers = [(b"host", b"localhost")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8025),
    }

    async def receive() -> dict[str, Any]:
        if asked.is_set():
            await asyncio.sleep(3600)
        asked.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await application(scope, receive, send)
    return status


def connections() -> int:
    """Connections to the cell's database, this one among them."""
    from django.db import connection  # Django is not set up before the application is imported

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


async def burst(application: Any) -> list[int]:
    return await asyncio.gather(*(visit(application, PATHS[number % len(PATHS)]) for number in range(VISITORS)))


def main() -> None:
    from webadmin.asgi import application  # it checks its cell when it is imported

    first, second = asyncio.run(burst(application)), asyncio.run(burst(application))
    print(json.dumps({"well": sum(status == 200 for status in first + second), "open": connections()}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
