"""Mo before the console."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.webadmin import people
from webadmin import celery


@pytest.fixture
def mo(monkeypatch: pytest.MonkeyPatch) -> Client:
    """An operator who has stated a reason and proven themselves a moment ago."""
    woken: list[object] = []
    monkeypatch.setattr(celery, "wake", woken.append)
    people.found()
    account = people.mo()
    people.state(account)
    return people.signed_in(account, sudo=True)
