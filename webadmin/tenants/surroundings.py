"""What every page of a tenant needs around it: the tabs, the moment, the cell's notary, the ways out of the process.

The one place of this app that reads the clock and the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jurisdiction.notary import Notary
from mailhost.adapters.blobs import FileBlobs
from mailhost.models import Tenant
from mailhost.provision import tenants
from mailhost.provision.claims import Claims
from mailhost.provision.removal import Blobs
from webadmin.cell import notarial
from webadmin.cell.control import DirectoryProcess
from webadmin.environ import Environ

REFUSED: Final = 422  # the status of a form that is shown again
PAGE: Final = 50  # rows of a list on one page
# Name of the tab's address -> its words, in the order in which a newcomer needs them.
TABS: Final[dict[str, str | Promise]] = {
    "tenant": _("Overview"),
    "tenant-domains": _("Domains"),
    "tenant-mailboxes": _("Mailboxes"),
    "tenant-aliases": _("Aliases and groups"),
    "tenant-policy": _("Law"),
    "tenant-held": _("On its way out"),
    "tenant-links": _("Secure links"),
    "tenant-access-log": _("Access"),
    "tenant-log": _("Log"),
    "tenant-tokens": _("Programs"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell behind a request, at one moment."""

    environ: Environ
    now: datetime
    claims: Claims
    blobs: Blobs

    @property
    def notary(self) -> Notary:
        """The cell's facts, keys and log."""
        return notarial.notary(self.environ, today=self.now.date())


def cell() -> Cell:
    """The cell of this process, now."""
    environ: Environ = settings.ENVIRON
    return Cell(environ, timezone.now(), DirectoryProcess(environ), FileBlobs(environ.blobs))


def tenant_of(slug: str) -> Tenant:
    """The tenant of an address that the gate has let pass."""
    return tenants.get(slug)


def show(
    request: HttpRequest,
    tenant: Tenant,
    template: str,
    here: str,
    about: dict[str, Any],
    form: forms.Form | None = None,
) -> HttpResponse:
    """A page with its tabs; 422 when it shows a refused form again. `here` is the name of its tab."""
    tabs = [
        {"words": words, "href": reverse(name, kwargs={"tenant": tenant.slug}), "here": name == here}
        for name, words in TABS.items()
    ]
    refused = form is not None and form.is_bound and bool(form.errors)
    own = {"tenant": tenant, "tabs": tabs, "form": form}
    return render(request, f"tenants/{template}.html", own | about, status=REFUSED if refused else 200)
