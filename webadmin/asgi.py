"""The ASGI application of the web process, whoever runs the server: `manage.py web`, or uvicorn by itself.

Under another server nobody has checked yet that this process is of the cell its database belongs to, so that
happens here, before the first request, and in a thread: the server imports this module inside its event loop.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from django.core.asgi import get_asgi_application

from mailhost.adapters.blobs import FileBlobs
from webadmin.cell.challenge import Challenge
from webadmin.web.bodies import Bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
_django = get_asgi_application()


def _checked() -> Bodies:
    """Django's application behind static files, challenge and limits, once this process is of the right cell."""
    # Imported here because Django's models need the line above.
    from django.conf import settings  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    from webadmin.processes import daemons  # noqa: PLC0415
    from webadmin.web import pooling, statics  # noqa: PLC0415

    daemons.begin(settings.ENVIRON, ready_fd=None, supervisor=None)
    # The connection of the checks was one of its own; every request's thread reads these settings when it begins.
    connections.close_all()
    patience = settings.ENVIRON.database_patience
    connections.settings["default"] |= pooling.pooled(connections.settings["default"], patience=patience)
    statics.collect(settings.STATIC_ROOT)
    pages = statics.serving(_django, settings.STATIC_ROOT)
    return Bodies(Challenge(pages, FileBlobs(settings.ENVIRON.blobs)))


with ThreadPoolExecutor(1) as _edge:
    application = _edge.submit(_checked).result()
