"""What somebody typed survives the end of their session: carried signed through the sign-in, shown again after it.

The page that says "your session has ended" holds the form's fields in one hidden field, signed with this cell's key
and good for an hour; the server keeps nothing of them until somebody has signed in. After that they wait in the new
session, encrypted, for one visit to their page; so they do while somebody proves themselves again. Secrets are never
carried, nor is a field that would confirm an act.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest

from mailhost.seal import CannotOpen, CellBox
from webadmin.cell.keyfiles import read_or_make

FIELD: Final = "typed"
MAX_OCTETS: Final = 16_384  # of all fields together; a longer text than this is rare, and a session is no store
MAX_AGE: Final = 3600  # seconds between the end of the session and the sign-in
_SALT: Final = "webadmin.web.typed"
_KEY: Final = "typed"  # in the session
_ABOUT: Final = b"typed"
# Parts of names. The last four are what a browser made: auth keys and secrets of app passwords are in it in clear.
_NEVER: Final = (
    *("password", "secret", "phrase", "code", "key", "csrf", "token", "once", "confirm", "auth"),
    *("made", "registration", "credential", "proof"),
)


def carried(path: str, fields: Mapping[str, Any]) -> str:
    """The fields of a form at `path`, signed; empty where nothing may or can be carried."""
    lists = getattr(fields, "lists", None)
    pairs = dict(lists()) if lists else {name: [value] for name, value in fields.items()}
    kept = {name: values for name, values in pairs.items() if not any(word in name.lower() for word in _NEVER)}
    if not kept or sum(len(name) + sum(map(len, values)) for name, values in kept.items()) > MAX_OCTETS:
        return ""
    return signing.dumps({"path": path, "fields": kept}, salt=_SALT, compress=True)


def keep(request: HttpRequest, text: str) -> str:
    """Put what was carried into the session of whoever has signed in now; the path it is for, empty where it is bad."""
    try:
        found = signing.loads(text, salt=_SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return ""
    # Sessions are rows and get into backups, and what was typed may name correspondents.
    request.session[_KEY] = base64.b64encode(_box().seal(json.dumps(found).encode(), _ABOUT)).decode()
    return str(found["path"])


def again(request: HttpRequest) -> dict[str, Any]:
    """What was typed into this page before the session ended, once: `Form(initial=typed.again(request))`."""
    found = _waiting(request)
    if found.get("path") != request.path:
        return {}
    del request.session[_KEY]
    return {name: values if len(values) > 1 else values[0] for name, values in found["fields"].items() if values}


def _waiting(request: HttpRequest) -> dict[str, Any]:
    """What waits in the session; empty for anything else."""
    try:
        found = json.loads(_box().open(base64.b64decode(request.session.get(_KEY, "")), _ABOUT))
    except (CannotOpen, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _box() -> CellBox:
    return CellBox(read_or_make(settings.ENVIRON.keys / "django.key"), "typed")
