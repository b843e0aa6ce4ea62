"""BODY and BODYSTRUCTURE: the RFC's examples, the traps, and any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message import bodystructure
from mailhost.message.bodystructure import Rendered, render
from mailhost.message.structure import scan
from tests.message.imap import check_body, parse
from tests.message.mail import NESTED, mail


def of(*lines: str | bytes, utf8: bool = False) -> Rendered:
    return render(scan(mail(*lines)), utf8=utf8)


def test_a_plain_message_shows_the_defaults() -> None:
    assert of("Subject: x", "", "one", "") == Rendered(
        body=b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 5 1)',
        bodystructure=b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 5 1 NIL NIL NIL NIL)',
    )


def test_every_field_of_a_part_is_shown() -> None:
    found = of(
        "Content-Type: image/png; name=a.png",
        "Content-Transfer-Encoding: base64",
        "Content-ID: <1@example.is>",
        "Content-Description: A picture",
        "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
        "Content-Disposition: inline; filename=a.png; size=3",
        "Content-Language: en, is",
        "Content-Location: http://example.is/a.png",
        "",
        "AAAA",
    )
    assert found.bodystructure == (
        b'("IMAGE" "PNG" ("NAME" "a.png") "<1@example.is>" "A picture" "BASE64" 4 "Q2hlY2sgSW50ZWdyaXR5IQ==" '
        b'("INLINE" ("FILENAME" "a.png" "SIZE" "3")) ("en" "is") "http://example.is/a.png")'
    )
    assert found.body == b'("IMAGE" "PNG" ("NAME" "a.png") "<1@example.is>" "A picture" "BASE64" 4)'


def test_nested_parts_and_messages() -> None:
    found = render(scan(NESTED))
    forwarded = NESTED[NESTED.index(b"From: Ben") : NESTED.index(b"\r\n--outer--")]
    ben = b'(("Ben" NIL "ben" "example.is"))'
    assert found.body == (
        b'((("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 15 0)'
        b'("TEXT" "HTML" ("CHARSET" "us-ascii") NIL NIL "7BIT" 5 0) "ALTERNATIVE")'
        b'("MESSAGE" "RFC822" NIL NIL "forwarded" "7BIT" %d (NIL "inner" %b %b %b NIL NIL NIL NIL NIL) '
        b'(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 3 0)'
        b'("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 8) "MIXED") %d) "MIXED")'
    ) % (len(forwarded), ben, ben, ben, forwarded.count(b"\n"))
    assert found.bodystructure.endswith(b' "MIXED" ("BOUNDARY" "outer") NIL NIL NIL)')
    check_body(parse(found.body), extended=False)
    check_body(parse(found.bodystructure), extended=True)


def test_an_empty_multipart_has_an_empty_text_part() -> None:
    found = of("Content-Type: multipart/mixed; boundary=a", "", "")
    assert found.body == b'(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 0 0) "MIXED")'


def test_a_missing_charset_is_named_before_other_parameters_and_a_present_one_is_not() -> None:
    assert b'("CHARSET" "us-ascii" "FORMAT" "flowed")' in of("Content-Type: text/plain; format=flowed", "", "").body
    assert b'("CHARSET" "utf-8")' in of("Content-Type: text/plain; charset=utf-8", "", "").body
    assert b'("CHARSET*" "\'\'utf-8")' in of("Content-Type: text/plain; charset*=''utf-8", "", "").body


def test_raw_8_bit_never_reaches_a_7_bit_client() -> None:
    lines: list[str | bytes] = [
        b'Content-Type: application/x; name="S\xe6ll"; b\xe6d=1',
        b"Content-Disposition: attachment; filename=S\xc3\xa6ll.pdf; filename*=utf-8''kept",
        b"Content-Description: S\xe6ll",
        b"Content-ID: <\xe6>",
        b"Content-Transfer-Encoding: b\xe6se64",
        b"Content-Language: \xe6",
        "",
        "",
    ]
    found = of(*lines)
    assert found.bodystructure.isascii()
    assert b'"NAME*" "utf-8\'\'S%C3%A6ll"' in found.bodystructure
    assert b'("FILENAME*" "utf-8\'\'kept")' in found.bodystructure
    assert b'"=?utf-8?' in found.bodystructure
    assert b'"<?>"' in found.bodystructure
    check_body(parse(found.bodystructure), extended=True)
    raw = of(*lines, utf8=True).bodystructure
    assert '"NAME" "Sæll"'.encode() in raw
    check_body(parse(raw), extended=True)


def test_a_global_message_is_a_message_only_for_clients_that_know_it() -> None:
    lines = ["Content-Type: message/global", "", "Subject: Sæll", "", "x"]
    assert b'"MESSAGE" "GLOBAL" NIL NIL NIL "7BIT"' in of(*lines).body
    assert b"ENVELOPE" not in of(*lines).body
    assert '(NIL "Sæll" NIL'.encode() in of(*lines, utf8=True).body
    for utf8 in (False, True):
        check_body(parse(of(*lines, utf8=utf8).bodystructure), extended=True)


def test_empty_dispositions_and_languages_are_nil_or_named() -> None:
    assert b"NIL NIL NIL NIL)" in of("Content-Disposition:", "Content-Language: ,,", "", "").bodystructure
    assert b'("ATTACHMENT" NIL)' in of("Content-Disposition: attachment", "", "").bodystructure
    assert b'("ATTACHMENT" ("FILENAME" "a"))' in of("Content-Disposition: ;filename=a", "", "").bodystructure
    assert b' "en" NIL)' in of("Content-Language: en", "", "").bodystructure


def test_languages_beyond_the_limit_are_not_listed() -> None:
    found = of("Content-Language: " + ",".join(["en"] * 100), "", "").bodystructure
    assert found.count(b'"en"') == bodystructure.MAX_LANGUAGES


FRAGMENTS = st.sampled_from(
    [
        b"Content-Type: ",
        b"Content-Disposition: ",
        b"Content-Language: ",
        b"Content-Transfer-Encoding: ",
        b"multipart/mixed; boundary=b",
        b"message/rfc822",
        b"message/global",
        b"message/x",
        b"text/",
        b"; name*0*=",
        b"; n=",
        b'"',
        b"\r\n",
        b"\r\n\r\n",
        b"--b\r\n",
        b"--b--",
        b",",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=3), max_size=40).map(b"".join))
def test_any_bytes_give_a_body_by_the_grammar(message: bytes) -> None:
    for utf8 in (False, True):
        found = render(scan(message), utf8=utf8)
        assert utf8 or found.bodystructure.isascii()
        found.bodystructure.decode("utf-8")
        check_body(parse(found.body), extended=False)
        check_body(parse(found.bodystructure), extended=True)


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=b", "message/rfc822"])
def test_the_deepest_nesting_is_rendered(kind: str) -> None:
    found = render(scan(f"Content-Type: {kind}\r\n\r\n--b\r\n".encode() * 100))
    check_body(parse(found.bodystructure), extended=True)
