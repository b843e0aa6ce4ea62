"""Enforcement point 8, outbound mail: the tenant's policy on record decides, and nothing it does not know leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jurisdiction.models import PolicyVersion
from jurisdiction.policy import Policy
from jurisdiction.presets import home_policy
from jurisdiction.records import policies
from mailhost.adapters.egress import DatabaseDecider
from mailhost.mxwalk import Target
from mailhost.transport import Permission, Verdict
from tests.adapters.conftest import NOW, Cell
from tests.notaries import notary

MX = Target("mx.other.test", "93.184.215.14")
RELAY = Target("relay", "127.0.0.1", 2600)
NOTARY = notary("is-1")
HOME = home_policy("IS")
DENIES = replace(HOME, egress_plain_deny_blocs=("FVEY",))


async def asked(
    cell: Cell, policy: Policy | None, target: Target = MX, *, secure: bool = True, sealed: bool = False
) -> Permission:
    if policy is not None:
        await cell.shop.readers.run(policies.adopt, "example", policy, NOTARY, NOW)
    decider = DatabaseDecider(cell.shop.readers, lambda: NOTARY)
    return await decider.may_leave(cell.ada.mailbox.tenant_id, target, secure=secure, sealed=sealed, now=NOW)


async def test_a_policy_that_denies_no_bloc_lets_mail_go_under_tls_only(cell: Cell) -> None:
    assert (await asked(cell, HOME)).verdict is Verdict.ALLOW
    clear = await asked(cell, None, secure=False)
    assert (clear.verdict, clear.because) == (Verdict.DENY, ("EGRESS_TLS_REQUIRED",))
    assert (await asked(cell, None, RELAY, secure=False)).verdict is Verdict.ALLOW


@pytest.mark.parametrize("rule", ["refuse", "hold", "link"])
async def test_a_host_nobody_knows_is_held_while_any_bloc_is_denied(cell: Cell, rule: str) -> None:
    found = await asked(cell, replace(DENIES, egress_rule=rule))
    assert found.verdict is Verdict.HOLD
    assert "LOC_UNKNOWN" in found.because
    assert (await asked(cell, None, sealed=True)).verdict is Verdict.ALLOW


async def test_without_a_policy_or_with_a_forged_one_nothing_leaves(cell: Cell) -> None:
    assert await asked(cell, None) == Permission(Verdict.HOLD, ("NoPolicy",))
    await asked(cell, HOME)

    def forge() -> None:
        row = PolicyVersion.objects.get()
        PolicyVersion.objects.filter(pk=row.pk).update(signature=bytes(64))

    await cell.shop.readers.run(forge)
    assert await asked(cell, None) == Permission(Verdict.HOLD, ("PolicyForged",))
