"""The SMTP client against a script: what it says, in what order, and what a hostile server can make of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest
import trustme

from mailhost.mxwalk import Target
from mailhost.smtp.client import MAX_LINE, MAX_LINES, MAX_TEXT, Connection, Timeouts, connect
from mailhost.transport import Answer, ConnectionFailed

pytestmark = pytest.mark.journey

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
        self.tls: ssl.SSLContext | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answers["GREETING"].encode())
        try:
            while line := (await reader.readline()).decode(errors="replace"):
                verb = line.split(" ")[0].strip().upper()
                self.heard.append(line.rstrip("\r\n"))
                writer.write(self.answers.get(verb, "500 what?\r\n").encode())
                if verb == "DATA" and self.answers["DATA"].startswith("354"):
                    self.content = await reader.readuntil(b"\r\n.\r\n")
                    writer.write(self.answers["END"].encode())
                if verb == "STARTTLS" and self.tls is not None and self.answers["STARTTLS"].startswith("220"):
                    await writer.drain()
                    await writer.start_tls(self.tls)
                if verb == "QUIT":
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def talk(script: Script, client: ssl.SSLContext | None = None) -> tuple[Connection, asyncio.Server]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        made = await connect(
            Target("mx.other.test", "127.0.0.1", port), helo="mx.is-1.example", context=client, timeouts=QUICK
        )
    except BaseException:
        server.close()
        raise
    return made, server


async def sent(script: Script, *recipients: str, content: bytes = LETTER, smtputf8: bool = False) -> list[Answer]:
    link, server = await talk(script)
    try:
        return await link.send("ada@example.is", recipients or ("cleo@other.test",), content, smtputf8=smtputf8)
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
        assert (await link.send("", ["cleo@other.test"], content))[0].accepted
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
    assert "DATA" not in refused.heard
    assert (await sent(Script(MAIL="451 4.3.0 later\r\n")))[0] == Answer(451, "4.3.0", "later")
    assert (await sent(Script(DATA="452 4.3.1 full\r\n")))[0] == Answer(452, "4.3.1", "full")
    assert (await sent(Script(END="554 5.7.1 spam\r\n")))[0] == Answer(554, "5.7.1", "spam")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"GREETING": "554 go away\r\n"}, "greeting_refused"),
        ({"GREETING": "HTTP/1.1 200 OK\r\n"}, "not_smtp"),
        ({"GREETING": "220 " + "x" * 3 * MAX_LINE}, "not_smtp"),
        ({"GREETING": "220-more\r\n" * (MAX_LINES + 1)}, "not_smtp"),
        ({"GREETING": ""}, "timeout"),
        ({"EHLO": "421 busy\r\n", "HELO": "421 busy\r\n"}, "hello_refused"),
        ({"EHLO": "250-endless\r\n"}, "timeout"),
    ],
)
async def test_a_server_that_does_not_speak_smtp(answers: dict[str, str], reason: str) -> None:
    with pytest.raises(ConnectionFailed) as failed:
        await sent(Script(**answers))
    assert failed.value.reason == reason


@pytest.mark.parametrize(
    "answers", [{"MAIL": ""}, {"RCPT": "garbage\r\n"}, {"END": ""}, {"DATA": "354 go\r\n", "END": "\x00\r\n"}]
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


async def test_a_connection_that_is_refused() -> None:
    with pytest.raises(ConnectionFailed) as failed:
        await connect(Target("mx", "127.0.0.1", 1), helo="x", context=None, timeouts=QUICK)
    assert failed.value.reason == "refused"


@pytest.fixture
def contexts() -> tuple[ssl.SSLContext, Callable[[], ssl.SSLContext]]:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.test").configure_cert(server)

    def client() -> ssl.SSLContext:
        from mailhost.smtp.client import opportunistic_context

        return opportunistic_context()

    return server, client


async def test_tls_is_used_where_it_is_offered_and_ehlo_said_again(
    contexts: tuple[ssl.SSLContext, Callable[[], ssl.SSLContext]],
) -> None:
    script = Script(EHLO=EHLO.replace("250 SMTPUTF8", "250 STARTTLS"), STARTTLS="220 go\r\n")
    script.tls = contexts[0]
    link, server = await talk(script, contexts[1]())
    assert link.secure
    assert (await link.send("", ["cleo@other.test"], LETTER))[0].accepted
    await link.close()
    server.close()
    assert [line.split(" ")[0] for line in script.heard] == ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]


async def test_words_in_clear_behind_starttls_are_never_believed(
    contexts: tuple[ssl.SSLContext, Callable[[], ssl.SSLContext]],
) -> None:
    script = Script(EHLO="250-mx\r\n250 STARTTLS\r\n", STARTTLS="220 go\r\n250-mx\r\n250 SIZE 1\r\n")
    script.tls = contexts[0]
    try:
        link, server = await talk(script, contexts[1]())
    except ConnectionFailed:
        return
    assert "SIZE" not in link.extensions
    await link.close()
    server.close()


async def test_tls_that_fails_is_no_reason_to_go_on_in_clear(
    contexts: tuple[ssl.SSLContext, Callable[[], ssl.SSLContext]],
) -> None:
    for answer in ("220 go\r\n", "454 not now\r\n"):
        script = Script(EHLO="250-mx\r\n250 STARTTLS\r\n", STARTTLS=answer)
        with pytest.raises(ConnectionFailed) as failed:
            await talk(script, contexts[1]())
        assert failed.value.reason in {"tls_failed", "tls_refused", "timeout"}
        assert not any(line.startswith("MAIL") for line in script.heard)
