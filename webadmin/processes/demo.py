"""The demo tenant of a laptop: `demo`, with `open@demo.test` and `sealed@demo.test`, made at the first start.

Open's app password has session access: any mail program reads the mail, and this host opens it for the length of
the session. Sealed's has sealed access: the same program sees age files. Passwords are random, given back once
and stored nowhere.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jurisdiction.notary import Notary
from jurisdiction.records import policies
from mailhost.adapters.demo import DEMO_DOMAIN
from mailhost.models import AppPassword, Domain, Mailbox, Tenant
from mailhost.provision import apppasswords, domains, mailboxes, tenants
from mailhost.provision.claims import Claims

TENANT: Final = "demo"
MAILBOXES: Final = (("open", AppPassword.Access.SESSION), ("sealed", AppPassword.Access.SEALED))


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """How to use one demo mailbox. Shown once."""

    address: str
    access: str
    app_password: str
    account_password: str


def domain_of(tenant: str) -> str:
    """The mail domain of a demo tenant."""
    return DEMO_DOMAIN if tenant == TENANT else f"{tenant}.test"


def prepare(
    *, now: datetime, claims: Claims, notary: Notary, server_key: bytes, quota_bytes: int, tenant: str = TENANT
) -> list[Login]:
    """Make what is missing of the demo tenant; logins of the mailboxes that were made now.

    A second cell beside the first needs another `tenant`: slug and domain belong to one cell.
    """
    domain = domain_of(tenant)
    if not Tenant.objects.filter(slug=tenant).exists():
        tenants.add(tenant, name="Demo", now=now, claims=claims, notary=notary)
    if not Domain.objects.filter(name=domain).exists():
        domains.add(domain, tenant, now=now, claims=claims)
    made = []
    for name, access in MAILBOXES:
        address = f"{name}@{domain}"
        if Mailbox.objects.filter(address=address).exists():
            continue
        account_password = secrets.token_urlsafe(12)
        box = mailboxes.add(
            address, account_password, notary=notary, now=now, quota_bytes=quota_bytes, server_key=server_key
        )
        login = apppasswords.add(
            address,
            access,
            name="demo",
            now=now,
            server_key=server_key,
            policy=policies.in_force(tenant, notary.key.verify_key),
            keyring_key=box.keyring_key,
        )
        made.append(Login(address, access.value, login.password, account_password))
    return made
