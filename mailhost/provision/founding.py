"""Founding: a tenant, its policy and its first mailbox, in one transaction, with keys the founder made.

The first mailbox is on the cell's shared domain, which belongs to the house: a domain of one's own needs proof of
ownership and comes later. The slug is made of the name, since it only stands in addresses of pages; where it is
taken, here or in another cell, the next number is tried.

The same registration sent again finds its tenant and changes nothing; the same address with other keys is refused.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction

from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.records import keys
from mailhost.models import Domain, Mailbox, MailboxKey, Tenant
from mailhost.provision import domains, mailboxes, tenants
from mailhost.provision.activating import is_sent_again
from mailhost.provision.claims import AlreadyClaimed, Claims, TakenElsewhere, held
from mailhost.provision.errors import AlreadyThere, BadName
from mailhost.provision.names import MAX_SLUG
from mailhost.seal.registration import Registration

# The tenant that the cell's shared domain belongs to.
HOUSE: Final = "house"
# Slugs that would read like something of ours in an address or a list.
_RESERVED: Final = """
about abuse account accounts admin administrator api assets auth billing cell console directory docs help host house
info invite legal mail metrics new office operator operators postmaster privacy region regions root rows security
settings sign-in sign-out signup skerry static status support system tenant tenants terms webmail www
"""
RESERVED_SLUGS: Final = frozenset(_RESERVED.split())
TRIES: Final = 50  # numbers behind a name; whoever meets a name that is taken fifty times thinks of another


@dataclass(frozen=True, slots=True)
class Founding:
    """What a founder decided. `address` is the first mailbox's; `young_until` None for one that is vouched for."""

    name: str
    address: str
    policy: Policy
    young_until: date | None


def slug_of(name: str) -> str:
    """The slug a name suggests: ASCII letters, digits and dashes; `tenant` for a name without any."""
    spelled = name.casefold().replace("\u00f0", "d").replace("\u00fe", "th")
    # Once more: decomposing turns letters of other faces, as in "\u2115", into capitals.
    folded = unicodedata.normalize("NFKD", spelled).casefold()
    dashed = "".join([letter if letter.isascii() and letter.isalnum() else "-" for letter in folded if _stays(letter)])
    words = "-".join([word for word in dashed.lower().split("-") if word])
    # Room for a dash and two digits.
    return words[: MAX_SLUG - 3].strip("-") or "tenant"


def _stays(letter: str) -> bool:
    """Marks of a decomposed letter and apostrophes vanish; everything else that is no letter parts words."""
    return not unicodedata.combining(letter) and letter not in "'\u2019"


def ensure_shared_domain(domain: str, *, now: datetime, claims: Claims, notary: Notary) -> None:
    """The cell's shared domain and the house it belongs to, made where they are missing. Raises AlreadyThere."""
    if not Tenant.objects.filter(slug=_house(notary)).exists():
        tenants.add(_house(notary), name="This house", now=now, claims=claims, notary=notary)
    row = Domain.objects.select_related("tenant").filter(name=domain).first()
    if row is None:
        domains.add(domain, _house(notary), now=now, claims=claims)
    elif row.tenant.slug != _house(notary):
        raise AlreadyThere(f"{domain} belongs to tenant {row.tenant.slug!r}, so it cannot be the cell's shared domain")


def _house(notary: Notary) -> str:
    """A slug belongs to one cell, and each cell has its house."""
    return f"{HOUSE}-{notary.home.cell}"


def found(
    wish: Founding,
    made: Registration,
    *,
    notary: Notary,
    now: datetime,
    claims: Claims,
    quota_bytes: int,
    server_key: bytes,
    settle: Callable[[Mailbox], None] = lambda _box: None,
) -> Mailbox:
    """The founder's mailbox, with its tenant around it. `settle` is what else belongs into the transaction.

    Raises BadName, NotFound, AlreadyThere, CellExcluded, PlaceNotProven, DirectoryUnreachable.
    """
    before = _founded_before(wish.address, made, server_key)
    if before is not None:
        return before
    label = keys.label_of(wish.address, notary)
    for slug in _slugs(wish.name):
        try:
            with held(claims.claim_tenant, claims.release_tenant, slug), transaction.atomic():
                tenants.add(
                    slug,
                    name=wish.name,
                    now=now,
                    claims=AlreadyClaimed(),
                    notary=notary,
                    policy=wish.policy,
                    young_until=wish.young_until,
                )
                box = mailboxes.add_registered(
                    wish.address,
                    made,
                    slug,
                    label=label,
                    notary=notary,
                    now=now,
                    quota_bytes=quota_bytes,
                    server_key=server_key,
                )
                settle(box)
                return box
        except TakenElsewhere:
            continue
    raise BadName(f"names like {wish.name!r} are all taken; choose one that says more")


def _founded_before(address: str, made: Registration, server_key: bytes) -> Mailbox | None:
    """The mailbox with these very keys and this password; AlreadyThere where it has others."""
    box = Mailbox.objects.select_related("tenant").filter(address=address).first()
    if box is None:
        return None
    if any(is_sent_again(made, known, server_key) for known in MailboxKey.objects.filter(mailbox=box)):
        return box
    raise AlreadyThere(f"{address} is taken")


def _slugs(name: str) -> list[str]:
    """The slug of a name and the same with numbers, without those that are reserved or exist here."""
    first = slug_of(name)
    wanted = [first, *(f"{first}-{number}" for number in itertools.islice(itertools.count(2), TRIES - 1))]
    taken = set(Tenant.objects.filter(slug__in=wanted).values_list("slug", flat=True))
    return [slug for slug in wanted if slug not in taken and slug not in RESERVED_SLUGS]
