"""A tenant's settings as one value to take away: domains, mailboxes, aliases, links, policy. No key, password or mail.

The form is versioned, so that another host can read what this one wrote.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from jurisdiction.policy import Policy
from mailhost.models import Alias, AppPassword, Domain, Mailbox, Tenant
from mailhost.provision import securelinks

FORM: Final = "skerry-tenant-settings/1"


def of(tenant: Tenant, policy: Policy, now: datetime) -> dict[str, Any]:
    """Everything the tenant or its admins chose; lists in the order of their names."""
    domains = Domain.objects.filter(tenant=tenant).select_related("catch_all").order_by("name")
    boxes = Mailbox.objects.filter(tenant=tenant).order_by("address")
    aliases = Alias.objects.filter(mailbox__tenant=tenant).order_by("address", "mailbox__address")
    passwords = AppPassword.objects.filter(mailbox__tenant=tenant, revoked=None)
    links = securelinks.rules_of(tenant)
    return {
        "form": FORM,
        "exported": now.isoformat(timespec="seconds"),
        "cell": tenant.cell,
        "tenant": {
            "slug": tenant.slug,
            "name": tenant.name,
            "state": tenant.state,
            "created": tenant.created.isoformat(),
        },
        "domains": [
            {
                "name": row.name,
                "proven": row.verified.isoformat() if row.verified else None,
                "catch_all": row.catch_all.address if row.catch_all else None,
            }
            for row in domains
        ],
        "mailboxes": [{"address": row.address, "state": row.state, "quota_bytes": row.quota_bytes} for row in boxes],
        "aliases": [
            {"address": alias, "mailbox": box} for alias, box in aliases.values_list("address", "mailbox__address")
        ],
        "app_passwords": passwords.count(),
        "secure_links": {"days": links.days, "answers": links.answers, "attachments": links.attachments},
        "policy": json.loads(policy.canonical()),
        "policy_digest": policy.digest(),
    }
