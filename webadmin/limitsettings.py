"""The limits that an operator may set: how much one sender, one mailbox, one destination may take of this host.

Each is explained in `mailhost.limits`, and its default is the one that stands there. `environ.Environ` is these and all
other settings.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mailhost.limits import DispatchLimits, JudgingLimits, RateLimits, SmtpLimits
from mailhost.ports import Allowance

_SMTP, _RATES, _JUDGING = SmtpLimits(), RateLimits(), JudgingLimits()
_ALLOWED, _DISPATCH = Allowance(), DispatchLimits()


class LimitSettings(BaseModel):
    """Field descriptions are the reference that operators read."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True)

    max_message_size: int = Field(
        _SMTP.message,
        ge=65536,
        le=1 << 30,
        description="Octets of the largest message taken by SMTP and APPEND.",
    )
    smtp_in_flight_bytes: int = Field(
        _SMTP.in_flight,
        ge=1 << 20,
        description="Octets of unfinished messages one smtpd process holds in memory.",
    )
    smtp_connections: int = Field(
        _SMTP.connections, ge=1, description="SMTP connections of one smtpd process; more are told to come later."
    )
    smtp_connections_per_source: int = Field(
        _SMTP.connections_per_source,
        ge=1,
        description="Of them from one IPv4 address or IPv6 /64. Loopback is not counted, here and in the next.",
    )
    smtp_connections_per_minute: int = Field(
        _SMTP.connections_rate, ge=1, description="New SMTP connections a minute from one such source."
    )
    failed_logins_per_minute: int = Field(
        _SMTP.failed_logins, ge=1, description="Wrong passwords a minute of one source on the submission ports."
    )
    messages_per_address: int = Field(
        _RATES.address, ge=1, description="Messages a minute that one address may bring to one smtpd process."
    )
    messages_per_helo: int = Field(_RATES.helo, ge=1, description="The same for hosts that greet with one name.")
    messages_per_domain: int = Field(_RATES.domain, ge=1, description="The same for one domain of envelope senders.")
    greylist_seconds: int = Field(
        int(_JUDGING.put_off.total_seconds()),
        ge=0,
        le=3600,
        description="Seconds a doubtful stranger must stay away before his next try is taken; 0 lets the next one in.",
    )
    greylist_return_hours: int = Field(
        int(_JUDGING.comes_back.total_seconds()) // 3600,
        ge=1,
        le=240,
        description="Hours in which he must come back, or he is a stranger again.",
    )
    known_sender_days: int = Field(
        _JUDGING.known.days, ge=7, le=400, description="Days a sender stays known whose mail was taken."
    )
    first_time_seconds: int = Field(
        int(_JUDGING.first_time),
        ge=0,
        le=60,
        description="Seconds an unproven sender's first message waits for its answer; 0 for none.",
    )
    recipients_a_day: int = Field(
        _ALLOWED.mailbox,
        ge=1,
        description="Recipients a day of one mailbox. `skerry sending limit` gives one mailbox or tenant others.",
    )
    new_recipients_a_day: int = Field(
        _ALLOWED.mailbox_new, ge=1, description="Of them, those that it never wrote to before."
    )
    tenant_recipients_a_day: int = Field(_ALLOWED.tenant, ge=1, description="Recipients a day of a whole tenant.")
    tenant_new_recipients_a_day: int = Field(
        _ALLOWED.tenant_new, ge=1, description="Of them, those that its mailboxes never wrote to before."
    )
    destinations_at_once: int = Field(
        _DISPATCH.destinations, ge=1, le=1000, description="Destinations that one dispatchd works on at the same time."
    )
    connections_per_destination: int = Field(
        _DISPATCH.connections, ge=1, le=100, description="Connections that it opens to one destination with much mail."
    )
