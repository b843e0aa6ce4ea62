"""The time before login: greeting, capabilities, LOGIN, AUTHENTICATE, STARTTLS refused and throttled."""

from __future__ import annotations

import ssl
from base64 import b64encode
from typing import Any

import pytest

from mailhost.imap.limits import Limits
from mailhost.imap.store import View
from tests.imap.dialogue import ADA, PASSWORD, Client, Counters, Dialogue, ada_with, make_endpoint
from tests.imap.memory import APPEND_LIMIT

PLAIN = b64encode(f"\0{ADA}\0{PASSWORD}".encode()).decode()
NAME, SECRET = b64encode(ADA.encode()).decode(), b64encode(PASSWORD.encode()).decode()


def stranger(**options: Any) -> Dialogue:
    return Dialogue(ada_with(), login=False, options=options)


async def test_the_greeting_tells_what_a_stranger_can_do() -> None:
    await stranger().play("""
        S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR AUTH=PLAIN AUTH=LOGIN ENABLE ID IDLE] ...
        C: a CAPABILITY
        S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR AUTH=PLAIN AUTH=LOGIN ENABLE ID IDLE
        S: a OK ...
    """)


async def test_login_tells_the_capabilities_of_a_user() -> None:
    await stranger().play("""
        S: * OK ...
        C: a LOGIN ada@example.is open-sesame
        S: a OK [CAPABILITY IMAP4rev1 ... LITERAL+ ... QRESYNC ... APPENDLIMIT=52428800] ...
        C: b LOGIN ada@example.is open-sesame
        S: b BAD LOGIN is not possible in the authenticated state
    """)


async def test_a_wrong_password_and_an_unknown_name_are_answered_alike() -> None:
    await stranger().play("""
        S: * OK ...
        C: a LOGIN ada@example.is wrong
        S: a NO [AUTHENTICATIONFAILED] Wrong user name or password
        C: b LOGIN nobody@example.is open-sesame
        S: b NO [AUTHENTICATIONFAILED] Wrong user name or password
        C: c LOGIN "" ""
        S: c NO [AUTHENTICATIONFAILED] Wrong user name or password
        C: d LOGIN ada@example.is open-sesame
        S: d OK ...
    """)


async def test_credentials_may_come_as_literals() -> None:
    dialogue = stranger()
    dialogue.literals = {"name": ADA.encode(), "password": PASSWORD.encode()}
    await dialogue.play("""
        S: * OK ...
        C: a LOGIN <<name>> <<password>>
        S: a OK ...
    """)


async def test_a_literal_is_asked_for() -> None:
    await stranger().play("""
        S: * OK ...
        C: a LOGIN {14}
        S: + Send it
        C: ada@example.is open-sesame
        S: a OK ...
    """)


async def test_authenticate_plain_with_and_without_an_initial_response() -> None:
    await stranger().play(f"""
        S: * OK ...
        C: a AUTHENTICATE PLAIN {PLAIN}
        S: a OK [CAPABILITY ...] ...
    """)
    await stranger().play(f"""
        S: * OK ...
        C: a AUTHENTICATE PLAIN
        S: + ...
        C: {PLAIN}
        S: a OK [CAPABILITY ...] ...
    """)


async def test_authenticate_login_with_and_without_an_initial_response() -> None:
    await stranger().play(f"""
        S: * OK ...
        C: a AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: {NAME}
        S: + UGFzc3dvcmQ6
        C: {SECRET}
        S: a OK ...
    """)
    await stranger().play(f"""
        S: * OK ...
        C: a AUTHENTICATE LOGIN {NAME}
        S: + UGFzc3dvcmQ6
        C: {SECRET}
        S: a OK ...
    """)


async def test_authenticate_refuses_what_it_cannot_do() -> None:
    other = b64encode(f"ben@example.is\0{ADA}\0{PASSWORD}".encode()).decode()
    await stranger().play(f"""
        S: * OK ...
        C: a AUTHENTICATE CRAM-MD5
        S: a NO [CANNOT] ...
        C: b AUTHENTICATE PLAIN
        S: + ...
        C: *
        S: b BAD Authentication cancelled
        C: c AUTHENTICATE PLAIN
        S: + ...
        C: this is not base64
        S: c BAD ...
        C: d AUTHENTICATE PLAIN YWRh
        S: d BAD ...
        C: e AUTHENTICATE PLAIN {other}
        S: e NO [AUTHORIZATIONFAILED] ...
    """)


@pytest.mark.parametrize("command", [f"LOGIN {ADA} {PASSWORD}", f"AUTHENTICATE PLAIN {PLAIN}"])
async def test_no_password_is_taken_in_clear(command: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await stranger(tls=context, clear_on_loopback=False).play(f"""
        S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR STARTTLS LOGINDISABLED ENABLE ID IDLE] ...
        C: a {command}
        S: a NO [PRIVACYREQUIRED] ...
    """)


async def test_clear_on_loopback_is_for_loopback_only() -> None:
    endpoint = make_endpoint(ada_with())
    for peer, expected in (("127.0.0.1", b"a OK"), ("::1", b"a OK"), ("198.51.100.7", b"a NO [PRIVACYREQUIRED]")):
        client = Client(endpoint, peer)
        client.take()
        assert (await client.ask(f"a LOGIN {ADA} {PASSWORD}")).startswith(expected)


async def test_starttls_is_refused_where_it_is_not_set_up() -> None:
    await stranger().play("""
        S: * OK ...
        C: a STARTTLS
        S: a NO [CANNOT] ...
    """)


async def test_nothing_may_be_sent_behind_starttls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = Client(make_endpoint(ada_with(), tls=context))
    client.take()
    client.send(b"a STARTTLS\r\nb CAPABILITY\r\n")
    await client.settle()
    answer = client.take()
    assert answer.startswith(b"a BAD")
    assert b"CAPABILITY" not in answer
    assert client.transport.closed


@pytest.mark.parametrize("command", ["SELECT INBOX", 'LIST "" *', "IDLE", "FETCH 1 FLAGS", "ENABLE CONDSTORE"])
async def test_a_stranger_may_do_nothing_else(command: str) -> None:
    await stranger().play(f"""
        S: * OK ...
        C: a {command}
        S: a BAD ... is not possible in the not authenticated state
    """)


async def test_five_failures_a_minute_close_the_door_for_the_source_only() -> None:
    metrics = Counters()
    endpoint = make_endpoint(ada_with(), metrics=metrics, clear_on_loopback=False)
    object.__setattr__(endpoint, "clear_on_loopback", False)
    guessing, other = "2001:db8:1:2::5", "2001:db8:9::1"

    async def attempt(peer: str, password: str) -> bytes:
        client = Client(endpoint, peer)
        client.connection._session.conv.clear_allowed = True
        client.take()
        return await client.ask(f"a LOGIN {ADA} {password}")

    for _attempt in range(5):
        assert b"AUTHENTICATIONFAILED" in await attempt(guessing, "wrong")
    # The right password does not help either, nor another address of the same network.
    assert b"a NO [UNAVAILABLE]" in await attempt(guessing, PASSWORD)
    assert b"a NO [UNAVAILABLE]" in await attempt("2001:db8:1:2:ffff::", PASSWORD)
    assert b"a OK" in await attempt(other, PASSWORD)
    assert metrics.counts["login_refused"] == 5
    assert metrics.counts["login_throttled"] == 2


async def test_connections_of_one_user_are_counted() -> None:
    endpoint = make_endpoint(ada_with(), limits=Limits(per_user=2))
    clients = [Client(endpoint) for _number in range(3)]
    answers = [await client.ask(f"a LOGIN {ADA} {PASSWORD}") for client in clients]
    assert [b"a OK" in answer for answer in answers] == [True, True, False]
    assert b"a NO [LIMIT]" in answers[2]
    await clients[0].hang_up()
    assert b"a OK" in await clients[2].ask(f"a LOGIN {ADA} {PASSWORD}")


async def test_connections_of_one_tenant_are_counted_and_others_come_in() -> None:
    store = ada_with()
    for name in ("ben@example.is", "cleo@demo.test"):
        store.add_person(name, PASSWORD)
    endpoint = make_endpoint(store, limits=Limits(per_tenant=1))
    first, second, other = (Client(endpoint) for _number in range(3))
    assert b"a OK" in await first.ask(f"a LOGIN {ADA} {PASSWORD}")
    assert b"a NO [LIMIT]" in await second.ask(f"a LOGIN ben@example.is {PASSWORD}")
    assert b"a OK" in await other.ask(f"a LOGIN cleo@demo.test {PASSWORD}")
    await first.hang_up()
    assert b"a OK" in await second.ask(f"a LOGIN ben@example.is {PASSWORD}")


async def test_a_stranger_who_talks_nonsense_is_sent_away() -> None:
    client = Client(make_endpoint(ada_with()))
    for number in range(10):
        assert not client.transport.closed, number
        await client.ask("a FOO")
    assert client.take().endswith(b"")
    assert client.transport.closed


async def test_a_stranger_who_never_logs_in_is_sent_away() -> None:
    client = Client(make_endpoint(ada_with()))
    for _number in range(100):
        await client.ask("a NOOP")
    assert client.transport.closed


async def test_capabilities_can_be_switched_off_for_an_account_and_a_listener() -> None:
    view = View(can_read=True, name="session", append_limit=APPEND_LIMIT, disabled=frozenset({"QRESYNC", "MOVE"}))
    store = ada_with(1, view=view)
    client = Client(make_endpoint(store, disabled=frozenset({"IDLE"})))
    assert b"IDLE" not in client.take()
    told = await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    for name in (b" QRESYNC", b" MOVE ", b" IDLE "):
        assert name not in told
    assert b" CONDSTORE " in told
    assert b"* ENABLED\r\n" in await client.ask("a ENABLE QRESYNC")
    await client.ask("a SELECT INBOX")
    assert b"a BAD There is no such command" in await client.ask("a MOVE 1 Trash")
    assert b"a BAD There is no such command" in await client.ask("a IDLE")


async def test_the_sealed_view_does_not_offer_what_needs_reading() -> None:
    view = View(can_read=False, name="sealed", append_limit=APPEND_LIMIT)
    client = Client(make_endpoint(ada_with(view=view)))
    told = await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    assert b"PREVIEW" not in told
    assert b"SORT" not in told


async def test_logout_closes_the_connection_and_forgets_the_account() -> None:
    store = ada_with()
    client = Client(make_endpoint(store))
    await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    account: Any = client.connection._session.conv.account
    answer = await client.ask("b LOGOUT")
    assert answer.startswith(b"* BYE")
    assert b"\r\nb OK" in answer
    assert client.transport.closed
    await client.hang_up()
    assert account.closed
    assert client.connection._session.conv.account is None


async def test_id_says_little() -> None:
    await stranger().play("""
        S: * OK ...
        C: a ID ("name" "Mail" "version" "1.0")
        S: * ID ("name" "Skerry")
        S: a OK ...
        C: b ID NIL
        S: * ID ("name" "Skerry")
        S: b OK ...
    """)


async def test_enable_tells_what_it_switched_on() -> None:
    await Dialogue(ada_with()).play("""
        C: a ENABLE QRESYNC X-UNKNOWN UTF8=ACCEPT
        S: * ENABLED QRESYNC UTF8=ACCEPT
        S: a OK ...
        C: b ENABLE IMAP4rev2
        S: * ENABLED IMAP4rev2
        S: b OK ...
        C: c ENABLE X-UNKNOWN
        S: * ENABLED
        S: c OK ...
        C: d ENABLE
        S: d BAD ...
    """)
