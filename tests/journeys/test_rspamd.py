"""The real rspamd gives its opinion, keeps nothing of what it saw, and may die without harm."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from mailhost.adapters.rspamd import Rspamd
from mailhost.outcomes import Reason
from tests import canaries
from tests.fakes import CountedMetrics
from tests.patience import PATIENCE
from tests.reputation.court import Court, signed
from tests.servers.rspamd import rspamd

pytestmark = [pytest.mark.journey, pytest.mark.slow]

# The pattern that every content filter takes for spam: https://spamassassin.apache.org/gtube/
SPAM = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HEAD = (
    "From: Cleo <cleo@demo.test>\r\nTo: Ada <ada@example.is>\r\nSubject: %s\r\nDate: %s\r\n"
    "Message-ID: <unmistakable-4711@demo.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
)


def letter(subject: str, text: str) -> bytes:
    return signed(f"{HEAD % (subject, formatdate())}{text}\r\n".encode())


async def test_rspamd_weighs_in_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = CountedMetrics()
    for name in ("CONNECTING", "WAITING"):
        # Mail waits seconds for an opinion; a journey, as long as a busy machine takes to give one.
        monkeypatch.setattr(f"mailhost.adapters.rspamd.{name}", PATIENCE)
    with rspamd() as running:
        opinions = Rspamd(running.url, metrics)
        court = Court(content_filter=opinions)
        assert not await court.junk(letter("Tides", "High at noon, said the unmistakable harbour master."))
        assert await court.junk(letter("Offer", SPAM))
        assert metrics.counts == {("content_filter", "answered"): 2}
        for word in (b"unmistakable", b"harbour master", b"cleo@demo", b"ada@example"):
            assert not [path for path in canaries.files(running.folder) if canaries.holds(path, word)], word
    # It is gone now, and nobody notices.
    assert await court.reason(letter("Tides", "High at noon.")) is Reason.OK
    assert metrics.counts["content_filter", "failed"] == 1
    await opinions.close()
