"""What a cell asks of the directory: that a tenant's slug and a domain belong to this cell and to no other.

A cell's process cannot read the directory's database (it does not hold the credential), so this is a port. A
claim is made before the cell writes its own row and is idempotent: a crash between the two leaves a claim that
the next attempt takes up. The directory keeps of a domain only a keyed hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from mailhost.provision.errors import CannotProvision


class TakenElsewhere(CannotProvision):
    """Another cell holds this slug or domain."""


class DirectoryUnreachable(CannotProvision):
    """The directory did not answer; nothing was claimed."""


class Claims(Protocol):
    """The directory, as one cell sees it."""

    def claim_tenant(self, slug: str) -> bool:
        """Claim; True when it was free, False when this cell held it already. Raises TakenElsewhere."""

    def release_tenant(self, slug: str) -> None:
        """Give it up; no error when this cell does not hold it."""

    def claim_domain(self, domain: str) -> bool:
        """As claim_tenant, for a domain in A-labels."""

    def release_domain(self, domain: str) -> None:
        """As release_tenant."""


class AlreadyClaimed:
    """Claims inside a block that holds the name: nothing is asked again, nothing is given up."""

    def claim_tenant(self, _slug: str) -> bool:
        return False

    def release_tenant(self, _slug: str) -> None:
        return

    def claim_domain(self, _domain: str) -> bool:
        return False

    def release_domain(self, _domain: str) -> None:
        return


@contextmanager
def held(claim: Callable[[str], bool], release: Callable[[str], None], name: str) -> Iterator[None]:
    """Claim `name` for the block; a block that raises gives a fresh claim back."""
    fresh = claim(name)
    try:
        yield
    except BaseException:
        if fresh:
            release(name)
        raise
