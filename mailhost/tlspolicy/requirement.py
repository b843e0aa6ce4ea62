"""What a connection to one mail host must keep, as a value: TLS or not, whose certificate, by which policy.

`outbound.tlsrules` makes a `Requirement` from what a domain publishes, the SMTP client keeps it, and whoever counts
sessions for the domain's reports (RFC 8460) reads from it which policy applied. A host that must have no mail at all
under the policy is `Barred`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mailhost.mailauth.resolver import Tlsa
from mailhost.tlspolicy.tlsrpt import PolicyType, ResultType


class Check(StrEnum):
    """Whose word vouches for the host's certificate."""

    NOBODY = "nobody"  # any certificate: against listeners, not against impostors
    AUTHORITIES = "authorities"  # the public authorities, for the host's name (RFC 8461 §4.2)
    DANE = "dane"  # the records (RFC 7672 §2.2)


@dataclass(frozen=True, slots=True)
class Policy:
    """What applied, as a report names it (RFC 8460 §4.4): its type, its lines as found, the hosts it names."""

    type: PolicyType = PolicyType.NO_POLICY
    lines: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


NO_POLICY: Final = Policy()


@dataclass(frozen=True, slots=True)
class Requirement:
    """`server_name` is what to ask for in the handshake; `names` are those a certificate may be for.

    Where `enforced` is False the policy is being tried out: what breaks it is reported, and the mail goes all the
    same (RFC 8461 §5.2). `complaint` is what is wrong already, before anybody connects.
    """

    server_name: str
    tls: bool = False  # no TLS, no mail
    check: Check = Check.NOBODY
    names: tuple[str, ...] = ()
    records: tuple[Tlsa, ...] = ()
    enforced: bool = True
    policy: Policy = NO_POLICY
    complaint: ResultType | None = None

    def relaxed(self) -> Requirement:
        """The same without its policy's teeth: encrypt where the host can."""
        return replace(self, tls=False, check=Check.NOBODY, names=(), records=())


@dataclass(frozen=True, slots=True)
class Barred:
    """The host must not have the mail; `reason` is a code for its author, `result` what a report says, `passing`
    whether it is only that nobody can tell at present.
    """

    reason: str
    result: ResultType
    policy: Policy = NO_POLICY
    passing: bool = False
