"""Who is at the command line, and may they? The edge of the operator's sessions.

On a real host an operator opens a session with a reason before touching any tenant (`skerry session open`), or has
the reason in SKERRY_OPERATOR_REASON. A cell that serves loopback only is its operator's own box: there the session
opens by itself and nobody else is needed to agree, and both is written down like everything else.
"""

from __future__ import annotations

import getpass
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jurisdiction.models import OperatorSession, PolicyVersion
from jurisdiction.notary import Notary
from jurisdiction.records import operators, proposals
from webadmin.environ import Environ

OWN_BOX: Final = "the operator's own box: this cell serves loopback only"


@dataclass(frozen=True, slots=True)
class Person:
    """The operator, as settings and machine know them."""

    name: str
    country: str
    reason: str  # empty: it must be stated


def person(environ: Environ) -> Person:
    """Who is working here."""
    name = environ.operator or getpass.getuser()
    reason = environ.operator_reason or (OWN_BOX if environ.serves_loopback_only else "")
    return Person(name, environ.operator_country or environ.country, reason)


def act(environ: Environ, notary: Notary, now: datetime, tenant: str, what: str, *, dangerous: bool = False) -> None:
    """Ask whether this may be done to a tenant, and write it down. Raises operators.Refused, policies.NoPolicy."""
    _act(_session(environ, notary, now, tenant), environ, notary, now, tenant, what, dangerous=dangerous)


def _act(
    session: OperatorSession,
    environ: Environ,
    notary: Notary,
    now: datetime,
    tenant: str,
    what: str,
    *,
    dangerous: bool,
) -> None:
    """A dangerous act needs what the settings say: another operator who agreed to the session, or an hour's wait."""
    rule = environ.second_person_rule
    if dangerous and rule == "delay" and now < session.opened + proposals.ALONE_AFTER:
        until = f"{session.opened + proposals.ALONE_AFTER:%H:%M} UTC"
        raise operators.Refused(f"this cannot be undone, and this cell has one operator: wait until {until}")
    operators.act(session, tenant, what, notary, now, dangerous=dangerous and rule == "needed")


def may_see(environ: Environ, notary: Notary, now: datetime, tenant: str) -> bool:
    """Whether a list may show the tenant to whoever is working here."""
    return operators.allows(person(environ).country, tenant, notary, now)


def act_stated(name: str, notary: Notary, now: datetime, tenant: str, what: str) -> None:
    """As `act`, for an operator on the web, who has stated country and reason there. Raises Refused, NoPolicy."""
    operators.act(stated(name, now, tenant), tenant, what, notary, now)


def stated(name: str, now: datetime, tenant: str = "") -> OperatorSession:
    """The session of an operator on the web. Raises Refused where nothing was stated."""
    session = operators.current(name, now, tenant)
    if session is None:
        raise operators.Refused("say first from where and why you work; what you do then is shown to the tenant")
    return session


def may_see_stated(name: str, notary: Notary, now: datetime, tenant: str) -> bool:
    """As `may_see`, for an operator on the web; nothing is written down. Raises NoPolicy."""
    return operators.allows(stated_country(name, now), tenant, notary, now)


def act_by_token(
    name: str, environ: Environ, notary: Notary, now: datetime, tenant: str, what: str, *, dangerous: bool = False
) -> None:
    """As `act_stated`, for a program with an operator's token. On an operator's own box the session opens by itself."""
    if environ.serves_loopback_only and operators.current(name, now, tenant) is None:
        country = environ.operator_country or environ.country
        operators.open_session(secrets.token_hex(16), name, country, OWN_BOX, notary, now)
    _act(stated(name, now, tenant), environ, notary, now, tenant, what, dangerous=dangerous)


def has_stated(name: str, environ: Environ, now: datetime) -> bool:
    """Whether an operator's program may begin at all: its operator has stated a reason, or needs none here."""
    return environ.serves_loopback_only or operators.current(name, now) is not None


def country_of(name: str, environ: Environ, now: datetime) -> str:
    """From which country an operator's program works: as stated, else as the settings of their own box say."""
    return stated_country(name, now) or environ.operator_country or environ.country


def stated_country(name: str, now: datetime) -> str:
    """From which country an operator on the web says they work; empty without a statement."""
    session = operators.current(name, now)
    return "" if session is None else session.country


def open_tenants(country: str, notary: Notary, now: datetime) -> frozenset[str]:
    """Slugs of the tenants whose policies let an operator in this country see their rows: what lists are made of."""
    slugs = PolicyVersion.objects.order_by().values_list("tenant", flat=True).distinct()
    return operators.allowed(country, list(slugs), notary, now)


def _session(environ: Environ, notary: Notary, now: datetime, tenant: str) -> OperatorSession:
    who = person(environ)
    known = operators.current(who.name, now, tenant)
    if known is not None and known.country == who.country:
        return known
    if not who.reason:
        raise operators.Refused(
            "open a session first: `skerry session open --reason WHY`; what you do in it is shown to the tenant"
        )
    return operators.open_session(secrets.token_hex(16), who.name, who.country, who.reason, notary, now)
