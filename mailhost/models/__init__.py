"""The cell's tables: who is hosted, what opens mail, what is stored, what is to be done."""

from mailhost.models.cell import CellIdentity, LostAnswer, RouteVersion
from mailhost.models.domainkeys import DkimKey, DomainCheck
from mailhost.models.job import Job
from mailhost.models.keys import AppPassword, KeyringWrap, MailboxKey
from mailhost.models.mail import (
    Annotation,
    BroughtIn,
    Folder,
    FolderKeyword,
    IndexSegment,
    Message,
    SealedMessage,
    Subscription,
    Vanished,
)
from mailhost.models.queue import QueueDestination, QueuedMessage, QueueItem, SentToday, WrittenTo
from mailhost.models.reports import DmarcSeen, ReceivedReport, ReportAddress, ReportedMail, ReportedSessions
from mailhost.models.securelinks import Consent, LinkChoice, SecureLink
from mailhost.models.senders import ReceivingChoice, SeenSender
from mailhost.models.sending import SenderGrant, SendingLimit
from mailhost.models.signins import SignIn
from mailhost.models.tenancy import Alias, Departure, Domain, Mailbox, MailboxUsage, OwnerLanguage, Suspension, Tenant
from mailhost.models.transport import StsPolicy, TlsSessions
from mailhost.models.wishes import ForwardAgreement, OwnerWishes, WishCount

__all__ = [
    "Alias",
    "Annotation",
    "AppPassword",
    "BroughtIn",
    "CellIdentity",
    "Consent",
    "Departure",
    "DkimKey",
    "DmarcSeen",
    "Domain",
    "DomainCheck",
    "Folder",
    "FolderKeyword",
    "ForwardAgreement",
    "IndexSegment",
    "Job",
    "KeyringWrap",
    "LinkChoice",
    "LostAnswer",
    "Mailbox",
    "MailboxKey",
    "MailboxUsage",
    "Message",
    "OwnerLanguage",
    "OwnerWishes",
    "QueueDestination",
    "QueueItem",
    "QueuedMessage",
    "ReceivedReport",
    "ReceivingChoice",
    "ReportAddress",
    "ReportedMail",
    "ReportedSessions",
    "RouteVersion",
    "SealedMessage",
    "SecureLink",
    "SeenSender",
    "SenderGrant",
    "SendingLimit",
    "SentToday",
    "SignIn",
    "StsPolicy",
    "Subscription",
    "Suspension",
    "Tenant",
    "TlsSessions",
    "Vanished",
    "WishCount",
    "WrittenTo",
]
