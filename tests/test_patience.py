"""Waiting: for the first truth, not for ever, and with a word about what was there instead."""

from __future__ import annotations

import pytest

from tests import patience


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE", 0.001)


def test_the_first_truth_is_what_was_waited_for() -> None:
    looks = iter([0, [], "", 7, 8])
    assert patience.eventually(lambda: next(looks)) == 7
    assert next(looks) == 8


def test_what_never_comes_true_is_a_failure_that_says_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.01)
    with pytest.raises(AssertionError, match="3 of 4 messages"):
        patience.eventually(lambda: False, lambda: "3 of 4 messages")
