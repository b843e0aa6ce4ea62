"""Django's own door to accounts: it remembers who signed in, and signs nobody in by itself.

Signing in is `webadmin.accounts.signin`; `authenticate()` of Django's, which the admin's own form would call, finds
nobody here.
"""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend

from webadmin.accounts.models import Account


class Remembered(BaseBackend):
    """The account of a session, as long as it is active and its mailbox and tenant are not suspended."""

    def get_user(self, user_id: int) -> Account | None:
        found = Account.objects.select_related("mailbox__tenant").filter(pk=user_id, is_active=True).first()
        if found is None or (found.mailbox is not None and not may_enter(found)):
            return None
        return found


def may_enter(account: Account) -> bool:
    """Whether an owner's mailbox and tenant are in use. Held tenants may: what is there can be read."""
    box = account.mailbox
    return box is not None and box.state == box.State.ACTIVE and box.tenant.state != box.tenant.State.SUSPENDED
