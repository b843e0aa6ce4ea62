"""The answer that people get while the owner is away."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from mailhost.provision import wishes
from mailhost.provision.errors import CannotProvision
from mailhost.provision.wishes import ChangedMeanwhile
from webadmin.languages import spoken
from webadmin.owner.ruleforms import AwayForm
from webadmin.owner.views import mailbox_of
from webadmin.owner.views.filters import REFUSED, keys, renumber
from webadmin.web import typed


@require_http_methods(["GET", "POST"])
@never_cache
def absence(request: HttpRequest) -> HttpResponse:
    """What is answered and when; sent with `off`, nobody is answered any more and the text is kept."""
    box = mailbox_of(request)
    try:
        kept = wishes.of(box, keys())
    except CannotProvision as problem:
        return render(request, "owner/absence.html", {"unreadable": spoken.refusal(problem)})
    wish, today = kept.standing.away, timezone.now().date()
    initial: dict[str, object] = {"version": kept.version}
    if wish is not None:
        initial |= {name: getattr(wish, name) for name in ("text", "subject", "since", "until", "days")}
    fields = request.POST.copy() if request.method == "POST" else None
    form = AwayForm(fields, initial=initial | typed.again(request))
    if request.method == "POST" and form.is_valid() and (made := form.made()) is not None:
        off = "off" in request.POST
        try:
            wishes.set_away(box, made, keys(), off=off, version=form.cleaned_data["version"])
        except ChangedMeanwhile:
            form.add_error(None, _("This was changed in another window meanwhile. Look at it, and save it again."))
            renumber(fields, kept)
        else:
            told = _("Nobody is answered any more.") if off else _("Saved. People who write to you get this answer.")
            messages.success(request, told)
            return redirect("vacation")
    about = {
        "form": form,
        "wish": wish,
        "is_on": wish is not None and wish.is_on(today),
        "will_be": wish is not None and not wish.off and wish.since is not None and wish.since > today,
    }
    return render(request, "owner/absence.html", about, status=REFUSED if form.is_bound else 200)
