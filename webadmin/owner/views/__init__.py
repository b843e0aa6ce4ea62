"""Views of a mailbox owner's pages. The mailbox is always that of the account in the session."""

from __future__ import annotations

from django.http import HttpRequest

from mailhost.models import Mailbox
from webadmin.web import gate


def mailbox_of(request: HttpRequest) -> Mailbox:
    """The caller's own mailbox; the access table lets owners of one in and nobody else."""
    box = gate.account_of(request).mailbox
    assert isinstance(box, Mailbox)
    return box
