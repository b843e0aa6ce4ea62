"""What stands in a page's head for whoever looks at it: the places that the access table would let them into.

A place is named by its address; the words are what people call it. An address about a tenant gets the slug of the
visitor's own. A place that asks for more first (a reason, a password again) is shown: the gate leads through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webadmin.accounts.models import Account
from webadmin.web import access, gate
from webadmin.web.access import Verdict


@dataclass(frozen=True, slots=True)
class Place:
    """`name` is an address's; `of_tenant`: it has `<slug:tenant>` in it."""

    name: str
    words: str | Promise
    of_tenant: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A place as the template draws it."""

    href: str
    words: str | Promise
    here: bool


# In the order in which they are shown.
PLACES: Final[tuple[Place, ...]] = (
    Place("tenant", _("Organisation"), of_tenant=True),
    Place("mailbox", _("Your mailbox")),
    Place("account", _("Your account")),
    Place("console", _("This cell")),
    Place("admin:index", _("Rows")),
)
_SHUT: Final = {Verdict.FORBIDDEN, Verdict.HIDDEN, Verdict.SIGN_IN, Verdict.SECOND_FACTOR}


def links(request: HttpRequest) -> list[Link]:
    """The places of whoever is signed in; none before the second factor."""
    if not isinstance(getattr(request, "user", None), Account):
        return []
    caller, found = gate.caller(request), []
    for place in PLACES:
        if place.of_tenant and not caller.tenant:
            continue
        tenant = caller.tenant if place.of_tenant else ""
        if access.decide(access.row_of(place.name), caller, tenant) not in _SHUT:
            href = reverse(place.name, kwargs={"tenant": tenant} if place.of_tenant else {})
            found.append(Link(href, place.words, here=request.path.startswith(href)))
    return found
