"""What could be handed over: what this host opens itself is not called sealed."""

from __future__ import annotations

import pytest
from django.test import Client

from jurisdiction.disclosure import Disclosure, Label
from mailhost.models import DkimKey, Mailbox, OwnerWishes, QueuedMessage, QueueItem, SealedMessage
from webadmin.web import handover

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [QueuedMessage, QueueItem, OwnerWishes, DkimKey])
def test_what_the_cell_opens_for_its_work_is_locked_and_not_sealed(model: type) -> None:
    labels = model.disclosure.labels()  # type: ignore[attr-defined]
    assert Label.LOCKED in labels.values()
    assert Label.SEALED not in labels.values()


@pytest.mark.parametrize("model", [SealedMessage, Mailbox])
def test_what_only_its_owner_opens_is_sealed(model: type) -> None:
    labels = model.disclosure.labels()  # type: ignore[attr-defined]
    assert Label.SEALED in labels.values()
    assert Label.LOCKED not in labels.values()


def test_a_field_has_one_label() -> None:
    with pytest.raises(ValueError, match="is labelled sealed and locked"):
        Disclosure(sealed="content", locked="content").labels()


def test_the_page_tells_the_two_apart(client: Client) -> None:
    page = client.get("/what-could-be-handed-over/").content.decode()
    assert "under a key of this cell" in page
    [queued] = [table for table in handover.tables() if table.words == "Queued message"]
    assert (queued.sealed, queued.locked) == ("", "content")
