"""Mailboxes, their invitations and app passwords. What lies in a mailbox is nobody's business here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from jurisdiction.records import policies
from mailhost.models import AppPassword, Domain, Mailbox
from mailhost.provision import apppasswords, consents, mailboxes, names
from mailhost.provision.errors import AlreadyThere, NotFound
from webadmin.accounts import owners
from webadmin.api import shapes
from webadmin.api.paging import Paged, page
from webadmin.api.views.answers import by_operator, cell, mailbox_of, of, tenant_of
from webadmin.cell.keyfiles import read_or_make
from webadmin.signup import inviting

router = Router(tags=["mailboxes"])
BOX = "/tenants/{slug:tenant}/mailboxes/{int:number}"


def _shown(row: Mailbox) -> dict[str, Any]:
    return {"number": row.pk, **asdict(mailboxes.view(row))}


@router.get("/tenants/{slug:tenant}/mailboxes", url_name="mailboxes", response=of(shapes.Page[shapes.MailboxOut]))
def list_mailboxes(request: HttpRequest, tenant: str, wanted: Paged) -> Any:
    """Every mailbox with its state and fill."""
    rows = Mailbox.objects.filter(tenant=tenant_of(tenant)).select_related("tenant", "mailboxusage")
    return page(rows, wanted, _shown)


@router.post("/tenants/{slug:tenant}/mailboxes", url_name="mailboxes", response=of(shapes.InvitationOut, 201))
def invite(request: HttpRequest, tenant: str, wanted: shapes.InviteIn) -> Any:
    """Invite somebody: their browser makes the keys, and until then mail is put off."""
    own, here = tenant_of(tenant), cell()
    address = names.address(wanted.address)
    if not Domain.objects.filter(tenant=own, name=address.domain).exists():
        raise NotFound(f"{address.domain} is no domain of this tenant")
    quota = wanted.quota_bytes or here.environ.default_quota_bytes
    made = mailboxes.invite(str(address), notary=here.notary, now=here.now, quota_bytes=quota)
    return Status(201, _invitation(Mailbox.objects.select_related("tenant", "mailboxusage").get(address=made.address)))


@router.get(BOX, url_name="mailbox", response=of(shapes.MailboxOut))
def show_mailbox(request: HttpRequest, tenant: str, number: int) -> Any:
    """One mailbox."""
    return _shown(mailbox_of(tenant, number))


@router.patch(BOX, url_name="mailbox", response=of(shapes.MailboxOut))
def change_mailbox(request: HttpRequest, tenant: str, number: int, wanted: shapes.MailboxChangeIn) -> Any:
    """Another quota; refuse mail and sign-ins for a while, or end that. What is left out stays as it is."""
    box = mailbox_of(tenant, number)
    if wanted.paused:
        owners.pause(box, by_owner=by_operator(request))
    elif wanted.paused is not None:
        owners.resume(box, by_owner=by_operator(request))
    if wanted.quota_bytes is not None:
        mailboxes.set_quota(box, wanted.quota_bytes)
    return _shown(mailbox_of(tenant, number))


@router.delete(BOX, url_name="mailbox", response=of(shapes.MailboxOut))
def delete_mailbox(request: HttpRequest, tenant: str, number: int) -> Any:
    """Remove a mailbox with its mail, aliases and passwords, for good; what there was."""
    box, here = mailbox_of(tenant, number), cell()
    gone = _shown(box)
    owners.pause(box, by_owner=by_operator(request))
    mailboxes.delete(box.address, blobs=here.blobs)
    return gone


def _invitation(box: Mailbox) -> dict[str, Any]:
    if box.state != Mailbox.State.INVITED:
        raise AlreadyThere(f"{box.address} has its keys already: nobody is invited")
    return {
        "mailbox": _shown(box),
        "link": cell().environ.web_address + inviting.link(box),
        "good_until": box.invited_at + inviting.GOOD_FOR,
    }


@router.get(f"{BOX}/invitation", url_name="mailbox-invitation", response=of(shapes.InvitationOut))
def show_invitation(request: HttpRequest, tenant: str, number: int) -> Any:
    """The link of an invited mailbox."""
    return _invitation(mailbox_of(tenant, number))


@router.post(f"{BOX}/invitation", url_name="mailbox-invitation", response=of(shapes.InvitationOut))
def invite_again(request: HttpRequest, tenant: str, number: int) -> Any:
    """A new link; the old one leads nowhere any more."""
    box = mailbox_of(tenant, number)
    mailboxes.invite_again(box, now=cell().now)
    return _invitation(mailbox_of(tenant, number))


@router.get(f"{BOX}/consents", url_name="consents", response=of(shapes.ConsentsOut))
def count_consents(request: HttpRequest, tenant: str, number: int) -> Any:
    """How many readers the owner has agreed to write to in the clear. Who they are, only the owner can read."""
    return {"in_force": consents.count(mailbox_of(tenant, number), cell().now.date()), "revoked": 0}


@router.delete(f"{BOX}/consents", url_name="consents", response=of(shapes.ConsentsOut))
def revoke_consents(request: HttpRequest, tenant: str, number: int) -> Any:
    """Take all of them back, as after a theft or a departure: what still waits is asked about anew."""
    return {"in_force": 0, "revoked": consents.revoke_all(mailbox_of(tenant, number))}


def _password_shown(row: AppPassword) -> dict[str, Any]:
    return asdict(apppasswords.view(row))


@router.get(f"{BOX}/app-passwords", url_name="app-passwords", response=of(shapes.Page[shapes.PasswordOut]))
def list_app_passwords(request: HttpRequest, tenant: str, number: int, wanted: Paged) -> Any:
    """A mailbox's app passwords, ended ones included; the secrets themselves are not stored."""
    return page(AppPassword.objects.filter(mailbox=mailbox_of(tenant, number)), wanted, _password_shown)


@router.post(f"{BOX}/app-passwords", url_name="app-passwords", response=of(shapes.NewPasswordOut, 201))
def add_app_password(request: HttpRequest, tenant: str, number: int, wanted: shapes.PasswordIn) -> Any:
    """A new app password with sealed access, shown once. Session access needs the owner: they make it themselves."""
    box, here = mailbox_of(tenant, number), cell()
    made = apppasswords.add(
        box.address,
        AppPassword.Access.SEALED,
        name=wanted.name,
        now=here.now,
        server_key=read_or_make(here.environ.keys / "app-password.key"),
        policy=policies.in_force(tenant, here.notary.key.verify_key),
        expires=wanted.expires,
    )
    return Status(201, {"username": made.username, "password": made.password})


@router.delete(f"{BOX}/app-passwords/{{int:password}}", url_name="app-password", response=of(shapes.PasswordOut))
def revoke_app_password(request: HttpRequest, tenant: str, number: int, password: int) -> Any:
    """End an app password: at the next sign-in it is refused."""
    box = mailbox_of(tenant, number)
    return asdict(apppasswords.revoke_number(box.address, password, now=cell().now))
