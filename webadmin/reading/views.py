"""A secure link's page, its opening and its answer, for whoever has the link's words; nobody signs in here.

Every token gets the same page, and every wrong pair of token and key the same refusal, counted under the token whether
or not it leads anywhere: after some mistakes each further one doubles the wait. Where a reader comes from is neither
looked at nor kept.

No cookie stands behind these addresses, so there is nothing that a form on another site could abuse: token and key are
in the request itself (`csrf_exempt`).
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from mailhost.adapters.blobs import FileBlobs
from mailhost.message.answer import SentFile
from mailhost.message.answer import answer as made_answer
from mailhost.provision import securelinks
from mailhost.provision.errors import WrongSecret
from mailhost.provision.securelinks import AnswersClosed, Opened
from mailhost.seal.link import AUTH_KEY_SIZE
from mailhost.wiring.posting import hand_in
from webadmin.accounts import entry, throttle
from webadmin.accounts.views.signing_in import WITH_KEYS
from webadmin.languages import spoken
from webadmin.processes import daemons

REFUSED: Final = 403
WAIT: Final = 429
MAX_TEXT: Final = 100_000  # characters of an answer: a long letter
MAX_FILES: Final = 10
_AUTH_KEY: Final = re.compile(rf"[0-9a-f]{{{2 * AUTH_KEY_SIZE}}}")


class Refused(Exception):
    """What becomes of a request that is not this link's reader's, or not now; the text is for the person."""

    def __init__(self, text: str, status: int = REFUSED) -> None:
        super().__init__(text)
        self.status = status

    @property
    def answer(self) -> JsonResponse:
        return JsonResponse({"error": str(self)}, status=self.status)


@require_safe
@never_cache
@csp_override(WITH_KEYS)
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The same page for every token: it says nothing about what is there before the words are."""
    today = timezone.now().date()
    offer = securelinks.offer(token, key=_key(), fake_key=entry.key("fake-salt.key"), today=today)
    salt = base64.b64encode(offer.salt).decode()
    about = {"salt": salt, "parameters": offer.parameters, "token": token, "max_files": MAX_FILES}
    return unseen(render(request, "reading/page.html", about))


@csrf_exempt
@require_POST
@never_cache
def open_(request: HttpRequest, token: str) -> HttpResponse:
    """The sealed message for its reader: an age file, with what the page has to know beside it in header fields."""
    now = timezone.now()
    try:
        found = _proven(token, _sent_key(request), now)
        content = securelinks.content(found, FileBlobs(settings.ENVIRON.blobs))
    except Refused as refused:
        return unseen(refused.answer)
    except WrongSecret:
        return unseen(_wrong().answer)
    takes = "files" if found.rules.attachments else "text"
    answer = HttpResponse(content, content_type="application/octet-stream")
    answer.headers["Skerry-Reference"] = found.reference
    answer.headers["Skerry-Last-Day"] = found.last_day.isoformat()
    answer.headers["Skerry-Answers"] = takes if found.rules.answers else "none"
    return unseen(answer)


@csrf_exempt
@require_POST
@never_cache
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """What the reader writes back: sealed to the author's mailbox at once, kept nowhere else."""
    now = timezone.now()
    try:
        found = _proven(token, request.POST.get("auth", ""), now)
        _hand_in(request, found, now)
    except Refused as refused:
        return unseen(refused.answer)
    return unseen(JsonResponse({"said": _("Your answer is in the mailbox it was for, sealed.")}))


def _hand_in(request: HttpRequest, found: Opened, now: datetime) -> None:
    text, files = request.POST.get("text", ""), request.FILES.getlist("files")
    if not text.strip() and not files:
        raise Refused(_("Write something first."), 422)
    if len(text) > MAX_TEXT or len(files) > MAX_FILES:
        words = _("An answer has at most %(text)s characters and %(files)s files.")
        raise Refused(words % {"text": MAX_TEXT, "files": MAX_FILES}, 422)
    try:
        securelinks.begin_answer(found, attachments=bool(files))
    except AnswersClosed as closed:
        raise Refused(spoken.refusal(closed)) from None
    record = found.record
    message = made_answer(
        reader=record.reader,
        to=record.shown,
        subject=request.POST.get("subject", ""),
        text=text,
        files=[_file(one) for one in files],
        reference=found.reference,
        message_id=f"{secrets.token_hex(16)}@{settings.ENVIRON.hostname}",
        answers=record.message_id,
        now=now,
    )
    results = f"x-secure-link=pass (words of link {found.reference})"
    delivered = False
    try:
        delivered = hand_in(daemons.surroundings(settings.ENVIRON), record.author, message, results)
    finally:
        if not delivered:
            securelinks.answer_failed(found)
    if not delivered:
        raise Refused(_("The mailbox cannot take it just now. What you wrote is still here; try again later."), 503)


def _file(one: UploadedFile[Any]) -> SentFile:
    return SentFile(one.name or "", one.content_type or "", one.read())


def _proven(token: str, auth_key: str, now: datetime) -> Opened:
    """The link, if the key is that of its words. Raises Refused."""
    counter = throttle.counter(f"secure link {token}", entry.key("fake-salt.key"))
    wait = throttle.attempt(counter, now)
    if wait:
        seconds = throttle.in_seconds(wait)
        words = ngettext(
            "Too many wrong words for this link. Wait %(n)s second and try again.",
            "Too many wrong words for this link. Wait %(n)s seconds and try again.",
            seconds,
        )
        raise Refused(words % {"n": seconds}, WAIT)
    sent = bytes.fromhex(auth_key) if _AUTH_KEY.fullmatch(auth_key) else bytes(AUTH_KEY_SIZE)
    try:
        found = securelinks.open_link(token, sent, key=_key(), today=now.date())
    except WrongSecret:
        raise _wrong() from None
    throttle.succeeded(counter)
    return found


def _wrong() -> Refused:
    return Refused(_("These are not the words of this link, or the link has ended. Compare them, or ask who sent it."))


def _sent_key(request: HttpRequest) -> str:
    try:
        given = json.loads(request.body)["auth"]
    except (ValueError, KeyError, TypeError):
        given = ""
    return given if isinstance(given, str) else ""


def _key() -> bytes:
    return entry.key("correspondent.key")


def unseen(answer: HttpResponse) -> HttpResponse:
    """Found by no search engine, and its address told to nobody; that it is kept nowhere, `never_cache` says."""
    answer.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
