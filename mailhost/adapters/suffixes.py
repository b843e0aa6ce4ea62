"""The public suffix list, as the guard that DMARC asks (RFC 9989 §4.10, `mailauth.dmarc`).

The list comes with the package and is not fetched: a suffix that is missing costs only the guard, since the tree walk
of RFC 9989 finds organisational domains without any list.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


@cache
def _listed() -> PublicSuffixList:
    # Reading it takes a tenth of a second, so it is read once and only by who asks.
    return PublicSuffixList(accept_unknown=False)


def is_public_suffix(domain: str) -> bool:
    """Whether everyone may register names below `domain` (lower case, A-labels)."""
    return bool(_listed().is_public(domain))
