"""What became of a recipient, as a notice says it."""

from __future__ import annotations

import pytest

from mailhost.outbound.notices import WHY, fate
from mailhost.outbox import Forward


@pytest.mark.parametrize("reason", [*sorted(WHY), "notice_waits"])
def test_who_still_waits_has_not_failed_for_good(reason: str) -> None:
    """RFC 3463 §2: class 4 for what is tried again, class 5 for what is not."""
    forward = Forward("cleo@other.test", "other.test")
    delayed, failed = (fate(forward, action, reason) for action in ("delayed", "failed"))
    assert delayed.status.startswith("4.")
    assert delayed.status[1:] == failed.status[1:]
