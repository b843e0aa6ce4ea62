"""The ASGI application of the web process, whoever runs the server: `manage.py web`, or uvicorn by itself.

Under another server nobody has checked yet that this process is of the cell its database belongs to, so that
happens here, before the first request, and in a thread: the server imports this module inside its event loop.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
application = get_asgi_application()


def _check() -> None:
    # Imported here because Django's models need the line above.
    from django.conf import settings  # noqa: PLC0415

    from webadmin import daemons  # noqa: PLC0415

    daemons.begin(settings.ENVIRON, ready_fd=None, supervisor=None)


with ThreadPoolExecutor(1) as _edge:
    _edge.submit(_check).result()
