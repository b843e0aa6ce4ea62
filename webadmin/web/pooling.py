"""Connections of the web process to PostgreSQL: a few, shared by all requests.

Under ASGI each request runs in a thread of its own, and a connection of Django's belongs to a thread. One that stays
open for ever (`CONN_MAX_AGE` None), which is right for the daemons' few threads that live as long as they do, would
outlive its request: a burst of visitors takes every slot the server has, and mail waits. So the web process gives each
request a connection out of a pool and takes it back at the request's end. Who finds the pool empty waits for as long as
for a locked table.

SQLite needs none of this: a connection is a file that is opened in a fraction of a millisecond and closed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# What one process can keep busy several times over, and a tenth of the hundred slots that PostgreSQL comes with.
MOST: Final = 10
# Seconds until a connection that a burst made and nobody needs any more is closed.
IDLE: Final = 60.0


def pooled(database: Mapping[str, Any], *, patience: float) -> dict[str, Any]:
    """The settings of a database as the web process wants them; `patience` is how many seconds a request waits."""
    if "postgresql" not in database["ENGINE"]:
        return dict(database)
    pool = {"min_size": 1, "max_size": MOST, "max_idle": IDLE, "timeout": patience}
    # Django refuses a pool beside connections that stay open by themselves.
    return {**database, "CONN_MAX_AGE": 0, "OPTIONS": {**database["OPTIONS"], "pool": pool}}
