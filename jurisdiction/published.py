"""Servers that others find by DNS: may ours be published, and may mail go to theirs?

A walk through DNS (who does it is the caller's business) ends at addresses, each with what geolocation says of it and
who is known to hold it. What is published for a tenant (MX, name servers and their glue, targets of CNAME, what an
SPF record includes) is placed there like anything else, and every one of them must be allowed. A message may be
handed to any of a domain's mail exchangers, so the strictest answer over all of them counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.decisions import decide, survey_of
from jurisdiction.fields import UNKNOWN
from jurisdiction.geo import AGREE, Located
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Egress, Moment, Place, Verdict

# What each kind of record places: an asset of the vocabulary.
ROLES: Final = {"mx": "mx", "ns": "dns", "glue": "dns", "cname": "dns", "spf": "egress-ip", "web": "web"}
STRICTNESS: Final = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.DENY: 2}
NOWHERE: Final = Decision(Verdict.DENY, (r.LOC_UNKNOWN,))


@dataclass(frozen=True, slots=True)
class Server:
    """One address that a record leads to. `controllers` are the countries of its holder and of everyone who controls
    it; empty when nobody is known."""

    role: str
    name: str
    located: Located
    controllers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was decided about one server."""

    server: Server
    decision: Decision


def may_publish(
    servers: Sequence[Server], policy: Policy, atlas: Atlas, now: date | datetime | Moment
) -> tuple[Decision, tuple[Finding, ...]]:
    """The strictest decision and all of them. A walk that found no server allows nothing. Raises KeyError for an
    unknown role."""
    survey = survey_of(atlas)
    found = tuple(Finding(server, decide(_place(server), policy, atlas, survey, now)) for server in servers)
    return strictest([finding.decision for finding in found]), found


def may_leave(
    servers: Sequence[Server],
    policy: Policy,
    atlas: Atlas,
    now: date | datetime | Moment,
    *,
    mode: str,
    consent: bool = False,
) -> tuple[Decision, tuple[Finding, ...]]:
    """Whether a message may be handed to a domain with these mail exchangers, and the decision about each."""
    survey = survey_of(atlas)
    found = []
    for server in servers or (_unknown_server(),):
        question = Egress(_country(server), server.controllers, mode, consent, policy.consent)
        found.append(Finding(server, decide(question, policy, atlas, survey, now)))
    return strictest([finding.decision for finding in found]), tuple(found)


def strictest(decisions: Sequence[Decision]) -> Decision:
    """The first of the strictest: deny beats hold beats allow. Nothing at all is denied."""
    return max(decisions, key=lambda decision: STRICTNESS[decision.verdict], default=NOWHERE)


def _place(server: Server) -> Place:
    return Place(ROLES[server.role], _country(server), server.controllers, geo=server.located.verdict)


def _country(server: Server) -> str:
    return server.located.country if server.located.verdict == AGREE else UNKNOWN


def _unknown_server() -> Server:
    return Server("mx", "", Located("unknown", UNKNOWN, UNKNOWN, UNKNOWN, "the walk found no server"))
