"""Authentication-Results: written, read back, and taken out where a stranger wrote them in our name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.results import (
    MAX_RESULTS,
    AuthenticationResults,
    BadResults,
    MethodResult,
    field,
    parse,
    render,
    without_forged,
)

HOST = "mx.is-1.example"


def test_nothing_checked_is_none() -> None:
    assert render([]) == "none"
    assert parse(f"{HOST}; none") == AuthenticationResults(HOST)


def test_results_are_written_as_rfc_8601_shows_them() -> None:
    results = [
        MethodResult("spf", "pass", (("smtp.mailfrom", "demo.test"),)),
        MethodResult("dkim", "fail", (("header.d", "demo.test"), ("header.b", "F45d/+Df")), "the body was changed"),
    ]
    assert render(results) == (
        "spf=pass smtp.mailfrom=demo.test; "
        'dkim=fail reason="the body was changed" header.d=demo.test header.b="F45d/+Df"'
    )


def test_the_field_is_folded() -> None:
    text = field(HOST, render([MethodResult("dkim", "pass", (("header.d", "example.is"),))] * 5))
    assert text.startswith(b"Authentication-Results: mx.is-1.example; dkim=pass")
    assert all(len(line) <= 78 for line in text.split(b"\r\n"))


def test_a_stranger_cannot_write_results_of_its_own() -> None:
    evil = 'x"; dmarc=pass header.from="bank.example\r\nX-Evil: 1'
    text = render([MethodResult("spf", "fail", (("smtp.mailfrom", evil),), evil)])
    assert parse(f"{HOST}; {text}").results == (
        MethodResult(
            "spf",
            "fail",
            (("smtp.mailfrom", "x? dmarc=pass header.from=?bank.example?X-Evil: 1"),),
            "x  dmarc=pass header.from= bank.example X-Evil: 1",
        ),
    )


TEXT = st.text(st.sampled_from('abZ09.-_@+ é"\\;()\r\n\t=/'), max_size=30)
RESULTS = st.lists(
    st.builds(
        MethodResult,
        st.sampled_from(["spf", "dkim", "dmarc", "x-own"]),
        st.sampled_from(["pass", "fail", "none", "temperror"]),
        st.lists(st.tuples(st.sampled_from(["smtp.mailfrom", "header.d"]), TEXT), max_size=3).map(tuple),
        TEXT,
    ),
    max_size=4,
)


@given(RESULTS)
def test_whatever_is_written_reads_back_with_the_same_results(results: list[MethodResult]) -> None:
    again = parse(f"{HOST}; {render(results)}")
    assert [(one.method, one.result) for one in again.results] == [(one.method, one.result) for one in results]
    assert [len(one.properties) for one in again.results] == [len(one.properties) for one in results]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.org 1; none", []),
        ("example.com; spf=pass smtp.mailfrom=example.net", [("spf", "pass", "smtp.mailfrom", "example.net")]),
        ('example.com; auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n\tspf=pass smtp.mailfrom="a b"@x', None),
        (
            (
                "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
                " policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it)"
                " 1362471462"
            ),
            [("dkim", "fail", "policy.expired", "1362471462")],
        ),
        ("mx.google.com; dkim=pass header.i=@d1.example;", [("dkim", "pass", "header.i", "@d1.example")]),
        (
            "example.com; dmarc=fail action=none header.from=d1.example",
            [("dmarc", "fail", "header.from", "d1.example")],
        ),
    ],
)
def test_the_samples_of_the_rfc_and_of_the_field_are_read(
    text: str, expected: list[tuple[str, str, str, str]] | None
) -> None:
    found = parse(text)
    if expected is not None:
        assert [(one.method, one.result, *one.properties[0]) for one in found.results] == expected


@pytest.mark.parametrize(
    "text",
    ["", ";", "host spf=pass", "host; =pass", "host; spf", "host; spf=", "host (", "host; spf=pass x", "host 2; none"],
)
def test_what_is_no_results_value_is_refused(text: str) -> None:
    with pytest.raises(BadResults):
        parse(text)


def test_bombs_are_refused() -> None:
    for bomb in ("h; " + "a=b;" * (MAX_RESULTS + 2), "h; a=b " + "c.d=e " * 50, "h" + "(" * 5000):
        with pytest.raises(BadResults):
            parse(bomb)


@given(st.text(st.sampled_from('ab.;=()"\\ /1\r\n@'), max_size=60))
def test_rubbish_raises_nothing_else(text: str) -> None:
    try:
        parse(text)
    except BadResults:
        return


MESSAGE = (
    b"Received: by mx.is-1.example\r\n"
    b"Authentication-Results: %s; dmarc=pass\r\n"
    b"\theader.from=bank.example\r\n"
    b"Subject: hi\r\n"
    b"\r\n"
    b"Authentication-Results: mx.is-1.example; in the body\r\n"
)


@pytest.mark.parametrize(
    "name",
    [
        b"mx.is-1.example",
        b"MX.IS-1.EXAMPLE",
        b"mx.is-1.example.",
        b"(c) mx.is-1.example",
        b'"mx.is-1.example" 1',
        b'"',
        b"mx.is-1.example/1",
        b"mx.is-1.example+",
        b'"mx.is-1.example x"',
    ],
)
def test_results_in_our_name_are_taken_out(name: bytes) -> None:
    left = bytes(without_forged(MESSAGE % name, [HOST]))
    assert left.count(b"Authentication-Results") == 1
    assert left.startswith(b"Received: by mx.is-1.example\r\nSubject: hi\r\n\r\n")


@pytest.mark.parametrize("name", [b"mx.demo.test", b"notmx.is-1.example", b"mx.is-1.example.demo.test", b"/mx"])
def test_results_of_others_stay(name: bytes) -> None:
    message = MESSAGE % name
    assert without_forged(message, [HOST]) is message


def test_a_message_without_results_is_not_copied() -> None:
    message = bytearray(b"Subject: hi\r\n\r\nbody")
    assert without_forged(message, [HOST]) is message
