"""Kept renderings: what this program writes passes, and nothing else reaches the wire."""

import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhost.message.bodystructure import render
from mailhost.message.describe import MAX_RENDERING, describe
from mailhost.message.envelope import envelope
from mailhost.message.rendered import checked_envelope, checked_structure
from mailhost.message.structure import scan
from tests.message.imap import check_body, check_envelope, parse
from tests.message.mail import NESTED, mail
from tests.patience import PATIENCE

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.eml"))
ENVELOPE = envelope(scan(NESTED).headers).decode()
STRUCTURE = render(scan(NESTED)).bodystructure.decode()
PLAIN = '("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 5 1)'
MESSAGE = '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 9 ' + ENVELOPE + " %s 3)"

# Pieces that mean something to this program's writer, to a client, or to the check itself.
PIECES = st.sampled_from(
    [*'()" \\\r\n\0019NIBé', '"', '""', "NIL", "{3}\r\n", "\r\n* BYE\r\n", '("a" "b")', "B", "\x7f"]
)


def test_every_sample_passes() -> None:
    assert SAMPLES
    for sample in SAMPLES:
        found = describe(sample.read_bytes())
        assert found.envelope is None or "{" in found.envelope or checked_envelope(found.envelope), sample.name
        for text in (found.body, found.bodystructure):
            assert text is None or "{" in text or checked_structure(text), sample.name


@given(st.text(st.sampled_from('ada@example.is,;:<>"\\() =?utf-8?q?é?=\t\x01\x7f'), max_size=120))
@example('"(\\"" <ada@example.is>, Harbour: ben@example.is;')
def test_every_envelope_that_is_written_passes(value: str) -> None:
    message = mail(*[f"{name}: {value}" for name in ("From", "To", "Subject", "Date", "Message-ID")], "", "")
    written = envelope(scan(message).headers)
    assert checked_envelope(written.decode()) == written


@given(st.text(st.sampled_from("abc/;=\"\\() ,é*'%0\t\x01\x7f"), max_size=120))
@example('attachment; filename="(\\"x"')
def test_every_structure_that_is_written_passes(value: str) -> None:
    fields = [f"Content-{name}: {value}" for name in ("Disposition", "Language", "Location", "ID", "Description")]
    inner = mail(f"Subject: {value}", f"Content-Type: text/plain; {value}", *fields, "", "text")
    for kind in ("message/rfc822", "multipart/mixed; boundary=b", f"image/png; name={value}"):
        for found in render(scan(mail(f"Content-Type: {kind}", *fields, "", "--b", inner.decode(), "--b--"))):
            assert b"{" in found or checked_structure(found.decode()) == found


def test_messages_in_messages_pass_to_the_depth_that_is_read() -> None:
    content = mail("Subject: x", "", "text")
    for _ in range(40):
        content = mail("Subject: x", "Content-Type: message/rfc822", "", content)
    for found in render(scan(content)):
        assert checked_structure(found.decode()) == found


@given(st.sampled_from([ENVELOPE, STRUCTURE, PLAIN, MESSAGE % PLAIN]), st.data())
def test_a_mutated_rendering_is_one_whole_value_or_is_refused(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(PIECES) + text[at + data.draw(st.integers(0, 3)) :]
    told = checked_envelope(text)
    if told is not None:
        assert told == text.encode("ascii")
        assert not set(told) & set(b"\r\n\0")
        node = parse(told)
        assert isinstance(node, list)
        assert len(node) == 10
    told = checked_structure(text)
    if told is not None:
        assert told == text.encode("ascii")
        assert not set(told) & set(b"\r\n\0")
        assert isinstance(parse(told), list)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NIL",
        "()",
        "B",
        "\x01",
        '("TEXT" B)',
        '(B "MIXED")',
        PLAIN + PLAIN,
        PLAIN + "\r\n",
        PLAIN + "\n",
        PLAIN + ")\r\n* 1 FETCH (FLAGS (\\Deleted)",
        PLAIN[:-1],
        PLAIN.replace("us-ascii", 'us"ascii'),
        PLAIN.replace("us-ascii", "us\r\n* BYE"),
        PLAIN.replace("us-ascii", "us\\ascii"),
        PLAIN.replace("us-ascii", "us\0ascii"),
        PLAIN.replace("us-ascii", "ús-ascii"),
        PLAIN.replace('"us-ascii"', "{8}\r\nus-ascii"),
        PLAIN.replace("NIL", "nothing"),
        PLAIN.replace(" 5 ", " -5 "),
        PLAIN.replace(" 5 ", " ٥ "),
        PLAIN.replace(" 5 ", f" {'5' * 20} "),
        (MESSAGE % PLAIN).replace("NIL", "{0}\r\n"),
        MESSAGE % (PLAIN + PLAIN),
        MESSAGE % "NIL",
    ],
)
def test_what_is_no_structure_is_refused(text: str) -> None:
    assert checked_structure(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(NIL NIL NIL)",
        ENVELOPE + " NIL",
        ENVELOPE + "\n",
        ENVELOPE + "\r\na OK done\r\n",
        ENVELOPE[:-1],
        ENVELOPE.replace("NIL)", "NIL NIL)"),
        ENVELOPE.replace("NIL", "nil"),
        ENVELOPE.replace("outer", "out\ner"),
        ENVELOPE.replace('"outer"', "{5}\r\nouter"),
        PLAIN,
    ],
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    assert checked_envelope(text) is None


def test_the_right_ones_are_right() -> None:
    check_envelope(parse(checked_envelope(ENVELOPE) or b""))
    check_body(parse(checked_structure(STRUCTURE) or b""), extended=True)
    assert checked_structure(MESSAGE % PLAIN) is not None


def test_longer_and_deeper_than_any_that_is_kept_is_refused() -> None:
    long = PLAIN.replace("us-ascii", "x" * MAX_RENDERING)
    assert checked_structure(long) is None
    assert checked_envelope(ENVELOPE.replace("outer", "x" * MAX_RENDERING)) is None
    deep = "(" * 60 + PLAIN + ' "MIXED")' * 60
    assert len(deep) < MAX_RENDERING
    assert checked_structure(deep) is None
    assert checked_structure("(" * 20 + PLAIN + ' "MIXED")' * 20) is not None


@pytest.mark.parametrize(
    "text",
    [
        "(" * MAX_RENDERING,
        '"' * MAX_RENDERING,
        '("a" "b" (' + '"a" "b" ' * (MAX_RENDERING // 8 - 2),
        PLAIN * (MAX_RENDERING // len(PLAIN)),
        "(NIL NIL (" + "(NIL NIL NIL NIL)" * 350,
        '("' + '\\"' * (MAX_RENDERING // 2 - 1),
    ],
)
def test_the_work_is_linear(text: str) -> None:
    """A pattern that tried again what it had passed would not come to an end here."""
    done = threading.Thread(target=lambda: (checked_envelope(text), checked_structure(text)), daemon=True)
    done.start()
    done.join(timeout=PATIENCE)
    assert not done.is_alive()
