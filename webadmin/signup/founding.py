"""From answers and keys to a tenant: the edge's part of `mailhost.provision.founding`, in its one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailhost.models import Mailbox
from mailhost.provision import founding
from mailhost.seal.registration import Registration
from webadmin.accounts import signin
from webadmin.accounts.models import Account
from webadmin.cell import notarial
from webadmin.cell.control import DirectoryProcess
from webadmin.environ import Environ
from webadmin.signup import choices, holding, vouchers
from webadmin.signup.steps import Answers


def prepare_domain(environ: Environ, now: datetime) -> None:
    """The shared domain, made before the first founder needs it: asking the directory takes a second or two.

    Raises CannotProvision.
    """
    notary = notarial.notary(environ, today=now.date())
    claims = DirectoryProcess(environ)
    founding.ensure_shared_domain(environ.shared_domain, now=now, claims=claims, notary=notary)


def found(
    answers: Answers, address: str, made: Registration, environ: Environ, *, server_key: bytes, now: datetime
) -> Mailbox:
    """The founder's mailbox. Raises NoVoucher, AskedEnough, NotFree, CannotProvision with what the founder is told."""
    notary = notarial.notary(environ, today=now.date())
    is_young = not answers.voucher and environ.young_days > 0
    wish = founding.Founding(
        name=answers.name,
        address=address,
        policy=choices.policy_of(answers.preset, notary.home, notary.atlas, now.date()),
        young_until=now.date() + timedelta(days=environ.young_days) if is_young else None,
    )

    def settle(box: Mailbox) -> None:
        """What belongs into the same transaction: voucher or work counts, name and owner are given."""
        if answers.voucher:
            vouchers.use(answers.voucher, today=now.date())
        elif answers.admitted:
            holding.spend(bytes.fromhex(answers.admitted), now)
        holding.give(answers.local, environ.shared_domain, holder=answers.holder, key=server_key)
        # Whose answer is lost signs in later, and must be the owner then.
        signin.of_mailbox(box, cell=environ.cell, today=now.date(), role=Account.Role.OWNER)

    return founding.found(
        wish,
        made,
        notary=notary,
        now=now,
        claims=DirectoryProcess(environ),
        quota_bytes=environ.default_quota_bytes,
        server_key=server_key,
        settle=settle,
    )
