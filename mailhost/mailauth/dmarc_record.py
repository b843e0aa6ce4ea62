"""A DMARC policy record as a value: `v=DMARC1; p=quarantine; rua=mailto:dmarc@example.is` (RFC 9989 §4.7, §4.8).

In: the text of a TXT record at `_dmarc.` and a domain. Out: a `Record`, or None where it is none. RFC 9989 forgives:
unknown tags are ignored, and a value that is wrong counts as its default. Only two things decide whether there is a
record at all: `v=DMARC1` stands first, and p= (with sp= and np=) is valid or somebody is named to report to.

RFC 7489's pct= is history (RFC 9989 §9.3); pct=0 was how a test was spelled before t=y, and still is understood so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mailhost.mailauth.tagvalue import BadTagList, parse_tags, write_tags

# Room for a dozen report addresses; a longer record is no record.
MAX_RECORD = 4096
# Reports are sent to this many addresses at most; RFC 9990 lets a sender of reports set a limit.
MAX_URIS = 10

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")
# RFC 9989 §4.8: a URI with an obsolete size limit behind it. Only mailto is supported.
_MAILTO = re.compile(r"mailto:([^\s,;!?]+@[^\s,;!?@]+)(?:!\d+[kmgt]?)?", re.IGNORECASE)


class Policy(StrEnum):
    """What a domain owner asks for (RFC 9989 §4.7 p=), in rising strictness."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


_MILDER = {Policy.REJECT: Policy.QUARANTINE, Policy.QUARANTINE: Policy.NONE, Policy.NONE: Policy.NONE}


@dataclass(frozen=True, slots=True)
class Record:
    """RFC 9989 §4.7. `psd` is "y", "n" or "u"; `reports` and `failure_reports` are addresses."""

    policy: Policy
    subdomains: Policy | None = None
    missing_subdomains: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    psd: str = "u"
    reports: tuple[str, ...] = ()
    failure_reports: tuple[str, ...] = ()

    def for_domain(self, *, own: bool, exists: bool) -> Policy:
        """The policy for the domain of the record itself (`own`), or for a subdomain that exists or does not
        (RFC 9989 §4.10.1), softened by one step while the owner is testing (RFC 9989 §4.7 t=)."""
        asked = self.policy
        if not own:
            asked = self.subdomains or self.policy
            if not exists:
                asked = self.missing_subdomains or asked
        return _MILDER[asked] if self.testing else asked


def is_dmarc(text: bytes) -> bool:
    """Whether a TXT record claims to be one: v=DMARC1 stands first (RFC 9989 §4.7 v=)."""
    return bool(_VERSION.match(text[:100].decode("utf-8", "replace")))


def parse_record(text: bytes) -> Record | None:
    """The policy in a record for which `is_dmarc` is true; None where it asks for nothing that could be done."""
    if len(text) > MAX_RECORD:
        return None
    tags = _tags(text.decode("utf-8", "replace"))
    reports = _uris(tags.get("rua", ""))
    asked = {name: _policy(tags[name]) for name in ("p", "sp", "np") if name in tags}
    if asked.get("p") is None or None in asked.values():
        # RFC 9989 §4.10.1: an invalid policy counts as p=none if somebody wants reports, else there is no DMARC.
        if not reports:
            return None
        asked = {"p": Policy.NONE}
    return Record(
        asked["p"] or Policy.NONE,
        asked.get("sp"),
        asked.get("np"),
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        testing=tags.get("t", "").lower() == "y" or ("t" not in tags and tags.get("pct") == "0"),
        psd=tags.get("psd", "u").lower() if tags.get("psd", "u").lower() in {"y", "n"} else "u",
        reports=reports,
        failure_reports=_uris(tags.get("ruf", "")),
    )


def _tags(text: str) -> dict[str, str]:
    """The tags that can be read (RFC 9989 §4.8: errors are discarded), names in lower case, the first of each."""
    try:
        return {name.lower(): value for name, value in reversed(parse_tags(text).items())}
    except BadTagList:
        tags: dict[str, str] = {}
        for spec in text.split(";"):
            name, equals, value = spec.partition("=")
            if equals:
                tags.setdefault(name.strip().lower(), value.strip())
        return tags


def _policy(value: str) -> Policy | None:
    try:
        return Policy(value.lower())
    except ValueError:
        return None


def _uris(value: str) -> tuple[str, ...]:
    found = (_MAILTO.fullmatch(part.strip()) for part in value.split(","))
    return tuple(uri[1] for uri in found if uri)[:MAX_URIS]


def write_record(policy: Policy, *, reports: str = "", testing: bool = False) -> str:
    """The text of a record of our own."""
    tags = {"v": "DMARC1", "p": str(policy)}
    if testing:
        tags["t"] = "y"
    if reports:
        tags["rua"] = f"mailto:{reports}"
    return write_tags(tags)
