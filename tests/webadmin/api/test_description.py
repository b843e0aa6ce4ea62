"""The interface against its own description: schemathesis throws at every address what fits and what does not.

In this process and in one transaction, with a fixed seed: a failure here comes again. Every answer has to be one that is
described, in its media type and shape; what does not fit has to be refused, and nothing may fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from schemathesis import openapi

from tests.webadmin.api.conftest import Program
from webadmin.api import door, rates

HARBOUR = {"path.tenant": "harbour"}


@pytest.fixture
def described(mo: Program, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The served description, and an operator's program that may do everything to tenant harbour."""
    monkeypatch.setattr(door, "BUCKETS", rates.Buckets(rates.Memory(), burst=10**9))
    # What Django's own test client does: the one connection of the test has to stay open between requests.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    request.node._nodeid = request.node.nodeid  # pytest has no such attribute any more; schemathesis reads it
    found = openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler(), headers={"Host": "localhost"})
    found.config.update(headers={"Authorization": f"Bearer {mo.text}", "Host": "localhost"}, parameters=HARBOUR)
    found.config.generation.update(max_examples=2, deterministic=True)
    # A schema cannot say what a preset is called, which domain is proven, or that a key was used: a use-case refuses it.
    found.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "401", "403", "404", "409", "422"]
    yield found
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


schema = schemathesis.pytest.from_fixture("described")


@pytest.mark.slow
@schema.parametrize()
def test_every_answer_is_as_described(case: Any) -> None:
    case.call_and_validate()
