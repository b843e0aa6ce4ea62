"""A directory and a blob folder in memory, and a cell with two tenants."""

import pytest

from mailhost.provision.claims import Claims
from tests.provision import house
from tests.provision.fakes import FakeBlobs, FakeDirectory


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture
def claims(directory: FakeDirectory) -> Claims:
    return directory.of(house.CELL)


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


@pytest.fixture
def cell(db: None, claims: Claims) -> None:
    """Tenants harbour and fjord with their domains."""
    house.found(claims)
