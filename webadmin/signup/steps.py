"""The steps of a signup and which of them may be opened, as a table; the answers so far, in a signed cookie.

A step opens when everything asked before it is answered; every answered step may be opened again and changed. So the
back button, a second tab and a window closed for the night all find the signup where it stands. The cookie ends after a
day, and with the founding.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE: Final = "skerry_signup"
LIFETIME: Final = 24 * 3600  # seconds
_SALT: Final = "webadmin.signup"


class Step(StrEnum):
    """What is asked; the value is the name of the page's address."""

    NAME = "signup"
    PLACE = "signup-place"
    KEYS = "signup-keys"


# Step -> the answers without which it does not open, in the order of the pages.
STEPS: Final[dict[Step, tuple[str, ...]]] = {
    Step.NAME: (),
    Step.PLACE: ("admitted", "name", "local"),
    Step.KEYS: ("admitted", "name", "local", "preset"),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a founder answered so far. `admitted` is the hex digest of the pass, `voucher` the number of one or 0."""

    number: str
    admitted: str = ""
    voucher: int = 0
    name: str = ""
    local: str = ""
    preset: str = ""

    @property
    def holder(self) -> bytes:
        """This signup, as reservations know it."""
        return hashlib.sha256(self.number.encode()).digest()


def may_open(step: Step, answers: Answers) -> bool:
    """Whether everything before this step is answered."""
    return all(getattr(answers, name) for name in STEPS[step])


def furthest(answers: Answers) -> Step:
    """The last step that may be opened: where an interrupted signup goes on."""
    return [step for step in STEPS if may_open(step, answers)][-1]


def begin() -> Answers:
    """A new signup."""
    return Answers(secrets.token_hex(16))


def of(request: HttpRequest) -> Answers:
    """The answers in the cookie; a new signup where there is none, or one that has ended or was tampered with."""
    try:
        found: Any = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=LIFETIME)
        return Answers(**{field.name: found[field.name] for field in fields(Answers)})
    except (signing.BadSignature, KeyError, TypeError):
        return begin()


def keep(response: HttpResponse, answers: Answers) -> None:
    """Put the answers into the cookie, for another day."""
    response.set_cookie(
        COOKIE,
        signing.dumps(asdict(answers), salt=_SALT),
        max_age=LIFETIME,
        path="/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse) -> None:
    """The signup is over."""
    response.delete_cookie(COOKIE, path="/", samesite="Lax")
