"""Notaries for tests: real facts, keys that are the same in every run."""

from __future__ import annotations

from functools import cache

from nacl.signing import SigningKey

from jurisdiction.atlas import Atlas
from jurisdiction.bundle import load
from jurisdiction.homing import Home
from jurisdiction.notary import Notary


@cache
def atlas() -> Atlas:
    return load()


def notary(cell: str = "is-1", controllers: tuple[str, ...] = ()) -> Notary:
    """The notary of a cell; its country and, unless told otherwise, its controllers follow from the cell's name."""
    country = cell[:2].upper()
    seed = cell.encode().ljust(32, b".")
    return Notary(
        home=Home(cell, country, controllers or (country,)),
        atlas=atlas(),
        origin=f"mx.example.{country.lower()}/{cell}",
        key=SigningKey(seed),
        witness_key=SigningKey(seed[::-1]),
        tag_key=seed,
    )
