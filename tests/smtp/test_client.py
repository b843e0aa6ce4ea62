"""The SMTP client against a script: what it says, in what order, and what a hostile server can make of it."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
import uvloop
from cryptography import x509

from mailhost.mailauth.resolver import Tlsa
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Answer, ConnectionFailed, Transaction
from mailhost.outbox import Forward
from mailhost.smtp.client import MAX_LINE, MAX_LINES, MAX_TEXT, Connection, Timeouts, connect
from mailhost.smtp.handshake import Tls, tls
from mailhost.tlspolicy.dane import record_for, selected
from mailhost.tlspolicy.requirement import Check, Requirement
from mailhost.tlspolicy.tlsrpt import ResultType

pytestmark = pytest.mark.journey

ANY = Requirement("mx.other.test")
QUICK = Timeouts(connect=2, greeting=1, command=1, data=1, block=1, final=1, quit=0.2)
EHLO = "250-mx.other.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
LETTER = b"Subject: Tides\r\n\r\n.High\r\nat noon.\r\n"


class Script:
    """A server that answers each line with what the script has for its verb; `heard` is what the client said."""

    def __init__(self, **answers: str) -> None:
        self.answers = {"EHLO": EHLO, "MAIL": "250 ok\r\n", "RCPT": "250 ok\r\n", "DATA": "354 go\r\n", "END": "250 2.0.0 kept\r\n",
                        "RSET": "250 ok\r\n", "QUIT": "221 bye\r\n", "GREETING": "220 mx\r\n", **answers}  # fmt: skip
        self.heard: list[str] = []
        self.content = b""
        self.taken: list[str] = []  # what the first recipients hear, one after the other
        self.leaves = ""  # hangs up behind its answer to this
        self.tls: ssl.SSLContext | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answers["GREETING"].encode())
        try:
            while line := (await reader.readline()).decode(errors="replace"):
                verb = line.split(" ")[0].strip().upper()
                self.heard.append(line.rstrip("\r\n"))
                answer = self.taken.pop(0) if verb == "RCPT" and self.taken else self.answers.get(verb, "500 what?\r\n")
                writer.write(answer.encode())
                if verb == "DATA" and self.answers["DATA"].startswith("354"):
                    self.content = b""
                    while not (b"\r\n" + self.content).endswith(b"\r\n.\r\n"):
                        self.content += await reader.readuntil(b"\r\n")
                    writer.write(self.answers["END"].encode())
                if verb == "STARTTLS" and self.tls is not None and self.answers["STARTTLS"].startswith("220"):
                    await writer.drain()
                    await writer.start_tls(self.tls)
                if verb in {"QUIT", self.leaves}:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def talk(
    script: Script, client: Tls | None = None, requirement: Requirement = ANY
) -> tuple[Connection, asyncio.Server]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0, limit=2**24)
    port = server.sockets[0].getsockname()[1]
    try:
        made = await connect(
            Target("mx.other.test", "127.0.0.1", port), requirement, helo="mx.is-1.example", tls=client, timeouts=QUICK
        )
    except BaseException:
        server.close()
        raise
    return made, server


def transaction(*recipients: str, sender: str = "ada@example.is", **more: Any) -> Transaction:
    return Transaction(sender, [Forward(name, "other.test") for name in recipients or ("cleo@other.test",)], **more)


async def sent(script: Script, *recipients: str, content: bytes = LETTER, smtputf8: bool = False) -> list[Answer]:
    link, server = await talk(script)
    try:
        return await link.send(transaction(*recipients, smtputf8=smtputf8), content)
    finally:
        await link.close()
        server.close()


async def test_one_transaction_with_dots_doubled() -> None:
    script = Script(RCPT="250 2.1.5 ok\r\n")
    answers = await sent(script, "cleo@other.test", "mo@other.test")
    assert answers == [Answer(250, "2.0.0", "kept")] * 2
    assert script.heard == [
        "EHLO mx.is-1.example",
        f"MAIL FROM:<ada@example.is> SIZE={len(LETTER)}",
        "RCPT TO:<cleo@other.test>",
        "RCPT TO:<mo@other.test>",
        "DATA",
        "QUIT",
    ]
    assert script.content == b"Subject: Tides\r\n\r\n..High\r\nat noon.\r\n.\r\n"


@pytest.mark.parametrize("content", [b".\r\n", b"x", b".x\r\n.\r\n.", b"\r\n.\r\n"])
async def test_whatever_the_content_it_ends_once(content: bytes) -> None:
    script = Script()
    link, server = await talk(script)
    for _ in range(2):
        assert (await link.send(transaction(sender=""), content))[0].accepted
    await link.close()
    server.close()
    assert [line.split(" ")[0] for line in script.heard] == [
        "EHLO",
        "MAIL",
        "RCPT",
        "DATA",
        "MAIL",
        "RCPT",
        "DATA",
        "QUIT",
    ]


async def test_extensions_are_used_only_where_they_are_offered() -> None:
    plain = Script(EHLO="250 mx\r\n")
    await sent(plain, content="Subject: \u00e1\r\n\r\n".encode())
    assert plain.heard[1] == "MAIL FROM:<ada@example.is>"
    eight = Script()
    await sent(eight, content="Subject: \u00e1\r\n\r\n".encode(), smtputf8=True)
    assert eight.heard[1].endswith(" BODY=8BITMIME SMTPUTF8")
    old = Script(EHLO="502 what?\r\n", HELO="250 mx\r\n")
    assert (await sent(old))[0].accepted


async def test_what_the_server_cannot_take_is_not_sent() -> None:
    assert await sent(Script(), content=b"x" * 1001) == [
        Answer(552, "5.3.4", "the message is larger than the receiving host takes")
    ]
    assert (await sent(Script(EHLO="250 mx\r\n"), smtputf8=True))[0].enhanced == "5.6.7"


async def test_refusals_belong_to_their_recipients() -> None:
    refused = Script(RCPT="550 5.1.1 no such user\r\n")
    assert await sent(refused) == [Answer(550, "5.1.1", "no such user")]
    assert refused.content == b".\r\n", "it asked for content that nobody gets"
    assert (await sent(Script(EHLO="250 mx\r\n", RCPT="550 5.1.1 no\r\n")))[0] == Answer(550, "5.1.1", "no")
    assert (await sent(Script(MAIL="451 4.3.0 later\r\n")))[0] == Answer(451, "4.3.0", "later")
    assert (await sent(Script(DATA="452 4.3.1 full\r\n")))[0] == Answer(452, "4.3.1", "full")
    assert (await sent(Script(END="554 5.7.1 spam\r\n")))[0] == Answer(554, "5.7.1", "spam")


async def test_too_many_recipients_are_for_the_next_transaction() -> None:
    script = Script()
    script.taken = ["250 ok\r\n", "552 too many\r\n", "552 5.5.3 too many\r\n", "552 5.2.2 full\r\n"]
    answers = await sent(script, *(f"r{number}@other.test" for number in range(4)))
    assert [(one.code, one.permanent) for one in answers] == [(250, False), (452, False), (452, False), (552, True)]
    [alone] = await sent(Script(RCPT="552 mailbox full\r\n"))
    assert alone.permanent


async def test_a_host_that_accepts_instead_of_asking_for_the_content_has_taken_nothing() -> None:
    with pytest.raises(ConnectionFailed) as failed:
        await sent(Script(DATA="250 2.0.0 fine\r\n"))
    assert failed.value.reason == "not_smtp"


@pytest.mark.parametrize("reset", ["", "what?\r\n", "421 bye\r\n"])
@pytest.mark.parametrize(
    "refusal", [{"MAIL": "550 5.7.1 no\r\n"}, {"RCPT": "550 5.7.1 no\r\n"}, {"DATA": "550 5.7.1 no\r\n"}]
)
async def test_a_refusal_stands_where_the_host_hangs_up_behind_it(refusal: dict[str, str], reset: str) -> None:
    link, server = await talk(Script(EHLO="250 mx\r\n", **refusal, RSET=reset))
    assert await link.send(transaction(), LETTER) == [Answer(550, "5.7.1", "no")]
    assert link.broken
    link.cut()
    server.close()


@pytest.mark.parametrize("said", ["", "421 bye\r\n", "what?\r\n"])
async def test_a_refusal_of_everybody_stands_whatever_is_said_to_data(said: str) -> None:
    script = Script(RCPT="550 5.1.1 nobody\r\n", DATA=said)
    link, server = await talk(script)
    assert await link.send(transaction(), LETTER) == [Answer(550, "5.1.1", "nobody")]
    assert link.broken
    assert not script.content
    link.cut()
    server.close()


async def test_what_everybody_refused_does_not_spoil_the_next_message() -> None:
    script = Script(RCPT="550 5.1.1 nobody\r\n", END="554 5.5.1 no valid recipients\r\n")
    link, server = await talk(script)
    assert (await link.send(transaction(), LETTER))[0].permanent
    script.answers |= {"RCPT": "250 ok\r\n", "END": "250 2.0.0 kept\r\n"}
    assert (await link.send(transaction(), LETTER))[0].accepted
    await link.close()
    server.close()
    assert script.content == b"Subject: Tides\r\n\r\n..High\r\nat noon.\r\n.\r\n"


async def test_a_refused_data_does_not_spoil_the_next_message() -> None:
    script = Script(DATA="554 5.7.1 not this one\r\n")
    link, server = await talk(script)
    assert (await link.send(transaction(), LETTER))[0].permanent
    script.answers["DATA"] = "354 go\r\n"
    assert (await link.send(transaction(), LETTER))[0].accepted
    await link.close()
    server.close()
    assert [line.split(" ")[0] for line in script.heard[3:6]] == ["DATA", "RSET", "MAIL"]


def test_a_connection_reset_between_two_messages_says_nothing_about_the_next() -> None:
    async def reset_while_idle() -> None:
        sockets: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            sockets.append(writer)
            writer.write(b"220 mx\r\n")
            await reader.readline()
            writer.write(EHLO.encode())

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = await connect(Target("mx", "127.0.0.1", port), ANY, helo="x", tls=None, timeouts=QUICK)
        sockets[0].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sockets[0].transport.abort()
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionFailed):
            await link.send(transaction(), LETTER)
        assert link.broken
        await link.close()
        server.close()

    # The daemons' loop: asyncio's own forgives writing to what is gone.
    uvloop.run(reset_while_idle())


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"GREETING": "554 go away\r\n"}, "greeting_refused"),
        ({"GREETING": "HTTP/1.1 200 OK\r\n"}, "not_smtp"),
        ({"GREETING": "220 " + "x" * 3 * MAX_LINE}, "not_smtp"),
        ({"GREETING": "220-more\r\n" * (MAX_LINES + 1)}, "not_smtp"),
        ({"GREETING": ""}, "timeout"),
        ({"EHLO": "421 busy\r\n", "HELO": "421 busy\r\n"}, "hello_refused"),
        ({"EHLO": "450 busy\r\n", "HELO": "250 mx\r\n"}, "hello_refused"),
        ({"EHLO": "500 what\r\n", "HELO": "550 no\r\n"}, "hello_refused"),
        ({"EHLO": "250-endless\r\n"}, "timeout"),
    ],
)
async def test_a_server_that_does_not_speak_smtp(answers: dict[str, str], reason: str) -> None:
    with pytest.raises(ConnectionFailed) as failed:
        await sent(Script(**answers))
    assert failed.value.reason == reason


@pytest.mark.parametrize(
    "answers",
    [
        {"MAIL": ""},
        {"RCPT": "garbage\r\n"},
        {"END": ""},
        {"DATA": "354 go\r\n", "END": "\x00\r\n"},
        {"END": "250-2.0.0 kept\r\n550 5.7.1 or not\r\n"},
        {"RCPT": "450-4.2.0 wait\r\n550 5.1.1 nobody\r\n"},
    ],
)
async def test_a_server_that_fails_inside_a_transaction_says_nothing_about_the_message(answers: dict[str, str]) -> None:
    with pytest.raises(ConnectionFailed):
        await sent(Script(**answers))


async def test_words_of_the_server_become_one_line_of_printable_ascii() -> None:
    script = Script(END="554-5.7.1 a\x1b[31m\r\n554-5.7.1 \u00e1b\r\n554 5.7.1 " + "c" * 900 + "\r\n")
    [answer] = await sent(script)
    assert answer.text.isprintable()
    assert answer.text.isascii()
    assert len(answer.text) <= MAX_TEXT
    assert answer.text.startswith("a?[31m")
    [answer] = await sent(Script(END="550-5.7.1 refused\r\n550 see our pages\r\n"))
    assert answer == Answer(550, "5.7.1", "refused see our pages")


async def test_a_connection_that_is_refused() -> None:
    with pytest.raises(ConnectionFailed) as failed:
        await connect(Target("mx", "127.0.0.1", 1), ANY, helo="x", tls=None, timeouts=QUICK)
    assert failed.value.reason == "refused"


STARTTLS = EHLO.replace("250 SMTPUTF8", "250 STARTTLS")


class Authority:
    """A host certificate for mx.other.test, and clients that trust its authority, or not."""

    def __init__(self, name: str = "mx.other.test", key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> None:
        self._authority = trustme.CA()
        issued = self._authority.issue_cert(name, key_type=key_type)
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issued.configure_cert(self.server)
        pems = [*issued.cert_chain_pems, self._authority.cert_pem]
        self.certificate, self.root = (x509.load_pem_x509_certificate(pem.bytes()) for pem in (pems[0], pems[-1]))

    def client(self, *, trusts: bool = True) -> Tls:
        made = tls(lambda: datetime.now(UTC))
        if trusts:
            self._authority.configure_trust(made.authorities)
        return made

    def script(self, **answers: str) -> Script:
        script = Script(**{"EHLO": STARTTLS, "STARTTLS": "220 go\r\n", **answers})
        script.tls = self.server
        return script


BY_AUTHORITIES = Requirement("mx.other.test", tls=True, check=Check.AUTHORITIES, names=("mx.other.test",))


def by_dane(*records: Tlsa) -> Requirement:
    return Requirement("mx.other.test", tls=True, check=Check.DANE, names=("mx.other.test",), records=records)


async def reached(script: Script, client: Tls, requirement: Requirement) -> Connection:
    link, server = await talk(script, client, requirement)
    await link.close()
    server.close()
    return link


async def test_tls_is_used_where_it_is_offered_and_ehlo_said_again() -> None:
    authority = Authority("elsewhere.test")
    script = authority.script()
    link, server = await talk(script, authority.client(trusts=False))
    assert link.secure
    assert (await link.send(transaction(sender=""), LETTER))[0].accepted
    await link.close()
    server.close()
    assert [line.split(" ")[0] for line in script.heard] == ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


async def test_words_in_clear_behind_starttls_are_never_believed() -> None:
    authority = Authority()
    script = authority.script(EHLO="250-mx\r\n250 STARTTLS\r\n", STARTTLS="220 go\r\n250-mx\r\n250 SIZE 1\r\n")
    try:
        link = await reached(script, authority.client(), ANY)
    except ConnectionFailed:
        return
    assert "SIZE" not in link.extensions


async def test_tls_that_fails_is_no_reason_to_go_on_in_clear() -> None:
    for answer in ("220 go\r\n", "454 not now\r\n"):
        script = Script(EHLO="250-mx\r\n250 STARTTLS\r\n", STARTTLS=answer)
        with pytest.raises(ConnectionFailed) as failed:
            await talk(script, Authority().client())
        assert failed.value.reason in {"tls_failed", "tls_refused", "timeout"}
        assert not any(line.startswith("MAIL") for line in script.heard)


async def test_a_host_that_lost_the_word_starttls_hears_no_more_under_a_policy() -> None:
    script = Script()
    with pytest.raises(ConnectionFailed) as failed:
        await talk(script, Authority().client(), BY_AUTHORITIES)
    assert (failed.value.reason, failed.value.result) == ("tls_stripped", ResultType.STARTTLS_NOT_SUPPORTED)
    assert script.heard == ["EHLO mx.is-1.example"]


@pytest.mark.parametrize(
    ("name", "trusts", "result"),
    [
        ("mx.other.test", True, None),
        ("elsewhere.test", True, ResultType.CERTIFICATE_HOST_MISMATCH),
        ("mx.other.test", False, ResultType.CERTIFICATE_NOT_TRUSTED),
    ],
)
async def test_authorities_vouch_for_the_very_name(name: str, trusts: bool, result: ResultType | None) -> None:
    authority = Authority(name)
    script = authority.script()
    if result is None:
        assert (await reached(script, authority.client(trusts=trusts), BY_AUTHORITIES)).secure
        return
    with pytest.raises(ConnectionFailed) as failed:
        await talk(script, authority.client(trusts=trusts), BY_AUTHORITIES)
    assert (failed.value.reason, failed.value.result) == ("tls_certificate", result)
    assert not any(line.startswith("MAIL") for line in script.heard)


async def test_dane_asks_for_the_key_in_the_dns_and_for_nothing_else() -> None:
    authority = Authority("elsewhere.test")
    key = record_for(authority.certificate)
    assert (await reached(authority.script(), authority.client(trusts=False), by_dane(key))).secure
    other = record_for(Authority().certificate)
    for records in ((other,), (Tlsa(3, 1, 1, b"x" * 32),)):
        with pytest.raises(ConnectionFailed) as failed:
            await talk(authority.script(), authority.client(), by_dane(*records))
        assert (failed.value.reason, failed.value.result) == ("dane_mismatch", ResultType.VALIDATION_FAILURE)
    # A key and its successor: one of them is enough.
    assert (await reached(authority.script(), authority.client(), by_dane(other, key))).secure


async def test_an_authority_in_the_dns_must_be_sent_by_the_host() -> None:
    authority = Authority()
    anchor = Tlsa(2, 1, 1, hashlib.sha256(selected(authority.root, 1)).digest())
    with pytest.raises(ConnectionFailed) as failed:
        await talk(authority.script(), authority.client(), by_dane(anchor))
    assert failed.value.reason == "dane_mismatch"


async def test_what_the_author_wants_to_be_told_travels_where_it_is_understood() -> None:
    wishes = Transaction(
        "ada@example.is",
        [Forward("cleo@other.test", "other.test", "SUCCESS,DELAY", "rfc822;cleo@example.is")],
        returns="HDRS",
        envid="QQ314159",
    )
    for ehlo, mail, rcpt in (
        (
            EHLO.replace("8BITMIME", "DSN"),
            " RET=HDRS ENVID=QQ314159",
            " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;cleo@example.is",
        ),
        (EHLO, "", ""),
    ):
        script = Script(EHLO=ehlo)
        link, server = await talk(script)
        assert link.tells is bool(rcpt)
        await link.send(wishes, LETTER)
        await link.close()
        server.close()
        assert script.heard[1] == f"MAIL FROM:<ada@example.is> SIZE={len(LETTER)}{mail}"
        assert script.heard[2] == f"RCPT TO:<cleo@other.test>{rcpt}"


async def test_a_promise_of_encryption_counts_only_under_encryption() -> None:
    authority = Authority()
    promising = STARTTLS.replace("8BITMIME", "REQUIRETLS")
    script = authority.script(EHLO=promising)
    link, server = await talk(script, authority.client(), BY_AUTHORITIES)
    assert link.requiretls
    await link.send(transaction(requiretls=True), LETTER)
    await link.close()
    server.close()
    assert script.heard[3].endswith(" REQUIRETLS")
    link, server = await talk(Script(EHLO=promising), None)
    assert not link.requiretls
    await link.close()
    server.close()


@pytest.mark.parametrize(
    ("answer", "passing"), [("454 4.7.0 not now\r\n", True), ("502 5.5.1 never\r\n", False), ("220 go\r\n", True)]
)
async def test_who_cannot_encrypt_now_may_in_an_hour(answer: str, *, passing: bool) -> None:
    script = Script(EHLO=STARTTLS, STARTTLS=answer)
    if answer.startswith("220"):
        script.leaves = "STARTTLS"
    with pytest.raises(ConnectionFailed) as failed:
        await talk(script, Authority().client(), BY_AUTHORITIES)
    assert failed.value.reason in {"tls_refused", "tls_failed"}
    assert failed.value.passing is passing


async def test_a_tls_alert_is_a_failed_handshake() -> None:
    authority = Authority()
    authority.server.minimum_version = ssl.TLSVersion.TLSv1_3
    old = authority.client()
    old.anyone.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ConnectionFailed) as failed:
        await talk(authority.script(), old, ANY)
    assert (failed.value.reason, failed.value.result) == ("tls_failed", ResultType.VALIDATION_FAILURE)
