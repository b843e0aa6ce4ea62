"""The cell's notary at the edge: facts, keys and settings put together once for each process.

`ledger.key` signs policies and the log's heads, `witness.key` other cells' heads, `ledger-tag.key` makes the keyed
hashes under which tenants stand in the log. Who has power over the machines follows from the settings: declared
countries, and the owners of the entities that hold the house and run the machine.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

from nacl.signing import SigningKey

from jurisdiction.atlas import Atlas
from jurisdiction.bundle import Accepted, AtlasErrors, RollbackRefused, accept, load
from jurisdiction.fields import UNKNOWN
from jurisdiction.homing import Home
from jurisdiction.ledger.notes import NoteError
from jurisdiction.notary import Machine, Notary
from jurisdiction.policy import PolicyForged
from jurisdiction.records import facts, ledger
from jurisdiction.records.policies import Excluded, NoPolicy
from mailhost.models import CellIdentity
from webadmin.cell.keyfiles import read_or_make
from webadmin.environ import Environ
from webadmin.settingtypes import split

KEY_FILES: Final = ("ledger.key", "witness.key", "ledger-tag.key")


class CannotDecide(Exception):
    """A setting names a country or an entity that the facts do not know; the text says which."""


def notary(environ: Environ, *, today: date, accepted: Accepted | None = None) -> Notary:
    """Raises CannotDecide, KeyFileDamaged, AtlasErrors, RollbackRefused, django.db.DatabaseError."""
    atlas = installed()
    accept(atlas, accepted or facts.accepted())
    row = CellIdentity.objects.first()
    keys = {name: read_or_make(environ.keys / name) for name in KEY_FILES}
    return Notary(
        home=home(environ, atlas, today),
        machine=Machine(
            environ.hostname, environ.facility, environ.platform, row.certificate_sha256 if row is not None else ""
        ),
        atlas=atlas,
        origin=ledger.stored_origin() or f"{environ.hostname}/{environ.cell}",
        key=SigningKey(keys["ledger.key"]),
        witness_key=SigningKey(keys["witness.key"]),
        tag_key=keys["ledger-tag.key"],
    )


@cache
def installed() -> Atlas:
    """The installed facts, read once for each process: they change only with the program."""
    return load()


def home(environ: Environ, atlas: Atlas, today: date) -> Home:
    """The cell as decisions see it. Raises CannotDecide."""
    declared = split(environ.controllers) or (environ.country,)
    for code in (environ.country, *declared):
        if code != UNKNOWN and code not in atlas.countries:
            raise CannotDecide(f"{code} is no country of ISO 3166-1: correct SKERRY_CELL or SKERRY_CONTROLLERS")
    owners = [*declared]
    for setting in ("facility", "platform"):
        entity = getattr(environ, setting)
        if entity and entity not in atlas.entities:
            known = ", ".join(sorted(atlas.entities))
            raise CannotDecide(
                f"SKERRY_{setting.upper()} is {entity!r}, which the facts do not know; known are: {known}"
            )
        if entity:
            owners += atlas.controllers(entity, today)
    return Home(environ.cell, environ.country, tuple(dict.fromkeys(owners)))


EXPECTED = (CannotDecide, AtlasErrors, RollbackRefused, PolicyForged, NoPolicy, Excluded, NoteError, ledger.OtherLedger)
