"""Envelope addresses: strict, in one normal form, with errors that say what to do."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.address import (
    MAX_LOCAL,
    MAX_PATH,
    Address,
    BadAddress,
    normal_domain,
    parse_address,
    parse_path,
)


@pytest.mark.parametrize(
    ("path", "address", "rest"),
    [
        ("<ada@example.is>", Address("ada", "example.is"), ""),
        ("<Ada.Lovelace+x@Example.IS> SIZE=10", Address("Ada.Lovelace+x", "example.is"), " SIZE=10"),
        ("<ada@bar.test>", Address("ada", "bar.test"), ""),
        ("<root@localhost>", Address("root", "localhost"), ""),
        ('<"ada lovelace"@example.is>', Address("ada lovelace", "example.is"), ""),
        ('<"a\\"b\\\\c>@d"@example.is> X', Address('a"b\\c>@d', "example.is"), " X"),
        ('<"ada"@example.is>', Address("ada", "example.is"), ""),
        ("<áda@example.is> SMTPUTF8", Address("áda", "example.is"), " SMTPUTF8"),
        ("<ada@münchen.example>", Address("ada", "xn--mnchen-3ya.example"), ""),
        ("<ada@MÜNCHEN.example>", Address("ada", "xn--mnchen-3ya.example"), ""),
        ("<ada@XN--MNCHEN-3YA.example>", Address("ada", "xn--mnchen-3ya.example"), ""),
        ("<ada@ｅｘａｍｐｌｅ.is>", Address("ada", "example.is"), ""),
        ("<@relay.example,@b.example:ada@example.is>", Address("ada", "example.is"), ""),
        ("<!#$%&'*+-/=?^_`{|}~@example.is>", Address("!#$%&'*+-/=?^_`{|}~", "example.is"), ""),
        ("<>", None, ""),
        ("<> SIZE=0", None, " SIZE=0"),
    ],
)
def test_paths_are_read_with_what_follows_them(path: str, address: Address | None, rest: str) -> None:
    assert parse_path(path) == (address, rest)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "ada@example.is",
        "<ada@example.is",
        "<ada>",
        "<@example.is>",
        "<ada@>",
        "<.ada@example.is>",
        "<ada.@example.is>",
        "<a..b@example.is>",
        "<ada lovelace@example.is>",
        "<ada@example..is>",
        "<ada@.example.is>",
        "<ada@example.is.>",
        "<ada@-example.is>",
        "<ada@example-.is>",
        "<ada@exam_ple.is>",
        "<ada@ex ample.is>",
        "<ada@[192.0.2.1]>",
        '<"ada@example.is>',
        '<"ada"x@example.is>',
        '<""@example.is>',
        "<(comment)ada@example.is>",
        "<ada@example.is\r\n>",
        "<ada\x00@example.is>",
        "<a\u202eda@example.is>",
        "<a\u0085da@example.is>",
        "<a\u200bda@example.is>",
        "<ada@exa\u200bmple\u2044.is>",
        "<ada\udcff@example.is>",
        "<ada@\udcff.example>",
        "<ada@xn--.ünknown.example>",
        "<" + "a" * (MAX_LOCAL + 1) + "@example.is>",
        "<" + "ä" * (MAX_LOCAL // 2 + 1) + "@example.is>",
        "<ada@" + "a" * 64 + ".is>",
        "<ada@" + ".".join(["a" * 60] * 5) + ">",
        "<ada@" + "ä" * 64 + ".is>",
        "<@" + ",@".join(["a" * 60] * 5) + ":ada@example.is>",
    ],
)
def test_what_is_no_address_is_refused_with_a_reason_that_does_not_repeat_it(path: str) -> None:
    with pytest.raises(BadAddress) as refused:
        parse_path(path)
    assert len(str(refused.value)) > 15
    assert "example" not in str(refused.value)


def test_address_literals_are_kept_only_where_that_is_asked_for() -> None:
    assert parse_path("<ada@[192.0.2.1]>", literals=True)[0] == Address("ada", "[192.0.2.1]")
    assert parse_path("<ada@[ipv6:2001:DB8:0::1]>", literals=True)[0] == Address("ada", "[IPv6:2001:db8::1]")
    for literal in ("[192.0.2.256]", "[IPv6:192.0.2.1]", "[2001:db8::1]", "[IPv6:fe80::1%eth0]", "[x", "[]"):
        with pytest.raises(BadAddress, match=r"literal"):
            parse_path(f"<ada@{literal}>", literals=True)


def test_postmaster_without_a_domain_is_known_only_where_rcpt_asks() -> None:
    assert parse_path("<PostMaster>", postmaster_at="Example.is")[0] == Address("PostMaster", "example.is")
    with pytest.raises(BadAddress):
        parse_path("<postmaster>")


def test_a_path_at_the_limit_of_length_is_read_and_one_above_it_is_not() -> None:
    domain = ".".join(["a" * 61] * 3)
    longest = f"<{'a' * (MAX_PATH - len(domain) - 3)}@{domain}>"
    assert len(longest) == MAX_PATH
    # The path is as long as it may be, and its local part is not.
    with pytest.raises(BadAddress, match="before @"):
        parse_path(longest)
    assert parse_path(f"<{'a' * 64}@{domain}>")[0] is not None
    with pytest.raises(BadAddress, match="path"):
        parse_path(f"<{'a' * 64}@{domain}.{'b' * 10}>")


def test_the_lookup_form_ignores_the_case_of_ascii_and_the_form_of_letters() -> None:
    composed, decomposed = parse_address("\u00c5DA@example.is"), parse_address("A\u030aDA@EXAMPLE.is")
    assert composed.lookup == decomposed.lookup == "\u00c5da@example.is"


def test_sub_addresses_are_split_at_the_first_separator() -> None:
    assert Address("ada+x+y", "example.is").split() == (Address("ada", "example.is"), "x+y")
    assert Address("ada-x", "example.is").split("-") == (Address("ada", "example.is"), "x")
    assert Address("ada+", "example.is").split() == (Address("ada", "example.is"), "")
    assert Address("ada", "example.is").split() == (Address("ada", "example.is"), None)
    assert Address("+x", "example.is").split() == (Address("+x", "example.is"), None)


def test_addresses_are_written_quoted_where_they_must_be() -> None:
    assert str(Address("ada", "example.is")) == "ada@example.is"
    assert str(Address('a "b\\', "example.is")) == '"a \\"b\\\\"@example.is'
    assert Address("áda", "example.is").is_ascii is False


def test_domains_have_one_form() -> None:
    assert normal_domain("BÜCHER.example") == "xn--bcher-kva.example"
    assert normal_domain("bücher。example") == "xn--bcher-kva.example"
    assert normal_domain("faß.example") == "xn--fa-hia.example"  # IDNA 2008 keeps the letter
    with pytest.raises(BadAddress):
        normal_domain("")


LOCALS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]),
    min_size=1,
    max_size=12,
).map(lambda text: unicodedata.normalize("NFC", text))


@given(
    LOCALS | st.sampled_from(["a b", '"', "\\", "a@b", "a>b", "..", "a."]), st.sampled_from(["example.is", "demo.test"])
)
def test_every_address_survives_being_written_and_read(local: str, domain: str) -> None:
    address = Address(local, domain)
    assert parse_path(f"<{address}>REST") == (address, "REST")


@given(st.text(max_size=80) | st.lists(st.sampled_from(list('<>@",.\\[]: ab\u00e4')), max_size=30).map("".join))
def test_any_text_is_an_address_or_a_bad_one(text: str) -> None:
    for path in (text, f"<{text}>"):
        try:
            address, _ = parse_path(path, literals=True, postmaster_at="example.is")
        except BadAddress:
            continue
        if address is not None:
            assert parse_path(f"<{address}>", literals=True) == (address, "")
