"""The atlas as shipped, read once."""

from datetime import date

import pytest

from jurisdiction.atlas import Atlas
from jurisdiction.bundle import load

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="session")
def atlas() -> Atlas:
    return load()
