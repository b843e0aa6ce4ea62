"""The interface against its own description: schemathesis throws at every address what fits and what does not.

In this process and in one transaction, with a fixed seed: a failure here comes again. Every answer has to be one that is
described, in its media type and shape; what does not fit has to be refused, and nothing may fail.

Schemathesis has many ways to say the same: five wrong types for each `limit`, each flaw of a policy at both addresses
that take one. The suite throws one of each kind, which is two fifths of the requests less, and nothing by chance; `make stress` throws all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from schemathesis import openapi
from schemathesis.core.result import Ok
from schemathesis.generation.meta import TestPhase

from tests.webadmin.api.conftest import Program
from webadmin.api import door, rates

HARBOUR = {"path.tenant": "harbour"}
EVERY_CASE = bool(os.environ.get("EVERY_CASE"))
POLICY = "a policy"
# What was thrown so far: where, whether it fits, what is the matter with it, and with which part.
_THROWN: set[tuple[object, ...]] = set()


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
    found.config.phases.fuzzing.enabled = EVERY_CASE
    # A schema cannot say what a preset is called, which domain is proven, or that a key was used: a use-case refuses it.
    found.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "401", "403", "404", "409", "422"]
    yield found
    operations = {one.ok().label for one in found.get_all_operations() if isinstance(one, Ok)}
    assert operations == {where for where, *_ in _THROWN} - {POLICY}, "every operation had its share"
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


schema = schemathesis.pytest.from_fixture("described")


def _is_of_a_new_kind(case: Any) -> bool:
    """Whether nothing with the same flaw, or the same virtue, at the same place was thrown at this operation yet."""
    of = case.meta.phase.data
    if case.meta.phase.name is not TestPhase.COVERAGE:
        return True
    # What is in a policy is read by the same code wherever one is sent.
    where = POLICY if of.description.startswith("policy -> ") else case.operation.label
    kind = (where, case.meta.generation.mode, of.description, of.parameter_location, of.parameter)
    is_new = kind not in _THROWN
    _THROWN.add(kind)
    return is_new


@pytest.mark.slow
@schema.parametrize()
def test_every_answer_is_as_described(case: Any) -> None:
    if _is_of_a_new_kind(case) or EVERY_CASE:
        case.call_and_validate()
