"""What provisioning refuses, one class for each kind of remedy. The text is for the person who asked.

The texts may name what that person typed (a slug, an address); they are answers, never log lines.
"""


class CannotProvision(Exception):
    """A request that was understood and refused; nothing was changed."""


class BadName(CannotProvision):
    """A slug, domain or address that is not one."""


class NotFound(CannotProvision):
    """What was named does not exist in this cell."""


class AlreadyThere(CannotProvision):
    """The name is taken."""


class NotProven(CannotProvision):
    """The domain's DNS has not shown yet that it belongs to the tenant."""


class StillInUse(CannotProvision):
    """Something else depends on what should go."""


class WrongSecret(CannotProvision):
    """The password, phrase or key does not open this mailbox. Says nothing about why."""


class NoKeyYet(CannotProvision):
    """The mailbox was invited and has no key: nothing can be wrapped for it."""


class CannotExport(CannotProvision):
    """The folder to export into is not one that can be continued."""


class CellExcluded(CannotProvision):
    """The tenant's policy does not let its mail lie in this cell; the text explains it."""


class PlaceNotProven(CannotProvision):
    """No lease is in force for this tenant's data in this cell."""


class IsLeaving(CannotProvision):
    """The tenant is about to be deleted, or is not; the text says what can be done instead."""


class AccessForbidden(CannotProvision):
    """The tenant's policy does not allow this way of reading mail."""
