"""Answers of other IMAP hosts, as they write them; the conversation itself is in tests/journeys."""

from __future__ import annotations

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
