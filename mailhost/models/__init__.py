"""The cell's tables: tenancy (who is hosted), keys (what opens mail), mail (what is stored)."""

from mailhost.models.cell import CellIdentity, LostAnswer, RouteVersion
from mailhost.models.keys import AppPassword, KeyringWrap, MailboxKey
from mailhost.models.mail import Folder, FolderKeyword, Message, SealedMessage, Subscription, Vanished
from mailhost.models.tenancy import Alias, Domain, Mailbox, MailboxUsage, Tenant

__all__ = [
    "Alias",
    "AppPassword",
    "CellIdentity",
    "Domain",
    "Folder",
    "FolderKeyword",
    "KeyringWrap",
    "LostAnswer",
    "Mailbox",
    "MailboxKey",
    "MailboxUsage",
    "Message",
    "RouteVersion",
    "SealedMessage",
    "Subscription",
    "Tenant",
    "Vanished",
]
