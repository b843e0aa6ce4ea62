"""Two who ask for one name at the same moment, as PostgreSQL lets them: the second is told that it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from mailhost.models import Domain, Mailbox, Tenant
from mailhost.provision import activating, domains, tenants
from mailhost.provision.errors import AlreadyThere, NotFound
from mailhost.seal.registration import parse_registration
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.seal import owners

pytestmark = pytest.mark.usefixtures("cell")


class Quicker:
    """Somebody whose row is not seen before ours is refused: committed between the look and the entry."""

    def __init__(self, table: str, enter: Callable[[], object]) -> None:
        self._insert = f'INSERT INTO "{table}"'
        self._enter = enter
        self._refused = self._entered = False

    def __call__(self, execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        if sql.startswith(self._insert) and not self._refused:
            self._refused = True
            raise IntegrityError
        answer = execute(sql, params, many, context)
        if sql.startswith("ROLLBACK TO") and self._refused and not self._entered:
            self._entered = True
            self._enter()
        return answer


@pytest.mark.parametrize(
    ("model", "enter", "ask"),
    [
        (Mailbox, lambda: house.invite("ben@example.is"), lambda: house.invite("ben@example.is")),
        (
            Domain,
            lambda: domains.bring("sea.test", "harbour"),
            lambda: domains.bring("sea.test", "harbour"),
        ),
        (
            Domain,
            lambda: domains.bring("sea.test", "fjord"),
            lambda: domains.add("sea.test", "harbour", now=house.NOW, claims=FakeDirectory().of(house.CELL)),
        ),
        (
            Tenant,
            lambda: Tenant.objects.create(cell=house.CELL, slug="sea", name="Sea", created=house.NOW.date()),
            lambda: tenants.add(
                "sea", name="Sea", now=house.NOW, claims=FakeDirectory().of(house.CELL), notary=house.NOTARY
            ),
        ),
    ],
    ids=["invite", "bring", "add a domain", "add a tenant"],
)
def test_who_comes_second_is_told_that_it_is_there(
    model: type[Mailbox | Domain | Tenant], enter: Callable[[], object], ask: Callable[[], object]
) -> None:
    with (
        connection.execute_wrapper(Quicker(model._meta.db_table, enter)),
        pytest.raises(AlreadyThere),
        transaction.atomic(),
    ):
        ask()


def test_keys_for_a_mailbox_that_is_removed_meanwhile_are_refused() -> None:
    box = house.invite("ben@example.is")
    made = parse_registration(owners.make("ben@example.is").text, "ben@example.is")
    Mailbox.objects.all().delete()
    with pytest.raises(NotFound):
        activating.activate(box, made, "00" * 32, notary=house.NOTARY, now=house.NOW, server_key=house.SERVER_KEY)


def test_keys_for_a_mailbox_whose_removal_has_begun_do_not_let_mail_in_again() -> None:
    box = house.invite("ben@example.is")
    made = parse_registration(owners.make("ben@example.is").text, "ben@example.is")
    Mailbox.objects.filter(pk=box.pk).update(state=Mailbox.State.SUSPENDED)
    with pytest.raises(NotFound):
        activating.activate(box, made, "00" * 32, notary=house.NOTARY, now=house.NOW, server_key=house.SERVER_KEY)
    assert Mailbox.objects.get(pk=box.pk).state == Mailbox.State.SUSPENDED
