"""ENVELOPE as RFC 9051 §7.5.2 has it and as clients survive it."""

import email.headerregistry
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.encodedwords import decode_words
from mailhost.message.envelope import envelope
from mailhost.message.headers import Headers, read_headers
from mailhost.message.imapstrings import MAX_QUOTED, identifier, string, text
from tests.message.imap import Node, check_envelope, parse
from tests.message.mail import mail

ADA = b'((NIL NIL "ada" "example.is"))'


def of(*lines: str | bytes, utf8: bool = False) -> bytes:
    return envelope(read_headers(mail(*lines, "", "body")), utf8=utf8)


def entries(node: Node) -> list[tuple[str, str, str]]:
    """The addresses of a parsed list as decoded (name, mailbox, host)."""
    found = []
    assert isinstance(node, list)
    for entry in node:
        assert isinstance(entry, list)
        name, _, local, host = (decode_words(field) if isinstance(field, bytes) else "" for field in entry)
        found.append((name, local, host))
    return found


def test_the_example_of_the_rfc() -> None:
    # RFC 9051 §8, message 4.
    message = mail(
        "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
        "From: Terry Gray <gray@cac.washington.edu>",
        "Subject: IMAP4rev2 WG mtg summary and minutes",
        "To: imap@cac.washington.edu",
        "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>",
        "Message-Id: <B27397-0100000@cac.washington.ed>",
        "MIME-Version: 1.0",
        "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII",
        "",
        "",
    )
    assert envelope(read_headers(message)) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
        b'"<B27397-0100000@cac.washington.ed>")'
    )


def test_an_empty_header_is_ten_nils() -> None:
    assert envelope(Headers(b"")) == b"(" + b" ".join([b"NIL"] * 10) + b")"


def test_a_missing_from_gives_nil_and_nothing_else_breaks() -> None:
    assert of("To: ada@example.is") == b"(NIL NIL NIL NIL NIL " + ADA + b" NIL NIL NIL NIL)"


@pytest.mark.parametrize("empty", ["", " ", ",", "<>"])
def test_sender_and_reply_to_follow_from_where_they_are_absent_or_empty(empty: str) -> None:
    for lines in (["From: ada@example.is"], ["From: ada@example.is", f"Sender: {empty}", f"Reply-To:{empty}"]):
        assert of(*lines) == b"(NIL NIL " + b" ".join([ADA] * 3) + b" NIL NIL NIL NIL NIL)"


def test_sender_and_reply_to_are_their_own_where_they_are_there() -> None:
    found = parse(of("From: ada@example.is", "Sender: Ben <ben@example.is>", "Reply-To: list@demo.test"))
    assert isinstance(found, list)
    assert found[3:5] == [[[b"Ben", None, b"ben", b"example.is"]], [[None, None, b"list", b"demo.test"]]]


def test_groups_are_marked_with_nil_hosts() -> None:
    found = of("To: team: ada@example.is;, undisclosed-recipients:;")
    assert (
        b'((NIL NIL "team" NIL)(NIL NIL "ada" "example.is")(NIL NIL NIL NIL)'
        b'(NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))' in found
    )
    check_envelope(parse(found))


def test_an_address_without_domain_is_no_group() -> None:
    assert b'(NIL NIL "root" "")' in of("From: root")
    assert b'("Ada" NIL "" "")' in of("From: Ada <>")


def test_source_routes_are_kept() -> None:
    assert b'(NIL "@relay.example" "ada" "example.is")' in of("From: <@relay.example:ada@example.is>")


def test_repeated_address_fields_count_as_one_list() -> None:
    assert b'((NIL NIL "a" "x.test")(NIL NIL "b" "x.test"))' in of("To: a@x.test", "To: b@x.test")


def test_folded_and_quoted_values_need_no_literal() -> None:
    found = of("Subject: a", ' "quoted" \\ back', 'Message-ID: <"odd"@example.is>')
    assert found.startswith(b'(NIL "a \\"quoted\\" \\\\ back" NIL')
    assert b'"<\\"odd\\"@example.is>"' in found


def test_encoded_words_stay_as_they_are() -> None:
    assert b'"=?utf-8?q?S=C3=A6ll?="' in of("Subject: =?utf-8?q?S=C3=A6ll?=")
    assert b'("=?utf-8?q?=C3=81da?=" NIL "ada"' in of("From: =?utf-8?q?=C3=81da?= <ada@example.is>")


def test_raw_8_bit_text_becomes_encoded_words() -> None:
    found = of(b"Subject: S\xe6ll", "From: Áda <áda@münchen.example>", b"Date: \xff", b"Message-ID: <\xc3\xa6@x>")
    assert found.isascii()
    fields = parse(found)
    assert isinstance(fields, list)
    assert isinstance(fields[1], bytes)
    assert decode_words(fields[1]) == "Sæll"
    assert entries(fields[2]) == [("Áda", "áda", "xn--mnchen-3ya.example")]
    assert found.startswith(b'("?" ')
    assert found.endswith(b'"<??@x>")')


def test_a_client_that_enabled_utf8_gets_valid_utf8() -> None:
    found = of(b"Subject: S\xe6ll", "From: Áda <áda@münchen.example>", utf8=True)
    assert '"Sæll" (("Áda" NIL "áda" "münchen.example"))'.encode() in found


def test_a_domain_that_cannot_be_converted_is_replaced_byte_by_byte() -> None:
    assert b'"a" "??.example")' in of(b"From: a@\xff\xfe.example")
    assert b'"a" "???.example")' in of("From: a@\u2044.example")


def test_nul_and_bare_line_ends_cannot_reach_the_wire() -> None:
    found = of(b"Subject: a\x00b\rc")
    assert b'"ab c"' in found


def test_long_strings_are_literals() -> None:
    for size in (MAX_QUOTED, MAX_QUOTED + 1):
        found = of("Subject: " + "x" * size)
        assert (b"{%d}\r\n" % size in found) is (size > MAX_QUOTED)
        check_envelope(parse(found))


def test_strings_choose_their_form() -> None:
    assert string(b"") == b'""'
    assert string(b"a b") == b'"a b"'
    assert identifier(None) == text(None) == b"NIL"
    assert text("\u00e6".encode() * 2000, utf8=True).startswith(b"{4000}\r\n")


FRAGMENTS = st.sampled_from(
    [
        b"From",
        b"To",
        b"Sender",
        b"Subject",
        b"Date",
        b": ",
        b"\r\n",
        b"\r\n ",
        b"a@b",
        b"<",
        b">",
        b'"',
        b"\\",
        b",",
        b":",
        b";",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=3), max_size=40).map(b"".join))
def test_any_header_gives_an_envelope_by_the_grammar(header: bytes) -> None:
    found = envelope(Headers(header))
    assert found.isascii()
    check_envelope(parse(found))
    envelope(Headers(header), utf8=True).decode("utf-8")
    check_envelope(parse(envelope(Headers(header), utf8=True)))


WORDS = st.text('abc ,;:@<>()"\\äß', min_size=1, max_size=15).map(str.strip).filter(bool)


@given(WORDS, st.lists(st.tuples(WORDS, st.text("abcxyz", min_size=1, max_size=8)), min_size=1, max_size=4))
def test_messages_of_the_standard_library_are_described(subject: str, people: list[tuple[str, str]]) -> None:
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = subject
    message["From"] = "ada@example.is"
    message["To"] = [email.headerregistry.Address(name, local, "example.is") for name, local in people]
    found = parse(envelope(read_headers(message.as_bytes())))
    check_envelope(found)
    assert isinstance(found, list)
    assert isinstance(found[1], bytes)
    assert decode_words(found[1]) == subject
    assert [(name, local) for name, local, _ in entries(found[5])] == people
