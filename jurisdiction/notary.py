"""A cell as it decides and signs: its home, its facts, its log's key, and the hashes under which it names things.

Every enforcement point is handed a `Notary` and asks it; nobody looks up facts or keys for himself. What goes into
the ledger is named by keyed hashes (`tag`), because tenants' slugs, sessions and reasons are nobody's business who
reads the log; a tenant is told its own tag and so finds its entries.

The key, the tag key and the day are passed in; this module reads nothing.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from nacl.signing import SigningKey

from jurisdiction.atlas import Atlas
from jurisdiction.decisions import decide, survey_of
from jurisdiction.evidence import Declaration
from jurisdiction.homing import Home
from jurisdiction.ledger.keylog import SALT_BYTES
from jurisdiction.ledger.notes import COSIGNATURE, ED25519, PublicKey
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Moment, Question

SALT_CONTEXT: Final = b"skerry-key-label-v1\n"


def witness_name(origin: str) -> str:
    """What a cell calls itself when it witnesses other logs; its own log is called `origin`."""
    return f"{origin}/witness"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the operator declares about the machine: its name, who holds the house and who runs it (ids of entities,
    or nothing), and the fingerprint of the cell's certificate."""

    name: str = "localhost"
    facility: str = ""
    platform: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Notary:
    """`origin` names the cell's log; `tag_key` are 32 secret bytes; `witness_key` signs other logs' checkpoints."""

    home: Home
    machine: Machine
    atlas: Atlas
    origin: str
    key: SigningKey
    witness_key: SigningKey
    tag_key: bytes

    @property
    def log_key(self) -> PublicKey:
        """Who checks a receipt of this cell needs this line."""
        return PublicKey(self.origin, ED25519, bytes(self.key.verify_key))

    @property
    def witness_name(self) -> str:
        return witness_name(self.origin)

    @property
    def cosigning_key(self) -> PublicKey:
        """Who counts this cell as a witness needs this line."""
        return PublicKey(self.witness_name, COSIGNATURE, bytes(self.witness_key.verify_key))

    @property
    def label_salt(self) -> bytes:
        """The public salt of the cell's key log: it follows from the log's own key, so everybody has it."""
        return hashlib.sha256(SALT_CONTEXT + str(self.log_key).encode()).digest()[:SALT_BYTES]

    def decide(self, question: Question, policy: Policy, now: date | datetime | Moment) -> Decision:
        return decide(question, policy, self.atlas, survey_of(self.atlas), now)

    @property
    def node(self) -> str:
        """The machine as the ledger names it."""
        return self.tag("node", self.machine.name)

    def declaration(self, on: date) -> Declaration:
        """What the operator states, and answers for."""
        return Declaration(
            node=self.node,
            cell=self.home.cell,
            country=self.home.country,
            site=self.home.country,
            facility=self.machine.facility,
            platform=self.machine.platform,
            certificate=self.machine.certificate,
            declared_on=on,
        )

    def tag(self, kind: str, name: str) -> str:
        """HMAC-SHA256 in hex that stands for a thing of this kind in the ledger."""
        return hmac.digest(self.tag_key, f"{kind}\n{name}".encode(), hashlib.sha256).hex()
