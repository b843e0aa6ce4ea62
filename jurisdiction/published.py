"""Servers that others find by DNS: may ours be published, and may mail go to theirs?

A walk through DNS (who does it is the caller's business) ends at addresses, each with what geolocation says of it and
who is known to hold it. What is published for a tenant (MX, name servers and their glue, targets of CNAME, what an
SPF record includes) is placed there like anything else, and every one of them must be allowed. A message may be
handed to any of a domain's mail exchangers, so the strictest answer over all of them counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.decisions import decide, survey_of
from jurisdiction.declared import Whereabouts
from jurisdiction.fields import UNKNOWN
from jurisdiction.geo import AGREE, Located
from jurisdiction.holders import Holders
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Egress, Moment, Place, Verdict

# What each kind of record places: an asset of the vocabulary.
ROLES: Final = {"mx": "mx", "ns": "dns", "glue": "dns", "cname": "dns", "spf": "egress-ip", "web": "web"}
STRICTNESS: Final = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.DENY: 2}
NOWHERE: Final = Decision(Verdict.DENY, (r.LOC_UNKNOWN,))


@dataclass(frozen=True, slots=True)
class Server:
    """One address that a record leads to. `controllers` are the countries of its holders and of everyone who controls
    them, "??" for what is not known; `entities` are the ids of the holders that are."""

    role: str
    name: str
    located: Located
    controllers: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()


def server_at(role: str, name: str, address: str, found: Whereabouts, holders: Holders, on: date) -> Server:
    """The server that stands at an address under a name. Owners whom an operator declares are taken at his word."""
    if found.owners is not None:
        return Server(role, name, found.located, found.owners)
    held = holders.of(name, address, on, found.asn)
    return Server(role, name, found.located, held.controllers, held.entities)


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
    standing: bool = False,
) -> tuple[Decision, tuple[Finding, ...]]:
    """Whether a message may be handed to a domain with these mail exchangers, and the decision about each. `consent` is
    its author's for this message, `standing` for all to its reader.

    Where a part is not known, the part that is known is asked about too: it may deny, it cannot allow.
    """
    survey = survey_of(atlas)
    found = []
    for server in servers or (_unknown_server(),):
        decisions = [
            decide(Egress(country, controllers, mode, consent, standing, policy.consent), policy, atlas, survey, now)
            for country, controllers in _knowledge(server)
        ]
        found.append(Finding(server, strictest(decisions)))
    return strictest([finding.decision for finding in found]), tuple(found)


def strictest(decisions: Sequence[Decision]) -> Decision:
    """The first of the strictest: deny beats hold beats allow. Nothing at all is denied."""
    return max(decisions, key=lambda decision: STRICTNESS[decision.verdict], default=NOWHERE)


def _knowledge(server: Server) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Country and controllers as they are, then only those that are known, if that is something else."""
    country = _country(server)
    yield country, server.controllers
    known = tuple(dict.fromkeys(code for code in (country, *server.controllers) if code != UNKNOWN))
    if known and (country == UNKNOWN or not server.controllers or UNKNOWN in server.controllers):
        yield known[0], known


def _place(server: Server) -> Place:
    return Place(ROLES[server.role], _country(server), server.controllers, geo=server.located.verdict)


def _country(server: Server) -> str:
    return server.located.country if server.located.verdict == AGREE else UNKNOWN


def _unknown_server() -> Server:
    return Server("mx", "", Located("unknown", UNKNOWN, UNKNOWN, UNKNOWN, "the walk found no server"))
