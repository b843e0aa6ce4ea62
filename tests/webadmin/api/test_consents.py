"""A mailbox's standing consents, as a program sees them: how many, and none any more; never for whom."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from mailhost.models import Consent, Mailbox
from tests.webadmin.api.conftest import Made, Program
from webadmin.tenants import journal


def give(address: str, readers: int, *, days: int = 30) -> str:
    """So many consents; the address of the interface at which they are."""
    box, today = Mailbox.objects.get(address=address), timezone.now().date()
    Consent.objects.bulk_create(
        Consent(
            mailbox=box,
            digest=f"{address}{days}{number}".encode().ljust(16)[-16:],
            shown=b"sealed",
            made=today,
            kept_until=today + timedelta(days=days),
        )
        for number in range(readers)
    )
    return f"/tenants/{box.tenant.slug}/mailboxes/{box.pk}/consents"


def test_a_program_sees_how_many_count_and_not_for_whom(ada: Program) -> None:
    path = give("ada@example.is", 3)
    give("ada@example.is", 2, days=-1)
    give("ben@example.is", 1)
    assert ada.ask(path) == {"in_force": 3, "revoked": 0}


def test_all_of_one_mailbox_are_taken_back_and_the_tenant_reads_it(ada: Program) -> None:
    path = give("ada@example.is", 3)
    others = give("ben@example.is", 1)
    assert ada.do("DELETE", path) == {"in_force": 0, "revoked": 3}
    assert ada.do("DELETE", path) == {"in_force": 0, "revoked": 0}
    assert ada.ask(path)["in_force"] == 0
    assert ada.ask(others)["in_force"] == 1
    first = journal.Lines(Mailbox.objects.get(address="ada@example.is").tenant)[:1][0]
    assert (first.code, first.about) == ("program", "DELETE consents")


def test_looking_needs_one_right_and_taking_back_another(with_rights: Made, cleo: Program) -> None:
    path = give("ada@example.is", 1)
    looks = with_rights("mailboxes:read")
    assert looks.ask(path)["in_force"] == 1
    looks.do("DELETE", path, status=403)
    with_rights("aliases:read").do("GET", path, status=403)
    cleo.do("DELETE", path, status=404)
    assert Consent.objects.count() == 1
