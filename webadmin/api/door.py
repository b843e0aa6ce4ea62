"""What is around every view of the interface: how large a request may be, how fast they may come, POSTs done once.

Who may come was decided before, by the gate (`admission`). In: a view of django-ninja. Out: the same view behind the
door; it answers in JSON or with a problem, whatever happens.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.utils import timezone

from webadmin.api import admission, problems, rates, repeats
from webadmin.tenants import journal
from webadmin.web import access

log = logging.getLogger(__name__)

type View = Callable[..., HttpResponse]

MAX_BODY: Final = 64 * 1024  # octets; a group of five hundred addresses has half of that
BUCKETS: Final = rates.of_cell(settings.ENVIRON)


def behind(view: View) -> View:
    """The view behind the door."""

    @wraps(view)
    def entered(request: HttpRequest, *arguments: Any, **words: Any) -> HttpResponse:
        wait = BUCKETS.take(admission.token_of(request).pk, time.time())
        if wait:
            return problems.answer(problems.TOO_FAST, headers={"Retry-After": str(math.ceil(wait))})
        refused = _refused_body(request)
        if refused is not None:
            return refused

        def act() -> HttpResponse:
            answer = view(request, *arguments, **words)
            if answer.status_code < 400:
                _tell_the_tenant(request)
            return answer

        if request.method == "POST" and "Idempotency-Key" in request.headers:
            return _once(request, act)
        return _kept_private(act())

    return entered


def _tell_the_tenant(request: HttpRequest) -> None:
    """What a tenant's own program changed stands in its list of acts; what an operator's did, the gate entered."""
    row, match = admission.token_of(request), request.resolver_match
    rule = access.row_of(match.view_name) if match else None
    right = rule.rights.get(str(request.method)) if rule else None
    if row.tenant is not None and match is not None and right is not None and not right.endswith(":read"):
        about = f"{request.method} {match.url_name}"
        journal.note(row.tenant, row.name, "program", timezone.now(), about=about)


def _refused_body(request: HttpRequest) -> HttpResponse | None:
    try:
        size = len(request.body)
    except (RequestDataTooBig, RawPostDataException):
        size = MAX_BODY + 1
    if size > MAX_BODY:
        return problems.answer(problems.TOO_LARGE, f"a body has at most {MAX_BODY} octets")
    if size and request.content_type != "application/json":
        return problems.answer(problems.NOT_JSON)
    return None


def _once(request: HttpRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
    key = request.headers["Idempotency-Key"]
    if not repeats.is_key(key):
        text = f"an idempotency key is 1 to {repeats.MAX_KEY} visible letters of ASCII"
        return problems.answer(problems.BAD_INPUT, text)
    made: list[HttpResponse] = []

    def done() -> tuple[int, bytes]:
        made.append(act())
        return made[0].status_code, made[0].content

    try:
        status, body = repeats.once(admission.text_of(request), key, request.path, request.body, timezone.now(), done)
    except repeats.KeyUsed:
        return problems.answer(problems.KEY_USED)
    except repeats.UnderWay:
        return problems.answer(problems.UNDER_WAY)
    first = made[0] if made else HttpResponse(body, status=status, content_type="application/json; charset=utf-8")
    return _kept_private(first)


def _kept_private(answer: HttpResponse) -> HttpResponse:
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
