"""The interface as django-ninja has it, and its description: problems under their own media type, keys of POSTs.

django-ninja writes one media type for every answer and knows nothing of what is around the views; what the door and the
gate add is added to the description here, so that it says what really happens.
"""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer

from webadmin.api import admission, problems, repeats
from webadmin.api.models import ApiToken

_JSON: Final = "application/json"
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request again within a day: done once, and the first answer comes again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": repeats.MAX_KEY, "pattern": "^[!-~]+$"},
}


class Bearer(HttpBearer):
    """The gate has looked at the token; this puts it into the description."""

    def authenticate(self, request: HttpRequest, _token: str) -> ApiToken:
        """The token that the gate let pass."""
        return admission.token_of(request)


class Interface(NinjaAPI):
    """django-ninja's own, with what is around its views in the description."""

    _described: OpenAPISchema | None = None

    def get_openapi_schema(self, **words: Any) -> OpenAPISchema:
        """The description of everything, put together once: everybody may ask for it."""
        if self._described is None:
            self._described = self._with_what_is_around(super().get_openapi_schema(**words))
        return self._described

    def _with_what_is_around(self, schema: OpenAPISchema) -> OpenAPISchema:
        for path in schema["paths"].values():
            for method, operation in path.items():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        answer["content"] = {problems.MEDIA_TYPE: answer["content"][_JSON]}
                if method == "post":
                    operation.setdefault("parameters", []).append(_KEY)
        return schema


def interface() -> Interface:
    """The interface, still without views."""
    made = Interface(
        title="Skerry",
        version="1",
        description="Tenants, domains, mailboxes, policy and log of a cell. `docs/api.md` shows a session with curl.",
        openapi_url="/openapi.json",
        docs_url=None,
        urls_namespace="api",
        auth=Bearer(),
    )
    for error in problems.EXPECTED:
        made.add_exception_handler(error, _refused)
    made.add_exception_handler(ValidationError, _invalid)
    made.add_exception_handler(HttpError, _not_understood)
    made.add_exception_handler(Http404, _not_found)
    return made


def _refused(_request: HttpRequest, refusal: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(refusal, Exception)
    return problems.of(refusal)


def _invalid(_request: HttpRequest, refusal: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(refusal, ValidationError)
    where = [
        {"where": ".".join(str(part) for part in one["loc"] if part != "wanted"), "what": str(one["msg"])}
        for one in refusal.errors
    ]
    return problems.answer(
        problems.BAD_INPUT, "; ".join(f"{one['where']}: {one['what']}" for one in where), where=where
    )


def _not_understood(_request: HttpRequest, refusal: Exception | type[Exception]) -> HttpResponse:
    return problems.answer(problems.NOT_UNDERSTOOD, str(refusal))


def _not_found(_request: HttpRequest, _refusal: Exception | type[Exception]) -> HttpResponse:
    return problems.answer(problems.NOT_FOUND)
