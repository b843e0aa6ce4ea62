"""What goes in and out of the interface, as the description at `/api/v1/openapi.json` gives it.

Days are `2027-03-14`, moments are ISO 8601 in UTC, sizes are octets as stored: sealed, compressed and padded. `number`
names a row of the tenant in addresses of this interface; names and addresses stand in bodies only, so that no proxy
writes them into its log of requests. What is typed is judged by the use-cases; widths and letters stand here as well,
so that a program can know them beforehand.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field

from jurisdiction.policy import MAX_RETENTION_DAYS
from mailhost.provision.receiving import MAX_COUNTED

MAX_QUOTA: Final = 10 << 40  # octets: ten tebibytes; anything larger is a slip of the keyboard
MIN_QUOTA: Final = 1 << 20
MAX_MEMBERS: Final = 500  # of a group set in one request

Line = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[ -~]*[!-~][ -~]*$")]
Address = Annotated[str, Field(min_length=3, max_length=320, examples=["ben@example.is"])]
DomainName = Annotated[str, Field(min_length=3, max_length=253, examples=["example.is"])]
Code = Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["IS"])]


def _written_out(value: object) -> object:
    """pydantic would take a number for seconds since 1970."""
    if not isinstance(value, date) and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("a day is written like 2027-03-14")
    return value


_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
Day = Annotated[date, BeforeValidator(_written_out)]
Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9_.-]+$")]
Bloc = Annotated[str, Field(pattern="^[A-Z0-9]{1,20}$", examples=["FVEY"])]


class Given(Schema):
    """A body: a field that nobody knows is a mistake, and not ignored."""

    model_config = ConfigDict(extra="forbid")


class Place(Schema):
    """Where in the request something is wrong."""

    where: str
    what: str


class ProblemOut(Schema):
    """RFC 9457, with what to do."""

    type: str
    title: str
    status: int
    detail: str
    do: str
    errors: tuple[Place, ...] = ()


class Page[Item](Schema):
    """A part of a list. `next` goes into `after` of the next request; null at the end."""

    items: list[Item]
    next: int | None


class SeenPage[Item](Page[Item]):
    """As a page; `kept_out` rows are of tenants whose policies keep this operator out."""

    kept_out: int


class TokenOut(Schema):
    number: int
    name: str
    tenant: str
    operator: str
    rights: list[str]
    created: date
    expires: date
    used: date | None


class TenantIn(Given):
    slug: Annotated[str, Field(pattern="^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    name: Annotated[str, Field(max_length=120)] = ""
    preset: Word | None = None


class TenantOut(Schema):
    slug: str
    name: str
    cell: str
    state: Literal["active", "suspended", "held", "leaving"]
    created: date
    domains: list[str]
    mailboxes: int
    invited: int
    messages: int
    bytes: int


class SuspendIn(Given):
    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class LeavingOut(Schema):
    """A tenant that will be removed. `receipt` is a link that needs no account, also when all else is gone."""

    tenant: TenantOut
    gone_after: datetime
    receipt: str


class WaitingOut(Schema):
    """Mail of one state and reason on its way out. Whose it is and to whom is between its author and nobody."""

    state: Literal["waiting", "held"]
    reason: str
    words: str
    messages: int
    oldest: datetime


class HeldOut(Schema):
    held: int
    waiting: int
    reasons: list[WaitingOut]


class ActOut(Schema):
    number: int
    at: datetime
    act: str
    operator: str
    country: str
    reason: str
    second: str
    refused: str


class DomainIn(Given):
    domain: DomainName


class DomainOut(Schema):
    number: int
    domain: str
    verified: date | None
    mailboxes: int
    catch_all: str | None
    sends_dmarc_reports: bool
    sends_tls_reports: bool
    checked: datetime | None


class RecordOut(Schema):
    """One record of a domain's DNS; `status` is empty before the first look."""

    purpose: str
    type: str
    host: str
    name: str
    expected: str
    explanation: str
    required: bool
    ours: bool
    status: str
    found: list[str]
    cause: str
    effect: str
    step: str


class RecordsOut(Schema):
    domain: str
    right: bool
    checked: datetime | None
    records: list[RecordOut]


class CatchAllIn(Given):
    mailbox: Address | None


class ReportsIn(Given):
    """What is reported about a domain's mail. All of it is off where nobody chose."""

    sends_dmarc_reports: bool
    sends_tls_reports: bool = False
    counted_at: Annotated[list[Address], Field(max_length=MAX_COUNTED)]


class ReportsOut(Schema):
    domain: str
    sends_dmarc_reports: bool
    sends_tls_reports: bool
    counted_at: list[str]


class InviteIn(Given):
    address: Address
    quota_bytes: Annotated[int, Field(ge=MIN_QUOTA, le=MAX_QUOTA)] | None = None


class MailboxChangeIn(Given):
    quota_bytes: Annotated[int, Field(ge=MIN_QUOTA, le=MAX_QUOTA)] | None = None
    paused: bool | None = None


class MailboxOut(Schema):
    number: int
    address: str
    state: Literal["invited", "active", "suspended"]
    key_version: int
    messages: int
    bytes: int
    quota_bytes: int


class InvitationOut(Schema):
    """A link with which whoever holds it makes the mailbox's keys; hand it to its owner and to nobody else."""

    mailbox: MailboxOut
    link: str
    good_until: datetime


class PasswordIn(Given):
    name: Line
    expires: Day | None = None


class NewPasswordOut(Schema):
    """Shown once. With sealed access: a program that signs in with it is handed sealed mail."""

    username: str
    password: str


class PasswordOut(Schema):
    id: int
    name: str
    access: str
    created: date
    expires: date | None
    revoked: date | None


class AliasIn(Given):
    alias: Address
    mailbox: Address


class ConsentsOut(Schema):
    """Standing consents of a mailbox: how many count today, and how many this request took back."""

    in_force: int
    revoked: int


class AliasOut(Schema):
    number: int
    alias: str
    mailbox: str


class GroupIn(Given):
    """An address and everybody to whom it leads; nobody: the address goes."""

    address: Address
    members: Annotated[list[Address], Field(max_length=MAX_MEMBERS)]


class GroupOut(Schema):
    address: str
    members: list[str]


class PolicyFields(Given):
    """A tenant's wishes; `skerry policy show` prints the same.

    Nothing deletes mail by its age: `retention_days` says what the tenant wishes its people to do.
    """

    allow: list[Code]
    backup_allow: list[Code]
    operator_allow: list[Code]
    deny_blocs: tuple[Bloc, ...] = ()
    deny_controller_blocs: tuple[Bloc, ...] = ()
    egress_plain_deny_blocs: tuple[Bloc, ...] = ()
    deny_facts: tuple[Word, ...] = ()
    egress_rule: Literal["refuse", "hold", "link"] = "refuse"
    consent: bool = False
    access: tuple[Literal["sealed", "session"], ...] = ("sealed", "session")
    retention_days: Annotated[int, Field(ge=0, le=MAX_RETENTION_DAYS)] = 0


class PolicyIn(Given):
    """One of the two: a ready-made policy by its name, or one of your own."""

    preset: Word | None = None
    policy: PolicyFields | None = None


class VersionOut(Schema):
    version: int
    adopted: date
    digest: str


class LeaseOut(Schema):
    kind: str
    grade: str
    decided_on: date
    expires: date


class IncidentOut(Schema):
    kind: str
    opened: date
    closed: date | None
    reason: str


class PolicyOut(Schema):
    tenant: str
    version: int
    digest: str
    policy: dict[str, Any]
    versions: list[VersionOut]
    leases: list[LeaseOut]
    incidents: list[IncidentOut]


class AdoptedOut(Schema):
    tenant: str
    version: int
    digest: str
    warnings: list[str]
    revoked: int


class SentenceOut(Schema):
    text: str
    sources: list[str]


class SectionOut(Schema):
    title: str
    sentences: list[SentenceOut]


class SourceOut(Schema):
    title: str
    url: str


class ExplainedOut(Schema):
    """A policy in words. `warnings` and `ending` (app passwords that would end) are of a change that is weighed."""

    tenant: str
    title: str
    sections: list[SectionOut]
    sources: dict[str, SourceOut]
    warnings: tuple[str, ...] = ()
    ending: int = 0


class EffectOut(Schema):
    tenant: str
    kind: str
    place: str
    day: date
    before: str
    after: str
    because: list[str]
    move_to: str | None


class DecisionOut(Schema):
    number: int
    on: date
    point: int
    question: str
    asset: str
    verdict: str
    because: list[str]
    facts: list[str]
    policy: str
    facts_serial: int
    expires: date | None


class EntryOut(Schema):
    index: int
    type: str
    entry: dict[str, Any]


class LedgerOut(Page[EntryOut]):
    """The newest signed head, and the tenant's entries. `seen_by` is the sentence for whoever is about to trust it."""

    origin: str
    log_key: str
    tag: str
    entries_now: int
    size: int
    root: str
    checkpoint: str
    witnesses: list[str]
    seen_by: str


class ItemOut(Schema):
    id: int
    tenant: str
    sender: str
    state: str
    queued: datetime
    attempts: int
    due: datetime | None
    told: bool
    reason: str


class OpenedOut(Schema):
    """An item and the domain it is for; the recipients' names stay sealed."""

    id: int
    tenant: str
    sender: str
    state: str
    queued: datetime
    attempts: int
    due: datetime | None
    reason: str
    destination: str
    recipients: int
    failures: int
    decision: str
