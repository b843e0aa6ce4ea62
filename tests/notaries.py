"""Notaries for tests: real facts, keys that are the same in every run."""

from __future__ import annotations

from functools import cache

from nacl.signing import SigningKey

from jurisdiction.atlas import Atlas
from jurisdiction.bundle import load
from jurisdiction.homing import Home
from jurisdiction.notary import Machine, Notary


def keys_of(cell: str) -> dict[str, bytes]:
    """The bytes of the notary's key files."""
    seed = cell.encode().ljust(32, b".")
    return {"ledger.key": seed, "witness.key": seed[::-1], "ledger-tag.key": seed}


@cache
def atlas() -> Atlas:
    return load()


def notary(cell: str = "is-1", controllers: tuple[str, ...] = ()) -> Notary:
    """The notary of a cell; its country and, unless told otherwise, its controllers follow from the cell's name."""
    country = cell[:2].upper()
    keys = keys_of(cell)
    return Notary(
        home=Home(cell, country, controllers or (country,)),
        machine=Machine(),
        atlas=atlas(),
        origin=f"localhost/{cell}",
        key=SigningKey(keys["ledger.key"]),
        witness_key=SigningKey(keys["witness.key"]),
        tag_key=keys["ledger-tag.key"],
    )
