"""Who may come to an address of the programming interface: the gate's part of it.

In: a request and its row of the access table. Out: nothing where the token may pass, else the problem. The refusals for
an address of another tenant and for one that does not exist are the same bytes after the same queries. What an
operator's token does to a tenant is asked of the tenant's policy and written down for it, as on the console.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jurisdiction.records import operators, policies
from webadmin import operating
from webadmin.api import problems, rights, tokens
from webadmin.api.models import ApiToken
from webadmin.cell import notarial
from webadmin.cell.keyfiles import read_or_make
from webadmin.web import access
from webadmin.web.access import Caller, Role, Row, Verdict

MAX_HEADER: Final = 200  # letters of an Authorization header; a token has 33
# RFC 6750 §3: how to ask for a token.
_ASKS: Final = {"WWW-Authenticate": 'Bearer realm="skerry"'}


def admit(request: HttpRequest, row: Row, name: str, tenant: str) -> HttpResponse | None:
    """None: the token may pass, and `token_of` and `text_of` have it."""
    text = _text(request)
    found = tokens.find(text, key=_key(), today=timezone.now().date()) if text else None
    method = str(request.method)
    verdict = access.decide(row, _caller(found), tenant, method)
    match verdict:
        case Verdict.ALLOW:
            assert found is not None
            request.META[_TOKEN] = found
            request.META[_TEXT] = text
            return _told_to_the_tenant(found, row, method, name, tenant)
        case Verdict.SIGN_IN:
            return problems.answer(problems.NO_TOKEN, headers=_ASKS)
        case Verdict.NO_METHOD:
            return problems.answer(problems.NO_METHOD, headers={"Allow": ", ".join(sorted(row.rights))})
        case Verdict.FORBIDDEN:
            return problems.answer(problems.NO_RIGHT, f"this needs the right {row.rights[method]}")
        case Verdict.STATE:
            return problems.answer(problems.STATE_FIRST)
        case _:
            return problems.answer(problems.NOT_FOUND)


_TOKEN: Final = "skerry.token"  # noqa: S105  # a key of the request's own table
_TEXT: Final = "skerry.token-text"


def token_of(request: HttpRequest) -> ApiToken:
    """The token that this request was admitted with."""
    found = request.META[_TOKEN]
    assert isinstance(found, ApiToken)
    return found


def text_of(request: HttpRequest) -> str:
    """The same as its holder has it, which is stored nowhere."""
    return str(request.META[_TEXT])


def act(request: HttpRequest, tenant: str, what: str, *, dangerous: bool = False) -> None:
    """Ask a tenant's policy and write the act down, where an operator's program acts. Raises Refused, NoPolicy."""
    row, now = token_of(request), timezone.now()
    if row.tenant is not None:
        return
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    operating.act_by_token(row.operator, settings.ENVIRON, notary, now, tenant, what, dangerous=dangerous)


def _told_to_the_tenant(found: ApiToken, row: Row, method: str, name: str, tenant: str) -> HttpResponse | None:
    """An operator's token at a tenant's address."""
    if not tenant or found.tenant is not None:
        return None
    now = timezone.now()
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    right = row.rights[method]
    what = f"api {found.name[:20]}: {method} {name.removeprefix('api:')}"
    try:
        operating.act_by_token(
            found.operator, settings.ENVIRON, notary, now, tenant, what, dangerous=right in rights.DANGEROUS
        )
    except policies.NoPolicy:
        return problems.answer(problems.NOT_FOUND)
    except operators.Refused as refused:
        return problems.answer(problems.KEPT_OUT, str(refused))
    return None


def _caller(found: ApiToken | None) -> Caller:
    if found is None:
        return Caller()
    held = rights.parsed(found.rights)
    if found.tenant is not None:
        return Caller(frozenset({Role.TENANT_ADMIN}), found.tenant.slug, rights=held)
    stated = operating.has_stated(found.operator, settings.ENVIRON, timezone.now())
    return Caller(frozenset({Role.OPERATOR}), stated=stated, rights=held)


def _text(request: HttpRequest) -> str:
    """The token in the header, empty where there is none."""
    header = request.headers.get("Authorization", "")
    kind, _space, text = header.partition(" ") if len(header) <= MAX_HEADER else ("", "", "")
    # RFC 9110 §11.1: the scheme's letters may be of any case.
    return text.strip() if kind.lower() == "bearer" else ""


def _key() -> bytes:
    return read_or_make(settings.ENVIRON.keys / tokens.KEY_FILE)
