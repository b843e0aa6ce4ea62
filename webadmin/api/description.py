"""The interface as django-ninja has it, and its description: problems under their own media type, keys of POSTs.

django-ninja writes one media type for every answer and knows nothing of what is around the views; what the door and the
gate add is added to the description here, so that it says what really happens.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.schema import NinjaGenerateJsonSchema
from ninja.security import HttpBearer

from webadmin.api import admission, problems, repeats
from webadmin.api.models import ApiToken
from webadmin.api.shapes import ProblemOut

# Every problem that any address may answer with; each answer says which it is. Told once here and not to each view:
# django-ninja would make a class for every status of every view, most of what loading the web took.
REFUSED: Final = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
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
        problem = ProblemOut.model_json_schema(
            ref_template=REF_TEMPLATE, schema_generator=NinjaGenerateJsonSchema, mode="serialization"
        )
        schema["components"]["schemas"] |= problem.pop("$defs") | {"ProblemOut": problem}
        told = {problems.MEDIA_TYPE: {"schema": {"$ref": REF_TEMPLATE.format(model="ProblemOut")}}}
        refused = {status: {"description": HTTPStatus(status).phrase, "content": told} for status in REFUSED}
        for path in schema["paths"].values():
            for method, operation in path.items():
                operation["responses"] |= refused
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
