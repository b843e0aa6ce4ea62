"""Consent written on a message: it is found where a person wrote it, and never leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.deliverywishes import Wish, without_wishes
from mailhost.message.encodedwords import encode_words
from mailhost.message.headers import read_headers


def without_consent(message: bytes) -> tuple[bytes, bool]:
    text, wishes = without_wishes(message)
    return text, Wish.CONSENT in wishes


REST = b"To: cleo@other.test\r\n\r\n[consent] in the body stays\r\n"


@pytest.mark.parametrize(
    ("subject", "left"),
    [
        (b"[consent] Tides", b"Tides"),
        (b"[Consent]Tides", b"Tides"),
        (b"[CONSENT]\r\n\tTides,\r\n at noon", b"Tides,\r\n at noon"),
        (b"[consent]", b""),
        (b"[consent] =?utf-8?Q?S=C3=A6ll?=", b"=?utf-8?Q?S=C3=A6ll?="),
        (b"=?utf-8?B?W2NvbnNlbnRdIFPDpmxs?=", b"=?utf-8?B?U8OmbGw=?="),
        (b"=?us-ascii?Q?=5Bconsent=5D_Tides?=", b"Tides"),
        (b"=?us-ascii?Q?=5Bconsent=5D_Tides=0D=0AFrom:_mo@example.is?=", b"Tides  From: mo@example.is"),
        (b"=?us-ascii?Q?=5Bconsent=5D_Tides=0D=0A=0D=0Ahigh?=", b"Tides    high"),
    ],
)
def test_the_word_at_the_front_of_the_subject_is_consent_and_is_taken_away(subject: bytes, left: bytes) -> None:
    text, agreed = without_consent(b"From: ada@example.is\r\nSUBJECT: %b\r\n" % subject + REST)
    assert agreed
    assert text == b"From: ada@example.is\r\nSubject: %b\r\n" % left + REST


@pytest.mark.parametrize("subject", [b"Re: [consent] Tides", b"consent", b"[consented] Tides", b"(consent)", b""])
def test_any_other_subject_is_none_and_stays(subject: bytes) -> None:
    message = b"Subject: %b\r\n" % subject + REST
    assert without_consent(message) == (message, False)


@pytest.mark.parametrize(("value", "agreed"), [(b"yes", True), (b"YES", True), (b"no", False), (b"", False)])
def test_the_field_says_it_too_and_goes_whatever_it_says(value: bytes, agreed: bool) -> None:
    text = without_consent(b"Skerry-Consent: %b\r\nSubject: x\r\nskerry-consent: yes\r\n" % value + REST)
    assert text == (b"Subject: x\r\n" + REST, agreed)


@pytest.mark.parametrize(
    "field", [b"Resent-From: ada@example.is", b"Auto-Submitted: auto-replied", b"Auto-submitted: auto-generated"]
)
def test_what_a_stranger_or_a_program_wrote_is_no_consent(field: bytes) -> None:
    text = b"Subject: [consent] Tides\r\n" + field + b"\r\n" + REST
    assert without_consent(text + b"x") == (text + b"x", False)
    assert without_consent(b"Skerry-Consent: yes\r\n" + text) == (text, False)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=200))
def test_whatever_follows_the_word_is_what_is_left(text: str) -> None:
    subject = encode_words("[consent] " + text).replace(b"?= =?", b"?=\r\n =?")
    left, agreed = without_consent(b"Subject: %b\r\n" % subject + REST)
    assert agreed
    assert (read_headers(left).text(b"subject") or "") == text
    assert left.endswith(REST)


@given(st.binary(max_size=300))
def test_whatever_comes_nothing_is_raised_and_the_field_goes(noise: bytes) -> None:
    text, _ = without_consent(b"Skerry-Consent: yes\r\n" + noise)
    assert not read_headers(text).has_any({b"skerry-consent"})


@pytest.mark.parametrize(
    "subject", [b"[link] [consent] Tides", b"[consent][LINK]Tides", b"=?utf-8?Q?=5Blink=5D_?= [consent] Tides"]
)
def test_both_words_may_stand_there_in_either_order(subject: bytes) -> None:
    text, wishes = without_wishes(b"Subject: %b\r\n" % subject + REST)
    assert wishes == {Wish.CONSENT, Wish.LINK}
    assert text == b"Subject: Tides\r\n" + REST


def test_a_link_is_asked_for_by_word_or_field_and_by_itself_is_no_consent() -> None:
    assert without_wishes(b"Subject: [link] Tides\r\n" + REST) == (b"Subject: Tides\r\n" + REST, frozenset({Wish.LINK}))
    assert without_wishes(b"Skerry-Link: yes\r\nSubject: x\r\n" + REST) == (
        b"Subject: x\r\n" + REST,
        frozenset({Wish.LINK}),
    )


def test_a_subject_of_nothing_but_words_comes_to_an_end() -> None:
    left, wishes = without_wishes(b"Subject: %b\r\n" % (b"[link]" * 20_000) + REST)
    assert wishes == {Wish.LINK}
    assert left.count(b"[link]") == 20_000 - len(Wish)
