"""The owner's secure links: how often each was opened and answered, and ending one at once.

For whom a link is, this host does not know: it stands in the letter with the link's words, in the owner's mailbox.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from mailhost.adapters.blobs import FileBlobs
from mailhost.provision import securelinks
from mailhost.provision.errors import NotFound
from webadmin.owner.views import mailbox_of


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """The open ones."""
    links = securelinks.listing(mailbox_of(request), timezone.now().date())
    return render(request, "owner/links.html", {"links": links})


@require_POST
@never_cache
def end(request: HttpRequest, number: int) -> HttpResponse:
    """End one of one's own; that of another mailbox does not exist."""
    try:
        gone = securelinks.end(mailbox_of(request), number, blobs=FileBlobs(settings.ENVIRON.blobs))
    except NotFound:
        raise Http404 from None
    messages.success(request, _("Link %(name)s leads nowhere any more, and its message is removed.") % {"name": gone})
    return redirect("own-links")
