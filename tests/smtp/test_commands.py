"""MAIL, RCPT and BDAT: what is understood, and the reply to what is not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.address import Address
from mailhost.smtp import replies
from mailhost.smtp.commands import Mail, Rcpt, Refused, parse_bdat, parse_mail, parse_rcpt


def mail(argument: str, *, extended: bool = True) -> Mail:
    return parse_mail(argument, extended=extended)


def rcpt(argument: str, *, extended: bool = True, smtputf8: bool = False) -> Rcpt:
    return parse_rcpt(argument, extended=extended, smtputf8=smtputf8, postmaster_at="example.is")


@pytest.mark.parametrize(
    ("argument", "sender"),
    [
        ("FROM:<cleo@example.no>", Address("cleo", "example.no")),
        ("from:<cleo@EXAMPLE.no>", Address("cleo", "example.no")),
        ("FROM: <cleo@example.no>", Address("cleo", "example.no")),
        ("FROM:<>", None),
        ("FROM:<@a.example,@b.example:cleo@example.no>", Address("cleo", "example.no")),
        ('FROM:<"cleo moe"@example.no>', Address("cleo moe", "example.no")),
        ("FROM:<cleo@[192.0.2.1]>", Address("cleo", "[192.0.2.1]")),
    ],
)
def test_senders(argument: str, sender: Address | None) -> None:
    assert mail(argument) == Mail(sender)


def test_bounce_addresses_that_carry_a_recipient_may_be_long() -> None:
    local = "bounces+123456-" + "a" * 60 + "=example.is"
    assert mail(f"FROM:<{local}@em.example.no>").sender == Address(local, "em.example.no")


def test_parameters_of_mail() -> None:
    assert mail("FROM:<c@example.no> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159") == Mail(
        Address("c", "example.no"), 1000, smtputf8=True, dsn={"RET": "HDRS", "ENVID": "QQ314159"}
    )
    assert mail("FROM:<ć@example.no> SMTPUTF8").sender == Address("ć", "example.no")


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("", replies.MAIL_SYNTAX),
        ("<c@example.no>", replies.MAIL_SYNTAX),
        ("FROM:c@example.no", replies.MAIL_SYNTAX),
        ("FROM:<c@example.no>SIZE=1", replies.MAIL_SYNTAX),
        ("FROM:<c@example.no> =1", replies.MAIL_SYNTAX),
        ("FROM:<c@@example.no>", replies.BAD_SENDER),
        ("FROM:<c>", replies.BAD_SENDER),
        ("FROM:<c@example.no", replies.BAD_SENDER),
        ("FROM:<ć@example.no>", replies.NEEDS_SMTPUTF8),
        ("FROM:<c@example.no> SIZE=1 SIZE=2", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> SIZE=ten", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> SIZE", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> SIZE=" + "9" * 21, replies.BAD_PARAMETER),
        ("FROM:<c@example.no> BODY=9BIT", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> BODY=BINARYMIME", replies.NO_BINARY),
        ("FROM:<c@example.no> SMTPUTF8=yes", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> RET=ALL", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> ENVID=" + "x" * 101, replies.BAD_PARAMETER),
        ("FROM:<c@example.no> ENVID=a+b", replies.BAD_PARAMETER),
        ("FROM:<c@example.no> AUTH=<>", replies.UNKNOWN_PARAMETER),
        ("FROM:<c@example.no> NOTIFY=NEVER", replies.UNKNOWN_PARAMETER),
    ],
)
def test_refused_mail(argument: str, reply: bytes) -> None:
    with pytest.raises(Refused) as refused:
        mail(argument)
    assert refused.value.reply == reply


def test_parameters_need_ehlo() -> None:
    with pytest.raises(Refused) as refused:
        mail("FROM:<c@example.no> SIZE=1", extended=False)
    assert refused.value.reply == replies.UNKNOWN_PARAMETER


def test_recipients() -> None:
    assert rcpt("TO:<Ada+bills@example.is>") == Rcpt(Address("Ada+bills", "example.is"))
    assert rcpt("TO:<Postmaster>") == Rcpt(Address("Postmaster", "example.is"))
    assert rcpt("TO:<ada@example.is> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ada@example.org") == Rcpt(
        Address("ada", "example.is"), {"NOTIFY": "SUCCESS,DELAY", "ORCPT": "rfc822;ada@example.org"}
    )


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("", replies.RCPT_SYNTAX),
        ("TO:ada@example.is", replies.RCPT_SYNTAX),
        ("TO:<>", replies.BAD_RECIPIENT),
        ("TO:<ada>", replies.BAD_RECIPIENT),
        ("TO:<ada@exa mple.is>", replies.BAD_RECIPIENT),
        ("TO:<ætt@example.is>", replies.NEEDS_SMTPUTF8),
        ("TO:<ada@example.is> NOTIFY=NEVER,SUCCESS", replies.BAD_PARAMETER),
        ("TO:<ada@example.is> NOTIFY=", replies.RCPT_SYNTAX),
        ("TO:<ada@example.is> NOTIFY", replies.BAD_PARAMETER),
        ("TO:<ada@example.is> ORCPT=ada", replies.BAD_PARAMETER),
        ("TO:<ada@example.is> ORCPT=rfc822;" + "x" * 500, replies.BAD_PARAMETER),
        ("TO:<ada@example.is> RET=FULL", replies.UNKNOWN_PARAMETER),
    ],
)
def test_refused_rcpt(argument: str, reply: bytes) -> None:
    with pytest.raises(Refused) as refused:
        rcpt(argument)
    assert refused.value.reply == reply


def test_bdat() -> None:
    assert parse_bdat("86400") == (86400, False)
    assert parse_bdat("0 last") == (0, True)


@pytest.mark.parametrize("argument", ["", "LAST", "-1", "1 2", "1 LAST LAST", "1  LAST", "0x10", "1e3", "9" * 21, "١"])
def test_refused_bdat(argument: str) -> None:
    with pytest.raises(Refused):
        parse_bdat(argument)


@given(st.text(max_size=80))
def test_nothing_but_refused_is_raised(text: str) -> None:
    for argument in (text, f"FROM:{text}", f"FROM:<{text}>", f"FROM:<c@example.no> {text}"):
        with contextlib.suppress(Refused):
            mail(argument)
        with contextlib.suppress(Refused):
            rcpt(argument.replace("FROM:", "TO:"), smtputf8=True)
    with contextlib.suppress(Refused):
        parse_bdat(text)
