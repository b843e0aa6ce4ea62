"""The limits that an operator may set: each reaches the part that keeps it, and the defaults are the parts' own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailhost.limits import DispatchLimits, JudgingLimits, RateLimits, SmtpLimits
from mailhost.ports import Allowance
from mailhost.wiring.chosenlimits import allowance, dispatch_limits, judging_limits, rate_limits, smtp_limits
from webadmin.environ import SettingsProblem, read
from webadmin.limitsettings import LimitSettings


def test_without_a_word_each_part_keeps_its_own_limits() -> None:
    plain = read()
    assert smtp_limits(plain) == SmtpLimits()
    assert rate_limits(plain) == RateLimits()
    assert judging_limits(plain) == JudgingLimits()
    assert dispatch_limits(plain) == DispatchLimits()
    usual = allowance(plain)
    assert (usual.mailbox, usual.mailbox_new, usual.tenant, usual.tenant_new) == (500, 100, 5000, 1000)
    assert usual.young == Allowance(50, 20, 50, 20)


def test_every_limit_that_is_set_changes_something() -> None:
    def all_of(values: dict[str, object]) -> tuple[object, ...]:
        chosen = read(values)
        return tuple(of(chosen) for of in (smtp_limits, rate_limits, judging_limits, allowance, dispatch_limits))

    usual = all_of({})
    for name, field in LimitSettings.model_fields.items():
        assert all_of({name: field.default + 1}) != usual, name


def test_greylisting_is_set_in_seconds_and_hours() -> None:
    found = judging_limits(read({"greylist_seconds": 60, "greylist_return_hours": 48, "first_time_seconds": 0}))
    assert (found.put_off, found.comes_back) == (timedelta(minutes=1), timedelta(days=2))
    assert found.first_time == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_connections", 0),
        ("greylist_seconds", -1),
        ("known_sender_days", 1),
        ("connections_per_destination", 1000),
    ],
)
def test_a_limit_that_would_stop_all_mail_or_none_is_refused(name: str, value: int) -> None:
    with pytest.raises(SettingsProblem, match=f"SKERRY_{name.upper()}"):
        read({name: value})
