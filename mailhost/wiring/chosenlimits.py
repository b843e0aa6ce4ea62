"""The limits as an operator set them: from flat settings to the values that each part of the house takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from mailhost.limits import DispatchLimits, JudgingLimits, RateLimits, SmtpLimits
from mailhost.ports import Allowance


class ChosenLimits(Protocol):
    """The settings (`webadmin.limitsettings.LimitSettings`, and those of young tenants)."""

    @property
    def max_message_size(self) -> int: ...
    @property
    def smtp_in_flight_bytes(self) -> int: ...
    @property
    def smtp_connections(self) -> int: ...
    @property
    def smtp_connections_per_source(self) -> int: ...
    @property
    def smtp_connections_per_minute(self) -> int: ...
    @property
    def failed_logins_per_minute(self) -> int: ...
    @property
    def messages_per_address(self) -> int: ...
    @property
    def messages_per_helo(self) -> int: ...
    @property
    def messages_per_domain(self) -> int: ...
    @property
    def greylist_seconds(self) -> int: ...
    @property
    def greylist_return_hours(self) -> int: ...
    @property
    def known_sender_days(self) -> int: ...
    @property
    def first_time_seconds(self) -> int: ...
    @property
    def recipients_a_day(self) -> int: ...
    @property
    def new_recipients_a_day(self) -> int: ...
    @property
    def tenant_recipients_a_day(self) -> int: ...
    @property
    def tenant_new_recipients_a_day(self) -> int: ...
    @property
    def destinations_at_once(self) -> int: ...
    @property
    def connections_per_destination(self) -> int: ...
    @property
    def young_recipients(self) -> int: ...
    @property
    def young_new_recipients(self) -> int: ...


def smtp_limits(chosen: ChosenLimits) -> SmtpLimits:
    """Of the doors."""
    return replace(
        SmtpLimits(),
        message=chosen.max_message_size,
        in_flight=chosen.smtp_in_flight_bytes,
        connections=chosen.smtp_connections,
        connections_per_source=chosen.smtp_connections_per_source,
        connections_rate=chosen.smtp_connections_per_minute,
        failed_logins=chosen.failed_logins_per_minute,
    )


def rate_limits(chosen: ChosenLimits) -> RateLimits:
    """Of strangers' messages."""
    return RateLimits(chosen.messages_per_address, chosen.messages_per_helo, chosen.messages_per_domain)


def judging_limits(chosen: ChosenLimits) -> JudgingLimits:
    """Of greylisting and of what is remembered of senders."""
    return replace(
        JudgingLimits(),
        put_off=timedelta(seconds=chosen.greylist_seconds),
        comes_back=timedelta(hours=chosen.greylist_return_hours),
        known=timedelta(days=chosen.known_sender_days),
        first_time=float(chosen.first_time_seconds),
    )


def allowance(chosen: ChosenLimits) -> Allowance:
    """What mailboxes may send a day. A young tenant's mailboxes share what their tenant may."""
    young, young_new = chosen.young_recipients, chosen.young_new_recipients
    return Allowance(
        mailbox=chosen.recipients_a_day,
        mailbox_new=chosen.new_recipients_a_day,
        tenant=chosen.tenant_recipients_a_day,
        tenant_new=chosen.tenant_new_recipients_a_day,
        young=Allowance(mailbox=young, mailbox_new=young_new, tenant=young, tenant_new=young_new),
    )


def dispatch_limits(chosen: ChosenLimits) -> DispatchLimits:
    """Of the queue's way out."""
    return replace(
        DispatchLimits(), destinations=chosen.destinations_at_once, connections=chosen.connections_per_destination
    )
