"""A tenant's wishes about jurisdiction: which countries, which owners, which laws.

A policy is a small versioned value. It is written as TOML by a person, stored and hashed as canonical JSON, and
signed with the cell's Ed25519 key, so that a worker can check that the rules it was started with are the tenant's.
Empty lists mean what they say: an empty `allow` allows no country, an empty `deny_blocs` denies no bloc. The order
of denied blocs is kept, because reasons name the first one that applies.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from jurisdiction.atlas import Atlas
from jurisdiction.fields import Fields
from jurisdiction.phrases import Country, Name, Phrase, phrase
from jurisdiction.problems import Problem, ProblemsError

EGRESS_RULES: Final = ("refuse", "hold", "link")
ACCESS_MODES: Final = ("sealed", "session")
MAX_RETENTION_DAYS: Final = 36_500  # a hundred years; anything longer is a slip of the keyboard
CONTEXT: Final = b"skerry-policy-v1\n"


class PolicyErrors(ProblemsError):
    """The policy cannot be used; `problems` lists everything that is wrong with it."""


class PolicyForged(Exception):
    """The signature under a policy is not the cell's."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Country codes and bloc ids; `egress_rule` says what happens to plaintext for a denied bloc: `refuse` with a
    bounce, `hold` for the sender, `link` to a page of the cell. `retention_days` is a wish that nothing enforces
    (decision 32); 0 means until deleted."""

    allow: tuple[str, ...] = ()
    deny_blocs: tuple[str, ...] = ()
    deny_controller_blocs: tuple[str, ...] = ()
    backup_allow: tuple[str, ...] = ()
    egress_plain_deny_blocs: tuple[str, ...] = ()
    operator_allow: tuple[str, ...] = ()
    deny_facts: tuple[str, ...] = ()
    egress_rule: str = "refuse"
    consent: bool = False
    access: tuple[str, ...] = ACCESS_MODES
    retention_days: int = 0
    version: int = 1
    preset: str = ""

    def canonical(self) -> bytes:
        """JSON with sorted keys and no spaces, UTF-8: the same bytes for the same policy everywhere."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def digest(self) -> str:
        """SHA-256 in hex over the canonical form, with a prefix that says what it is."""
        return hashlib.sha256(CONTEXT + self.canonical()).hexdigest()

    def successor(self, **changes: object) -> "Policy":
        """The changed policy with the next version number."""
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SignedPolicy:
    policy: Policy
    signature: bytes


def sign(policy: Policy, key: SigningKey) -> SignedPolicy:
    return SignedPolicy(policy, key.sign(CONTEXT + policy.canonical()).signature)


def verify(signed: SignedPolicy, key: VerifyKey) -> Policy:
    """The policy, if the cell signed it. Raises `PolicyForged`."""
    try:
        key.verify(CONTEXT + signed.policy.canonical(), signed.signature)
    except (BadSignatureError, ValueError) as error:
        raise PolicyForged("The policy was not signed by this cell; restore the signed one") from error
    return signed.policy


def read(table: Mapping[str, object], atlas: Atlas, name: str = "policy", file: str = "policy.toml") -> Policy:
    """A tenant's policy from TOML or JSON. Raises `PolicyErrors` with every problem."""
    problems: list[Problem] = []
    entry = Fields(table, file, name, problems)
    policy = read_fields(entry, atlas)
    for code in ("allow", "backup_allow", "operator_allow"):
        if not getattr(policy, code):
            entry.problem(f"{code} is empty", "Name at least one country, or nothing can ever be done")
    for key in policy.deny_facts:
        if key not in atlas.keys:
            entry.problem(f"deny_facts names the unknown key {key!r}", "Use a key of the facts' vocabulary")
    if "sealed" not in policy.access:
        entry.problem("access leaves out sealed", "Sealed access exposes nothing and is always allowed")
    if problems:
        raise PolicyErrors(problems)
    return policy


def warnings(policy: Policy, atlas: Atlas, on: date) -> tuple[Phrase, ...]:
    """What the policy's letter does not do although it may be meant so. Deny beats allow, so none is a mistake."""
    countries = dict.fromkeys((*policy.allow, *policy.backup_allow))
    owners = [bloc for bloc in policy.deny_controller_blocs if bloc not in policy.deny_blocs]
    denied = [
        phrase(
            "{country} is allowed and at the same time denied as a member of the {bloc}: it stays denied.",
            country=Country(country),
            bloc=Name(atlas.blocs[bloc].name),
        )
        for country in countries
        for bloc in policy.deny_blocs
        if atlas.in_bloc(country, bloc, on)
    ]
    owned = [
        phrase(
            "{country} is allowed as a place although owners from the {bloc} are denied: its own companies may run "
            "machines there. Deny it as a place too if that is not meant.",
            country=Country(country),
            bloc=Name(atlas.blocs[bloc].name),
        )
        for country in countries
        for bloc in owners
        if atlas.in_bloc(country, bloc, on)
    ]
    wished = [
        phrase(
            "The policy wants mail kept for {days} days. That is a wish: nothing here deletes mail by its age, its "
            "owner does.",
            days=policy.retention_days,
        )
    ]
    return (*denied, *owned, *(wished if policy.retention_days else ()))


def read_fields(entry: Fields, atlas: Atlas) -> Policy:
    """Reads what is written and leaves the rest empty; problems go to the entry. Worked cases use this form."""
    blocs = {name: entry.texts(name, required=False) for name in BLOC_LISTS}
    for name, ids in blocs.items():
        for bloc in ids:
            if bloc not in atlas.blocs:
                known = ", ".join(sorted(atlas.blocs))
                entry.problem(f"{name} names the unknown bloc {bloc!r}", f"Known blocs are: {known}")
    access = entry.texts("access", required=False) or ACCESS_MODES
    for mode in access:
        if mode not in ACCESS_MODES:
            entry.problem(f"access names {mode!r}", f"Use {' and '.join(ACCESS_MODES)}")
    policy = Policy(
        allow=entry.countries("allow", atlas.countries, required=False),
        backup_allow=entry.countries("backup_allow", atlas.countries, required=False),
        operator_allow=entry.countries("operator_allow", atlas.countries, required=False),
        deny_facts=entry.texts("deny_facts", required=False),
        egress_rule=entry.choice("egress_rule", EGRESS_RULES, "refuse"),
        consent=entry.flag("consent"),
        access=access,
        retention_days=entry.whole("retention_days", minimum=0, maximum=MAX_RETENTION_DAYS, default=0),
        version=entry.whole("version", minimum=1, maximum=2**31, default=1),
        preset=entry.text("preset", ""),
        **blocs,
    )
    entry.done()
    return policy


BLOC_LISTS: Final = ("deny_blocs", "deny_controller_blocs", "egress_plain_deny_blocs")
