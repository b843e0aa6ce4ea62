"""An owner's filters: listed, made, changed, put into another order, removed; and what became of them.

Each form carries the number of the wishes that it was made from, so a filter that stood in third place is never
confused with the one that another window put there. To make or change one asks for a fresh proof: a filter can send
copies of everything elsewhere, which is what a thief of a session would want.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailhost.adapters.wishbook import WISHES_KEY, wishes_box
from mailhost.models import Mailbox
from mailhost.ports import StoreError
from mailhost.provision import agreements, wishes
from mailhost.provision.agreements import AskedEnough
from mailhost.provision.errors import CannotProvision
from mailhost.provision.wishes import CannotRead, ChangedMeanwhile, Kept
from mailhost.rules.rule import MAX_RULES, MAX_TARGETS, Rules
from mailhost.seal import CellBox
from webadmin.accounts import entry
from webadmin.jobs import forwardwork
from webadmin.languages import spoken
from webadmin.owner import rulewords
from webadmin.owner.ruleforms import FIRST, FilterForm, shown, slots_in
from webadmin.owner.views import mailbox_of
from webadmin.web import once, typed

REFUSED = 422  # the status of a form that is shown again


def keys() -> CellBox:
    """What wishes are sealed with."""
    return wishes_box(entry.key(WISHES_KEY))


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """All filters in words, in their order."""
    box = mailbox_of(request)
    about: dict[str, object] = {"counted": rulewords.counted(box), "most": MAX_RULES, "targets": MAX_TARGETS}
    try:
        kept = wishes.of(box, keys())
    except CannotProvision as problem:
        return render(request, "owner/filters.html", about | {"unreadable": spoken.refusal(problem)})
    silent = agreements.waiting(box, kept.standing.rules, key=forwardwork.key(settings.ENVIRON), now=timezone.now())
    about["silent"] = silent
    rows = [
        {"rule": one, "number": number, "asked": list(rulewords.asked(one)), "done": list(rulewords.done(one))}
        for number, one in enumerate(kept.standing.rules, 1)
    ]
    return render(request, "owner/filters.html", about | {"rows": rows, "version": kept.version})


@require_http_methods(["GET", "POST"])
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """One more, behind the others."""
    kept = _kept(request)
    return redirect("filters") if kept is None else _form(request, kept, None)


@require_http_methods(["GET", "POST"])
@never_cache
def change(request: HttpRequest, number: int) -> HttpResponse:
    """Another text for the filter in that place."""
    kept = _kept(request)
    if kept is None:
        return redirect("filters")
    if not 1 <= number <= len(kept.standing.rules):
        raise Http404
    return _form(request, kept, number)


def _kept(request: HttpRequest) -> Kept | None:
    """None where they cannot be opened: the list says so, and what to do."""
    try:
        return wishes.of(mailbox_of(request), keys())
    except CannotRead:
        return None


def _form(request: HttpRequest, kept: Kept, number: int | None) -> HttpResponse:
    box, rules = mailbox_of(request), kept.standing.rules
    slots = FIRST if number is None else len(rules[number - 1].conditions) + 1
    initial = {"stop": True} if number is None else shown(rules[number - 1])
    again = typed.again(request)
    initial |= {"version": kept.version} | again
    fields = request.POST.copy() if request.method == "POST" else None
    form = FilterForm(fields, slots=max(slots, slots_in(again)), initial=initial)
    if request.method == "POST" and form.is_valid() and (made := form.made()) is not None:
        place = len(rules) if number is None else number - 1
        wanted = (*rules[:place], made, *rules[place + 1 :])
        try:
            answer = once.run(request, lambda: _saved(box, wanted, form.cleaned_data["version"]))
        except ChangedMeanwhile:
            form.add_error(None, _changed())
            renumber(fields, kept)
        except CannotProvision as problem:
            form.add_error(None, spoken.refusal(problem))
        else:
            _ask_new(request, wanted)
            return answer
    about = {"form": form, "number": number, "slots": form.slots}
    return render(request, "owner/filter.html", about, status=REFUSED if form.is_bound else 200)


def renumber(fields: QueryDict | None, kept: Kept) -> None:
    """Let the form that is shown again be one about what there is now."""
    if fields is not None:
        fields["version"] = str(kept.version)


def _saved(box: Mailbox, rules: Rules, version: int) -> str:
    wishes.set_rules(box, rules, keys(), version=version)
    return "/mailbox/filters/"


def _ask_new(request: HttpRequest, rules: Rules) -> None:
    """Write to addresses elsewhere that were not asked yet; the list says for which a letter is under way."""
    try:
        asked = forwardwork.ask_new(settings.ENVIRON, mailbox_of(request), rules, timezone.now())
    except AskedEnough as problem:
        messages.error(request, spoken.refusal(problem))
        return
    except StoreError:
        messages.error(request, _("The letter to that address could not be sent now. Send it from here in an hour."))
        return
    if asked:
        messages.success(request, _("That address gets a letter. Mail is sent on when somebody there has agreed."))


@require_POST
@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    """Send the letter to an address of one's own filters again."""
    kept, now = _kept(request), timezone.now()
    box, environ = mailbox_of(request), settings.ENVIRON
    silent = agreements.waiting(box, kept.standing.rules, key=forwardwork.key(environ), now=now) if kept else []
    if request.POST.get("address") not in {one.address for one in silent}:
        # It has agreed meanwhile, or no filter names it any more.
        return redirect("filters")
    try:
        forwardwork.ask(environ, box, request.POST["address"], now)
    except AskedEnough as problem:
        messages.error(request, spoken.refusal(problem))
    except StoreError:
        messages.error(request, _("The letter to that address could not be sent now. Send it from here in an hour."))
    else:
        messages.success(request, _("The letter is on its way once more. The link in an older one has ended."))
    return redirect("filters")


def _changed() -> str:
    return _("Your filters were changed in another window meanwhile. Look at what you typed, and save it again.")


@require_POST
@never_cache
def move(request: HttpRequest, number: int) -> HttpResponse:
    """One place up."""
    kept = _kept(request)
    rules = kept.standing.rules if kept else ()
    if 2 <= number <= len(rules):
        order = [*rules[: number - 2], rules[number - 1], rules[number - 2], *rules[number:]]
        _put(request, tuple(order))
    return redirect("filters")


@require_POST
@never_cache
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Take one away."""
    kept = _kept(request)
    rules = kept.standing.rules if kept else ()
    if not 1 <= number <= len(rules):
        raise Http404
    if _put(request, (*rules[: number - 1], *rules[number:])):
        # Its name is not said: messages wait in a cookie or a session, and a name may be somebody's.
        messages.success(request, _("The filter is gone."))
    return redirect("filters")


def _put(request: HttpRequest, rules: Rules) -> bool:
    """Whether it was done; a button of a list that is out of date does nothing."""
    version = request.POST.get("version", "")
    try:
        wishes.set_rules(mailbox_of(request), rules, keys(), version=int(version) if version.isdecimal() else -1)
    except ChangedMeanwhile:
        messages.warning(request, _("Your filters were changed in another window meanwhile. This is how they are now."))
        return False
    except CannotProvision as problem:
        # One that was right when it was saved: where it sends copies has become an address of this mailbox since.
        messages.error(request, spoken.refusal(problem))
        return False
    return True
