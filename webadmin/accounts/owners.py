"""Shutting a mailbox out and letting it in again, where it may be that of somebody who runs the organisation.

In: the mailbox, and whether an owner (or an operator) asks. Out: it is done, or the reason why not: an organisation
keeps an owner who can sign in, and whom the owners let in, an admin or a token, does not decide about owners.
"""

from __future__ import annotations

from django.db import transaction

from mailhost.models import Mailbox, Tenant
from mailhost.provision import mailboxes
from mailhost.provision.errors import CannotProvision, StillInUse
from webadmin.accounts.models import Account


def pause(box: Mailbox, *, by_owner: bool) -> None:
    """As `mailboxes.pause`, which is also how a removal begins. Raises StillInUse, CannotProvision."""
    with transaction.atomic():
        # Two owners who pause each other at the same moment come one after the other, and the second is the last.
        Tenant.objects.select_for_update().filter(pk=box.tenant_id).first()
        if _is_owners(box):
            others = Account.objects.filter(
                role=Account.Role.OWNER,
                is_active=True,
                mailbox__tenant=box.tenant_id,
                mailbox__state=Mailbox.State.ACTIVE,
            ).exclude(mailbox=box)
            if not others.exists():
                raise StillInUse(
                    f"{box.address} is the mailbox of the organisation's only owner; ask whoever runs this host to give"
                    " that role to somebody else first"
                )
            if not by_owner:
                raise _for_owners(box)
        mailboxes.pause(box)


def resume(box: Mailbox, *, by_owner: bool) -> None:
    """As `mailboxes.resume`: whom one owner shut out, no admin lets in again. Raises CannotProvision."""
    if not by_owner and _is_owners(box):
        raise _for_owners(box)
    mailboxes.resume(box)


def _is_owners(box: Mailbox) -> bool:
    return Account.objects.filter(role=Account.Role.OWNER, mailbox=box).exists()


def _for_owners(box: Mailbox) -> CannotProvision:
    return CannotProvision(
        f"{box.address} is the mailbox of one of the organisation's owners, and only another owner decides about it"
    )
