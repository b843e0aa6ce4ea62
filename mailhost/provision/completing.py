"""What must be on record about every tenant and every key, made up for where an older version did not write it.

Each tenant has a policy (its cell's country, where it never chose) and leases; each public key stands in the key
log. Called whenever a cell is prepared; finding nothing to do is a few queries.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from nacl.signing import VerifyKey

from jurisdiction.models import LeaseRow, PolicyVersion
from jurisdiction.notary import Notary
from jurisdiction.presets import home_policy
from jurisdiction.records import evidence, facts, keys, leases, ledger, policies
from mailhost.models import MailboxKey, Tenant
from mailhost.provision import tenants


def complete(notary: Notary, now: datetime) -> None:
    """Raises OtherLedger, and Excluded where a cell may not even hold what its own country's policy allows."""
    ledger.begin(notary)
    facts.accept(notary, now)
    with transaction.atomic():
        evidence.declare(notary, now.date())
    with_policy = set(PolicyVersion.objects.values_list("tenant", flat=True))
    with_lease = set(LeaseRow.objects.values_list("tenant", flat=True))
    for slug in Tenant.objects.order_by("slug").values_list("slug", flat=True):
        if slug not in with_policy:
            policies.adopt(slug, home_policy(notary.home.country), notary, now)
        if slug not in with_lease:
            tenants.follow(leases.renew(slug, notary, now.date()))
    if ledger.count("key") < MailboxKey.objects.count():
        _enter_missing_keys(notary)


def _enter_missing_keys(notary: Notary) -> None:
    for row in MailboxKey.objects.select_related("mailbox").order_by("mailbox_id", "serial"):
        label = keys.label_of(row.mailbox.address, notary)
        if any(row.recipient in known.identities for known in keys.records_of(label)):
            continue
        with transaction.atomic():
            keys.enter(label, [row.recipient], VerifyKey(bytes(row.signing_key)), notary)
