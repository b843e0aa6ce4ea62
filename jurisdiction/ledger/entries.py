"""What the ledger says: one kind of entry per kind of act, with one encoding each.

An entry is a small value of texts, whole numbers and lists of texts. Its bytes are a context line and JSON with
sorted keys, no spaces and ASCII only; decoding refuses every other spelling, so that one entry has one hash. No
entry holds personal data in clear: people, sessions, machines and assets appear as keyed hashes, days instead of
times. A text with an @ or a space cannot be encoded at all.
"""

import json
import re
from dataclasses import dataclass, fields
from typing import Any, Final

CONTEXT: Final = b"skerry-entry-v1\n"
MAX_ENTRY_BYTES: Final = 65_536  # the largest is a key entry: a few public keys of two kilobytes each
MAX_ITEMS: Final = 256
MAX_NUMBER: Final = 2**53 - 1  # what every reader of JSON holds exactly
_TEXT: Final = re.compile(r"[A-Za-z0-9:._+/=-]{0,4096}")  # hashes, codes, dates, keys: never an address or prose


class EntryError(Exception):
    """These are not the bytes of a ledger entry, or it says what a ledger must not say."""


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """`tenant` is the tenant's keyed hash, `policy` the digest of the signed policy."""

    on: str
    tenant: str
    version: int
    policy: str


@dataclass(frozen=True, slots=True)
class Placement:
    """A decision about an asset: verdict and reason codes, and digests of everything it was based on."""

    on: str
    tenant: str
    asset: str
    cell: str
    kind: str
    verdict: str
    because: tuple[str, ...]
    policy: str
    facts_serial: int
    facts: str
    evidence: tuple[str, ...]
    expires: str


@dataclass(frozen=True, slots=True)
class Relocation:
    """A step of a move: frozen, copied, verified, switched, erased. `content` is the Merkle root of what moved."""

    on: str
    tenant: str
    from_cell: str
    to_cell: str
    step: str
    content: str


@dataclass(frozen=True, slots=True)
class EgressBatch:
    """Many egress decisions as one Merkle root, so that their number and time do not show who writes when."""

    on: str
    root: str
    count: int


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    on: str
    node: str
    kind: str
    grade: str
    digest: str


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Public keys of a mailbox. `label` is Argon2id over address and cell salt; `signature` is by the predecessor's
    signing key, empty for a first key or one that its predecessor did not sign. All in hex but the identities."""

    label: str
    serial: int
    identities: tuple[str, ...]
    signing_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """`second` is the hash of the second person, where one was needed."""

    on: str
    session: str
    country: str
    scope: str
    reason: str
    second: str
    expires: str


@dataclass(frozen=True, slots=True)
class LegalCount:
    """Requests of authorities, counted by period, never told one by one."""

    period: str
    country: str
    via: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class CanaryStatement:
    on: str
    digest: str
    expires: str


@dataclass(frozen=True, slots=True)
class ClientBundle:
    """The hash of the webmail's script, to be compared from another machine."""

    on: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class FactsBundle:
    on: str
    serial: int
    digest: str


@dataclass(frozen=True, slots=True)
class Restore:
    """The cell went on from a backup; `size` and `root` are of the last witnessed checkpoint it resumed."""

    on: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Departure:
    """A tenant's way out: asked, restored, gone. `until` is the day after which it is gone, `content` the SHA-256 of
    its settings as they were exported then."""

    on: str
    tenant: str
    step: str
    until: str
    content: str


@dataclass(frozen=True, slots=True)
class GraveAct:
    """An operator's act that cannot be undone, by whom it was proposed and who agreed, as hashes. `second` is that of
    `first` in a cell with one operator, where an hour had to pass instead. `tenant` is empty for the cell's own."""

    on: str
    tenant: str
    act: str
    reason: str
    first: str
    second: str


type Entry = (
    PolicyVersion
    | Placement
    | Relocation
    | EgressBatch
    | EvidenceRecord
    | KeyRecord
    | OperatorSession
    | LegalCount
    | CanaryStatement
    | ClientBundle
    | FactsBundle
    | Restore
    | Departure
    | GraveAct
)

TYPES: Final[dict[str, type[Entry]]] = {
    "policy": PolicyVersion,
    "placement": Placement,
    "relocation": Relocation,
    "egress": EgressBatch,
    "evidence": EvidenceRecord,
    "key": KeyRecord,
    "operator": OperatorSession,
    "legal": LegalCount,
    "canary": CanaryStatement,
    "client": ClientBundle,
    "facts": FactsBundle,
    "restore": Restore,
    "departure": Departure,
    "grave": GraveAct,
}
NAMES: Final = {kind: name for name, kind in TYPES.items()}


def encode(entry: Entry) -> bytes:
    """The bytes whose hash is the leaf. Raises `EntryError` for what must not be in a ledger."""
    values: dict[str, Any] = {"type": NAMES[type(entry)]}
    for field in fields(entry):
        value = getattr(entry, field.name)
        _check(field.name, field.type, value)
        values[field.name] = list(value) if isinstance(value, tuple) else value
    data = CONTEXT + json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    if len(data) > MAX_ENTRY_BYTES:
        raise EntryError(f"the entry is longer than {MAX_ENTRY_BYTES} bytes")
    return data


def decode(data: bytes) -> Entry:
    """Raises `EntryError` unless these are exactly the bytes `encode` makes of some entry."""
    if len(data) > MAX_ENTRY_BYTES or not data.startswith(CONTEXT):
        raise EntryError("this is no ledger entry")
    try:
        values = json.loads(data.removeprefix(CONTEXT))
    except (ValueError, RecursionError) as error:
        raise EntryError("the entry is not JSON") from error
    name = values.pop("type", None) if isinstance(values, dict) else None
    if not isinstance(name, str) or name not in TYPES:
        raise EntryError("the entry has no known type")
    kind = TYPES[name]
    wanted = {field.name: field.type for field in fields(kind)}
    if set(values) != set(wanted):
        raise EntryError("the entry has other fields than its type")
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = tuple(value)
        _check(key, wanted[key], values[key])
    entry: Entry = kind(**values)
    if encode(entry) != data:
        raise EntryError("the entry is not in its canonical form")
    return entry


def _check(name: str, kind: object, value: object) -> None:
    if kind is int:
        if type(value) is not int or not 0 <= value <= MAX_NUMBER:
            raise EntryError(f"{name} must be a whole number from 0 to {MAX_NUMBER}")
        return
    items = value if isinstance(value, tuple) else (value,)
    if (kind is str) == isinstance(value, tuple) or len(items) > MAX_ITEMS:
        raise EntryError(f"{name} has the wrong shape")
    for item in items:
        if not isinstance(item, str) or not _TEXT.fullmatch(item):
            raise EntryError(f"{name} may hold hashes, codes, days and keys only")
