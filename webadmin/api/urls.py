"""Addresses of the programming interface, each with its row in `web.access`; the views are behind the door."""

from typing import Final

from django.urls import URLPattern, URLResolver

from webadmin.api import description, door
from webadmin.api.views import cell, law, people, places, records

api = description.interface()
for _area in (cell, places, people, law, records):
    api.add_router("", _area.router)

# What has no token and so no bucket: the description, and the root where there is nothing.
_OPEN: Final = {"openapi-json", "api-root"}


def _behind_the_door(found: URLPattern | URLResolver) -> URLPattern | URLResolver:
    if isinstance(found, URLPattern) and found.name not in _OPEN:
        found.callback = door.behind(found.callback)
    return found


_found, _app, _space = api.urls
urls = ([_behind_the_door(one) for one in _found], _app, _space)
