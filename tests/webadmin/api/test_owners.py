"""No program shuts an organisation's owner out: not the tenant's own, and no one's the last owner."""

from __future__ import annotations

from mailhost.models import Mailbox
from mailhost.provision import mailboxes
from tests.provision import house
from tests.webadmin import people
from tests.webadmin.api.conftest import Program
from webadmin.accounts.models import Account


def path(address: str) -> str:
    """Where a mailbox of harbour is."""
    return f"/tenants/harbour/mailboxes/{mailboxes.get(address).pk}"


def refused(program: Program, method: str, body: object = None, status: int = 409) -> str:
    """Why the program does not do it to Ada, whose mailbox goes on."""
    answer = program.do(method, path("ada@example.is"), body, status)
    assert mailboxes.get("ada@example.is").state == Mailbox.State.ACTIVE
    return str(answer["detail"])


def test_the_last_owner_stays_whoever_asks(ada: Program, mo: Program) -> None:
    people.account_of("ada@example.is", Account.Role.OWNER)
    for program in (ada, mo):
        asked = {"paused": True, "quota_bytes": 1 << 20}
        assert "only owner" in refused(program, "PATCH", asked)
        assert "only owner" in refused(program, "DELETE")
    assert mailboxes.get("ada@example.is").quota_bytes == house.QUOTA, "nothing of it was done"


def test_a_tenants_program_decides_about_members_and_not_about_owners(ada: Program, mo: Program) -> None:
    people.account_of("ada@example.is", Account.Role.OWNER)
    ben = people.account_of("ben@example.is", Account.Role.OWNER)
    assert "only another owner decides" in refused(ada, "PATCH", {"paused": True})
    assert "only another owner decides" in refused(ada, "DELETE")
    assert mo.do("PATCH", path("ada@example.is"), {"paused": True})["state"] == "suspended"
    kept_out = ada.do("PATCH", path("ada@example.is"), {"paused": False}, 409)
    assert "only another owner decides" in str(kept_out["detail"]), "nor does it let in again whom an owner shut out"
    assert mailboxes.get("ada@example.is").state == Mailbox.State.SUSPENDED
    assert mo.do("PATCH", path("ada@example.is"), {"paused": False})["state"] == "active"
    Account.objects.filter(pk=ben.pk).update(role=Account.Role.ADMIN)
    assert ada.do("DELETE", path("ben@example.is"))["address"] == "ben@example.is"
