"""Filing: what owners' rules make of a message between its judgement and its seal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import parse_address
from mailhost.outcomes import Verdict
from mailhost.ports import Route, StoreUnavailable
from mailhost.routing import RouteCache
from mailhost.rules.apply import NO_PLAN, Plan
from mailhost.rules.rule import Action, Does, Rule, action, condition
from mailhost.rules.standing import Standing, from_text, to_text
from mailhost.wishes.filing import MAX_ADDRESSES, _Reader
from mailhost.wishes.forwarding import Arrived
from tests.fakes import CountedMetrics
from tests.people import ADA, BEN
from tests.post import Post
from tests.smtp.talk import MAIL, Talk

LISTS = Rule(
    "tides", (condition("subject", "contains", "tides"),), (action("folder", "Lists"), action("flag", "\\Seen"))
)
AWAY = Rule("no", (condition("sender", "domain", "example.no"),), (Action(Does.DISCARD),))


def filed(*rules: Rule, readable: bool = True) -> tuple[Talk, CountedMetrics]:
    """An MX where Ada has these rules and Ben has none."""
    post = Post(*rules)
    if not readable:
        post.book.standing[ADA.mailbox_id] = None
    return post.talk, post.metrics


async def test_a_rule_puts_the_message_into_its_folder_with_its_flags_and_only_for_its_owner() -> None:
    talk, metrics = filed(LISTS)
    client = await talk.greeted()
    assert (await client.send(MAIL, "ada@example.is", "ben@example.is")).startswith("250")
    assert {d.mailbox_id: (d.folder, d.flags) for d in talk.store.deliveries} == {
        ADA.mailbox_id: ("Lists", ("\\Seen",)),
        BEN.mailbox_id: ("", ()),
    }
    assert metrics.counts == {("filter_actions", "folder"): 1, ("filter_actions", "flag"): 1}


async def test_what_is_discarded_is_stored_for_the_others_only_and_answered_as_ever() -> None:
    talk, _ = filed(AWAY)
    client = await talk.greeted()
    assert (await client.send(MAIL, "ada@example.is", "ben@example.is")).startswith("250")
    assert [d.mailbox_id for d in talk.store.deliveries] == [BEN.mailbox_id]
    assert (await client.send(MAIL, "ada@example.is")).startswith("250")
    assert len(talk.store.deliveries) == 1


async def test_a_retry_after_a_failure_finds_the_discarded_one_done() -> None:
    talk, _ = filed(AWAY)
    talk.store.failures = [StoreUnavailable("x")]
    client = await talk.greeted()
    assert (await client.send(MAIL, "ada@example.is", "ben@example.is")).startswith("451")
    assert (await client.send(MAIL, "ada@example.is", "ben@example.is")).startswith("250")
    assert [d.mailbox_id for d in talk.store.deliveries] == [BEN.mailbox_id]


async def test_rules_that_cannot_be_read_stop_no_mail() -> None:
    talk, _ = filed(AWAY, readable=False)
    client = await talk.greeted()
    assert (await client.send()).startswith("250")
    assert [d.folder for d in talk.store.deliveries] == [""]


async def test_without_wishes_nothing_is_asked_for() -> None:
    post = Post()
    assert (await post.arrive(MAIL, "ben@example.is")).startswith("250")
    assert post.book.asked == []


async def test_a_book_that_is_shut_defers_the_message() -> None:
    post = Post(LISTS)
    post.book.failure = StoreUnavailable("x")
    assert (await post.arrive(MAIL)).startswith("451")
    assert post.talk.store.deliveries == []


def envelope(to: str = "ada@example.is", route: Route = ADA) -> Envelope:
    return Envelope(
        parse_address("cleo@example.no"),
        Client("192.0.2.25", "mail.example.no", "ESMTPS"),
        recipients=[Recipient(parse_address(to), (replace(route, wishes=1),))],
    )


async def planned(rule: Rule, content: bytes, verdicts: dict[int, Verdict] | None = None) -> Plan | None:
    post = Post(rule)
    filing = post._filing(post.talk, RouteCache(post.talk.directory, lambda: 0.0))
    message = Arrived(envelope(), content)
    return (await filing.look(message, verdicts or {}, except_for=(), now=post.now))[ADA.mailbox_id].plan


async def test_the_judges_word_on_junk_counts_for_the_tenant_it_was_given_to() -> None:
    junk = Rule("junk", (condition("junk", "yes"),), (action("folder", "Doubtful"),))
    bad = Verdict("none", junk=True)
    found = await planned(junk, MAIL, {ADA.tenant_id: bad})
    assert found is not None
    assert found.folder == "Doubtful"
    assert await planned(junk, MAIL, {ADA.tenant_id + 1: bad}) == NO_PLAN


async def test_attachments_are_seen_in_small_and_in_large_messages() -> None:
    rule = Rule("files", (condition("attachment", "yes"),), (action("folder", "Files"),))
    part = b"--x\r\nContent-Disposition: attachment; filename=chart.txt\r\n\r\nrocks\r\n"
    for filling in (b"", b"y" * 200_000 + b"\r\n"):
        mail = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part + filling + b"--x--\r\n"
        found = await planned(rule, mail)
        assert found is not None
        assert found.folder == "Files"
    assert await planned(rule, MAIL) == NO_PLAN


def test_what_conditions_see_is_decoded_and_bounded() -> None:
    many = b", ".join(b"a%d@example.no" % n for n in range(2 * MAX_ADDRESSES))
    mail = b"From: =?utf-8?q?Cl=C3=A9o?= <CLEO@Example.NO>\r\nTo: %b\r\nSubject: =?utf-8?b?SMOhdHQ=?=\r\n\r\n" % many
    seen = _Reader(envelope(), mail).letter(parse_address("Ada+Bills@example.is"), attachments=False, junk=False)
    assert seen.senders == ("cleo@example.no", "cleo@example.no")
    assert (seen.subject, seen.reached) == ("Hátt", "ada+bills@example.is")
    assert len(seen.recipients) == MAX_ADDRESSES


@given(st.binary(max_size=300))
def test_no_content_raises(content: bytes) -> None:
    _Reader(envelope(), content).letter(parse_address("ada@example.is"), attachments=False, junk=False)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_kept_text_comes_back_and_its_size_is_a_step(count: int) -> None:
    standing = Standing((LISTS,) * count)
    assert len(to_text(standing)) == 1024
    assert from_text(to_text(standing)) == standing
    assert standing.in_force is (count > 0)
    assert not Standing((replace(LISTS, off=True),)).in_force
