"""A tenant's policy: what it says, in words, what another would mean, what a change in the law would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from jurisdiction.explain import explain
from jurisdiction.policy import Policy, read, warnings
from jurisdiction.presets import PRESETS
from jurisdiction.records import leases, policies, supposed
from jurisdiction.sentences import in_english
from mailhost.models import AppPassword
from mailhost.provision import policy as provisioned
from mailhost.provision.errors import BadName
from webadmin.api import shapes
from webadmin.api.views.answers import Cell, cell, of, tenant_of
from webadmin.signup import choices

router = Router(tags=["policy"])
LAW = "/tenants/{slug:tenant}/policy"


def chosen(preset: str | None, here: Cell) -> Policy | None:
    """A ready-made policy by its name; `home` is the cell's country and no more. Raises BadName."""
    if preset is None:
        return None
    notary = here.notary
    try:
        return choices.policy_of(preset, notary.home, notary.atlas, here.now.date())
    except KeyError:
        there = ", ".join([choices.HOME, *PRESETS])
        raise BadName(f"there is no preset {preset!r}; there are: {there}") from None


def _wanted(given: shapes.PolicyIn, here: Cell) -> Policy:
    """Raises BadName, PolicyErrors."""
    if (given.preset is None) == (given.policy is None):
        raise BadName("give one of `preset` and `policy`")
    if given.policy is not None:
        return read(given.policy.model_dump(mode="json"), here.notary.atlas, file="the request")
    found = chosen(given.preset, here)
    assert found is not None
    return found


@router.get(LAW, url_name="policy", response=of(shapes.PolicyOut))
def show_policy(request: HttpRequest, tenant: str) -> Any:
    """The policy in force, every version, and the leases and incidents that follow from it."""
    own, here = tenant_of(tenant), cell()
    policy = policies.in_force(own.slug, here.notary.key.verify_key)
    return {
        "tenant": own.slug,
        "version": policy.version,
        "digest": policy.digest(),
        "policy": json.loads(policy.canonical()),
        "versions": [
            {"version": row.version, "adopted": row.adopted, "digest": row.digest} for row in policies.history(own.slug)
        ],
        "leases": [asdict(one) for one in leases.listing(own.slug)],
        "incidents": [asdict(one) for one in leases.incidents(own.slug)],
    }


@router.put(LAW, url_name="policy", response=of(shapes.AdoptedOut))
def set_policy(request: HttpRequest, tenant: str, wanted: shapes.PolicyIn) -> Any:
    """Put another policy in force; refused, with the reason, where the mail could not stay in this cell."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    made = provisioned.adopt(own.slug, _wanted(wanted, here), notary, here.now)
    return {
        "tenant": own.slug,
        "version": made.policy.version,
        "digest": made.policy.digest(),
        "warnings": _warnings(made.policy, here),
        "revoked": made.revoked,
    }


def _warnings(policy: Policy, here: Cell) -> list[str]:
    atlas = here.notary.atlas
    return [in_english([one], atlas) for one in warnings(policy, atlas, here.now.date())]


def _explained(tenant: str, policy: Policy, here: Cell) -> dict[str, Any]:
    notary = here.notary
    note = explain(policy, notary.atlas, notary.home, here.now.date())
    return {
        "tenant": tenant,
        "title": in_english([note.title], notary.atlas),
        "sections": [
            {
                "title": in_english([one.title], notary.atlas),
                "sentences": [
                    {"text": in_english(two.said, notary.atlas), "sources": list(two.sources)} for two in one.paragraphs
                ],
            }
            for one in note.sections
        ],
        "sources": {
            one: {"title": notary.atlas.sources[one].title, "url": notary.atlas.sources[one].url}
            for one in note.sources()
        },
    }


@router.get(f"{LAW}/explain", url_name="policy-explain", response=of(shapes.ExplainedOut))
def explain_policy(request: HttpRequest, tenant: str) -> Any:
    """The policy in force in words, with the law behind every sentence."""
    own, here = tenant_of(tenant), cell()
    return _explained(own.slug, policies.in_force(own.slug, here.notary.key.verify_key), here)


@router.post(f"{LAW}/weigh", url_name="policy-change", response=of(shapes.ExplainedOut))
def weigh_policy(request: HttpRequest, tenant: str, wanted: shapes.PolicyIn) -> Any:
    """What another policy would mean, and which app passwords would end with it. Nothing is changed."""
    own, here = tenant_of(tenant), cell()
    policy = _wanted(wanted, here)
    ending = AppPassword.objects.filter(mailbox__tenant=own, revoked=None).exclude(access__in=policy.access)
    return _explained(own.slug, policy, here) | {
        "warnings": _warnings(policy, here),
        "ending": ending.count(),
    }


class ChangeIn(Schema):
    """A change that is supposed; nothing: what the dated facts have in store already."""

    country: shapes.Code | None = None
    fact: shapes.Word | None = None
    bloc: shapes.Bloc | None = None
    entity: shapes.Word | None = None
    owner: Annotated[str, Field(pattern="^([A-Z]{2}(,[A-Z]{2}){0,19})?$")] = ""
    on: shapes.Day | None = None


@router.get(f"{LAW}/what-if", url_name="policy-what-if", response=of(list[shapes.EffectOut]))
def what_if(request: HttpRequest, tenant: str, change: Query[ChangeIn]) -> Any:
    """Whether the tenant's mail could stay if a law began, a country joined a bloc, an owner changed."""
    own, here = tenant_of(tenant), cell()
    notary, today = here.notary, here.now.date()
    owners = tuple(change.owner.split(",")) if change.owner else ()
    given = supposed.Given(change.country, change.fact, change.bloc, change.entity, owners, change.on or today)
    held = policies.these_in_force([own.slug], notary.key.verify_key)
    return [asdict(row) for row in supposed.answers(given, notary, today, held.items())]
