"""Answers of other IMAP hosts, as they write them; the conversation itself is in tests/journeys."""

from __future__ import annotations

import imaplib
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.adapters.sources import imap
from mailhost.imap.store import NewMessage
from mailhost.importing.source import Bad, Letter, Why


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'(\\HasNoChildren) "/" INBOX', (["\\hasnochildren"], "/", b"INBOX")),
        (b'(\\Sent) "." "Sent Items"', (["\\sent"], ".", b"Sent Items")),
        (b'() "\\\\" "a\\"b\\\\c"', ([], "\\", b'a"b\\c')),
        (b"() NIL Flat", ([], "", b"Flat")),
        ((b'(\\NoSelect) "/" {5}', b'a"b c'), (["\\noselect"], "/", b'a"b c')),
    ],
)
def test_list_answers(line: object, expected: object) -> None:
    assert list(imap._listing([line])) == [expected]


@pytest.mark.parametrize(
    ("line", "own", "foreign"),
    [
        (b'(("" "/")) NIL NIL', "", ()),
        (b'(("INBOX." ".")) NIL NIL', "INBOX.", ()),
        (b'(("" "/")) (("~" "/")) (("#shared/" "/")("#public/" "/"))', "", ("~", "#shared/", "#public/")),
        (b'NIL NIL (("" "."))', "", ()),
        (b'(("" "/" "X-PARAM" ("a" "b"))) (("user." ".")) NIL', "", ("user.",)),
        (b"nonsense", "", ()),
    ],
)
def test_namespaces(line: bytes, own: str, foreign: tuple[str, ...]) -> None:
    assert imap._prefixes(line) == (own, foreign)


def test_fetch_answers_in_every_order() -> None:
    when = datetime(2023, 1, 2, 2, 4, 5, tzinfo=UTC)
    date = b'INTERNALDATE " 2-Jan-2023 03:04:05 +0100"'
    found = list(
        imap._letters(
            [
                (b"1 (UID 5 FLAGS (\\seen $Work \\Recent \\Strange) " + date + b" BODY[] {14}", b"Subject: 1\r\n\r\n"),
                b")",
                (b"2 (BODY[] {14}", b"Subject: 2\r\n\r\n"),
                b' FLAGS (\\Flagged) UID 6 INTERNALDATE "nonsense")',
                b'3 (UID 7 FLAGS () BODY[] "Subject: \\"3\\"")',
                b"4 (UID 8 FLAGS () BODY[] NIL)",
                b"5 (FLAGS (\\Seen))",
                (b"6 (UID 9 BODY[] {0}", b""),
                b")",
            ]
        )
    )
    assert found == [
        Letter(5, NewMessage(b"Subject: 1\r\n\r\n", ("\\Seen", "$Work"), when)),
        Letter(6, NewMessage(b"Subject: 2\r\n\r\n", ("\\Flagged",), None)),
        Letter(7, NewMessage(b'Subject: "3"', (), None)),
        Bad(8, Why.EMPTY),
        Bad(9, Why.EMPTY),
    ]


@given(st.lists(st.one_of(st.binary(), st.tuples(st.binary(), st.binary()))))
def test_no_answer_raises(lines: list[bytes | tuple[bytes, bytes]]) -> None:
    list(imap._letters(lines))
    list(imap._listing(lines))
    for line in lines:
        if isinstance(line, bytes):
            imap._prefixes(line)
            imap._name(line)


def test_batches_are_bounded_in_number_and_octets() -> None:
    sizes = dict.fromkeys(range(1, 301), 10) | {301: imap.BATCH_OCTETS, 302: 1}
    batches = list(imap._batches(list(sizes), sizes))
    assert [len(batch) for batch in batches] == [100, 100, 100, 1, 1]


def _host(answers: Mapping[bytes, bytes]) -> socket.socket:
    """The near end of a connection to a host that says this before the OK to each command, and first to nobody."""
    near, far = socket.socketpair()

    def serve() -> None:
        with far, far.makefile("rwb", buffering=0) as wire:
            wire.write(answers.get(b"", b""))
            for line in wire:
                tag, name, *_ = line.split()
                wire.write(answers.get(name, b"") + tag + b" OK done\r\n")

    threading.Thread(target=serve, daemon=True).start()
    return near


class Handshake(ssl.SSLContext):
    """In place of TLS: what is said from now on is said by `host`."""

    host: socket.socket

    def wrap_socket(self, *_: object, **__: object) -> ssl.SSLSocket:
        return self.host  # type: ignore[return-value]  # a plain socket, and imaplib asks nothing else of it


def test_nothing_that_was_told_before_tls_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    forged = b'* LIST () "/" Forged\r\n* NAMESPACE (("Forged/" "/")) NIL NIL\r\n* CAPABILITY IMAP4rev1 NAMESPACE\r\n'
    greeting, able = b"* OK ready\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\n"
    between = _host({b"": greeting, b"CAPABILITY": able, b"STARTTLS": forged})
    tls = Handshake(ssl.PROTOCOL_TLS_CLIENT)
    tls.host = _host({b"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", b"LIST": b'* LIST () "/" INBOX\r\n'})
    monkeypatch.setattr(imaplib.IMAP4, "_create_socket", lambda *_: between)
    login = imap.Login("imap.example.is", 143, "ada", "word", imap.Security.STARTTLS)
    with closing(between), closing(tls.host):
        found = imap._connected(login, tls)
        assert found.untagged_responses == {}
        assert found.capabilities == ("IMAP4REV1", "AUTH=PLAIN")
        found.state = "AUTH"
        assert found.list() == ("OK", [b'() "/" INBOX'])
