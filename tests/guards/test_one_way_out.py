"""Enforcement point 8: mail for elsewhere, whoever made it, leaves by dispatch, and dispatch asks before it connects.

Submissions, receipts, reports, forwards, their bounces and answers of the absent share the queue; notices go to mailboxes of the cell and have no
other way. So it is enough that nothing else can talk to another mail host, and that dispatch asks first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from mailhost.message.address import parse_address
from mailhost.outbound.transport import Verdict
from mailhost.outbox import Passing
from mailhost.rules.away import Away
from mailhost.rules.standing import Standing
from tests.architecture import house
from tests.office import Office
from tests.people import ADA
from tests.post import SRS, Post
from tests.smtp.talk import MAIL

pytestmark = pytest.mark.guards(8)
SPEAKS_SMTP = {"mailhost.smtp.client", "smtplib", "aiosmtplib"}


def imports(module: house.Module) -> Iterator[str]:
    for node in house.nodes(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.slow  # imports every program in one of its own
def test_nothing_but_the_dispatcher_can_talk_to_another_mail_host() -> None:
    speaking = {module.where for module in house.product() if SPEAKS_SMTP & set(imports(module))}
    assert speaking == {"mailhost/wiring/dispatchd.py"}


@pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.HOLD, Verdict.LINK])
@pytest.mark.parametrize("passing", [Passing.COPY, Passing.ONLY])
async def test_what_may_not_leave_is_not_forwarded_either_and_stays_with_its_owner(
    verdict: Verdict, passing: Passing
) -> None:
    office = Office()
    office.rule = lambda *_: verdict
    await office.put("ada@other.test", sender="SRS0=aaaaaa=aa=other.test=cleo@example.is", passing=passing)
    await office.work()
    assert (office.network.connected, office.network.sent) == ([], [])
    assert not office.outbox.items
    kept = office.notices()
    assert len(kept) == (1 if passing is Passing.ONLY else 0)
    assert all("High at noon" in text for text in kept)


@pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.HOLD, Verdict.LINK])
async def test_nothing_leaves_by_answering_for_who_is_away_or_by_a_bounce_of_a_forward(verdict: Verdict) -> None:
    post = Post()
    post.book.standing[ADA.mailbox_id] = Standing((), Away("I am at sea."))
    await post.arrive(MAIL)
    back = SRS("example.is").rewrite(parse_address("cleo@other.test"), now=post.now)
    await post.arrive(MAIL, str(back), sender="")
    assert [item.recipients[0].address for item, _ in post.waiting()] == ["cleo@example.no", "cleo@other.test"]
    office = Office()
    office.rule = lambda *_: verdict
    office.outbox.items = post.outbox.items
    await office.work()
    assert (office.network.connected, office.network.sent) == ([], [])
    assert not office.outbox.items
    assert office.talk.store.deliveries == []


@pytest.mark.parametrize("verdict", [Verdict.DENY, Verdict.HOLD])
@pytest.mark.parametrize("sender", ["ada@example.is", ""])
async def test_what_may_not_leave_is_not_even_announced_whoever_sends_it(verdict: Verdict, sender: str) -> None:
    office = Office()
    office.rule = lambda *_: verdict
    await office.put("cleo@other.test", sender=sender)
    for _ in range(3):
        await office.work()
        office.later(days=2)
    assert office.network.connected == []
    assert office.network.sent == []
    assert not office.outbox.items
    assert all("High at noon" not in text for text in office.notices() if "multipart/report" in text)


async def test_of_what_waits_behind_a_link_only_the_note_is_announced_and_sent() -> None:
    office = Office()
    office.rule = lambda *_: Verdict.LINK
    said: list[bytes] = []
    office.network.heard = said.append
    await office.put("cleo@other.test")
    await office.put("cleo@other.test", sender="")
    for _ in range(3):
        await office.work()
        office.later(days=2)
    assert [text.count(b"High at noon") + text.count(b"Tides") for text in said] == [0]
    assert not office.outbox.items
