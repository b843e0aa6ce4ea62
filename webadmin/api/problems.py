"""What the interface refuses, as problem values (RFC 9457): what happened, and what to do.

    {"type": "urn:skerry:problem:not-proven", "title": "The domain is not proven yet", "status": 409,
     "detail": "example.is is not proven yet: …", "do": "Add the ownership record …"}

`type` is for programs, `title` and `do` are the same for every problem of a type, `detail` is about this request. One
table says which refusal of a use-case is which problem.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse

from jurisdiction.policy import PolicyErrors
from jurisdiction.records import operators, policies
from jurisdiction.records.supposed import NotUnderstood
from mailhost.provision import errors
from mailhost.provision.claims import DirectoryUnreachable, TakenElsewhere

MEDIA_TYPE: Final = "application/problem+json"  # RFC 9457 §3
_URN: Final = "urn:skerry:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem; `name` is the end of its URN."""

    name: str
    status: int
    title: str
    do: str


NO_TOKEN: Final = Kind(
    "no-token",
    401,
    "The request has no good token",
    "Send `Authorization: Bearer skerry_…` with a token that has not ended and was not revoked.",
)
NO_RIGHT: Final = Kind(
    "no-right", 403, "The token has no right to do this", "Make a token with that right, or ask whoever can."
)
STATE_FIRST: Final = Kind(
    "state-first",
    403,
    "An operator says first from where and why they work",
    "Open a session with `skerry session open --reason WHY` or on the console; the token works as long as it lasts.",
)
KEPT_OUT: Final = Kind(
    "kept-out", 403, "The tenant's policy or the session does not let this operator do it", "Read the detail."
)
NOT_FOUND: Final = Kind(
    "not-found", 404, "There is nothing at this address for this token", "Check the address against the description."
)
NO_METHOD: Final = Kind(
    "no-method", 405, "This address does not do that", "Use one of the methods in the `Allow` header."
)
CONFLICT: Final = Kind("conflict", 409, "Something that is there stands against it", "Read the detail.")
UNDER_WAY: Final = Kind(
    "under-way",
    409,
    "A request with this key began and has no answer yet",
    "Wait a moment and send it again. If this stays, look whether it was done before you use a new key.",
)
TOO_LARGE: Final = Kind("too-large", 413, "The body is larger than any request here needs", "Send less.")
NOT_JSON: Final = Kind("not-json", 415, "The body is not JSON", "Send `Content-Type: application/json`.")
NOT_UNDERSTOOD: Final = Kind(
    "not-understood", 400, "The request cannot be understood", "Compare it with /api/v1/openapi.json."
)
BAD_INPUT: Final = Kind("bad-input", 422, "Something in the request is not what it must be", "Correct it; see detail.")
KEY_USED: Final = Kind(
    "key-used", 422, "The idempotency key was used for another request", "Choose a new key for a new request."
)
TOO_FAST: Final = Kind(
    "too-fast", 429, "This token asks faster than one may", "Wait as long as the `Retry-After` header says."
)
FAILED: Final = Kind(
    "failed", 500, "Something failed here", "The fault is ours. Look whether it was done before you try again."
)
UNREACHABLE: Final = Kind(
    "unreachable", 503, "Something that has to answer does not", "Nothing was changed; try again in a minute."
)

# A refusal of a use-case -> its problem; the first class that fits counts.
_REFUSALS: Final[Sequence[tuple[type[Exception], Kind]]] = (
    (errors.BadName, BAD_INPUT),
    (PolicyErrors, BAD_INPUT),
    (NotUnderstood, BAD_INPUT),
    (errors.NotFound, NOT_FOUND),
    (policies.NoPolicy, NOT_FOUND),
    (
        errors.NotProven,
        Kind("not-proven", 409, "The domain is not proven yet", "Add its ownership record to the DNS, then check it."),
    ),
    (errors.AlreadyThere, Kind("already-there", 409, "The name is taken", "Use what is there, or another name.")),
    (TakenElsewhere, Kind("already-there", 409, "The name is taken", "Use what is there, or another name.")),
    (
        errors.StillInUse,
        Kind("still-in-use", 409, "Something else depends on it", "Remove or change that first; the detail names it."),
    ),
    (
        errors.AccessForbidden,
        Kind("access-forbidden", 403, "The tenant's policy does not allow this", "Use what the policy allows."),
    ),
    (
        errors.CellExcluded,
        Kind("cell-excluded", 409, "With that policy the mail may not lie here", "Choose a policy that allows it."),
    ),
    (DirectoryUnreachable, UNREACHABLE),
    (operators.Refused, KEPT_OUT),
    (errors.CannotProvision, CONFLICT),
)
EXPECTED: Final = tuple(error for error, _kind in _REFUSALS)


def kind_of(refusal: Exception) -> Kind:
    """The problem that a use-case's refusal is."""
    return next(kind for error, kind in _REFUSALS if isinstance(refusal, error))


def answer(
    kind: Kind,
    detail: str = "",
    *,
    where: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The problem as an answer; `where` are places in the request with what is wrong there."""
    about: dict[str, Any] = {
        "type": _URN + kind.name,
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.title,
        "do": kind.do,
    }
    if where:
        about["errors"] = list(where)
    return HttpResponse(
        json.dumps(about, ensure_ascii=False),
        status=kind.status,
        content_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"} | dict(headers or {}),
    )


def of(refusal: Exception) -> HttpResponse:
    """A use-case's refusal as an answer."""
    return answer(kind_of(refusal), str(refusal))
