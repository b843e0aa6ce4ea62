"""Names that nobody has looked at: offices, look-alikes, disguises and borrowed domains are refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.provision import names as hosted
from mailhost.provision.errors import BadName
from webadmin.signup.names import local_part, own_domain, skeleton, tenant_name


@pytest.mark.parametrize("typed", ["ada", "Ada", " ada.lovelace ", "a-b_c.d", "zoe99", "x" * 40])
def test_ordinary_names_are_given(typed: str) -> None:
    assert local_part(typed) == typed.strip().lower()


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("ab", "from 3"),
        ("x" * 41, "to 40"),
        ("", "from 3"),
        ("ada@example.is", "before the @"),
        ("\u0430da", "a to z"),
        ("zo\u00eb", "a to z"),
        ("ada..b", "single dots"),
        (".ada", "begins with a letter"),
        ("ada.", "single dots"),
        ("1ada", "begins with a letter"),
        ("ada b", "single dots"),
        ("ada+x", "single dots"),
        ("postmaster", "kept"),
        ("p0stmaster", "kept"),
        ("post.master", "kept"),
        ("adrnin", "kept"),
        ("abuse", "kept"),
        ("hostmaster", "kept"),
        ("sec-urity", "kept"),
        ("no_reply", "kept"),
        ("vvebmaster", "kept"),
        ("skerry", "kept"),
        ("supp0rt", "kept"),
        ("ssl-admin", "kept"),
    ],
)
def test_others_are_refused_with_what_to_do(typed: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        local_part(typed)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ada", "a-d-a"), ("bill", "bi11"), ("corner", "comer"), ("wendy", "vvendy"), ("oslo", "0sl0"), ("lisa", "iisa")],
)
def test_names_that_look_alike_are_one_name(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


def test_names_that_do_not_look_alike_stay_two() -> None:
    assert len({skeleton(name) for name in ("ada", "ben", "cleo", "mo", "adam", "bend")}) == 6


@given(st.text(max_size=60))
def test_what_is_given_can_be_hosted(typed: str) -> None:
    try:
        local = local_part(typed)
    except BadName:
        return
    assert str(hosted.address(f"{local}@is-1.test")) == f"{local}@is-1.test"


@pytest.mark.parametrize(
    "typed",
    [
        "Fjord & Daughters",
        "Þórður ehf.",
        "日本語 株式会社",
        "Ναυτιλία Πειραιώς",
        "Анна Котова",
        "A. N. Other",
        "3 Stones",
    ],
)
def test_names_of_tenants_may_be_in_any_script(typed: str) -> None:
    assert tenant_name(f"  {typed} ") == typed


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "one line"),
        ("x" * 121, "one line"),
        ("two\x07lines", "one line"),
        ("examp\u200ble", "one line"),
        ("bank.example.com", "domain"),
        ("ada@example.is", "domain"),
        ("https://example.is", "domain"),
        ("P\u0430ypal", "several scripts"),
        ("\u0440\u0430\u0443\u0440\u0430", "pass for Latin"),
        ("Postmaster", "speak for"),
        ("S k e r r y", "speak for"),
    ],
)
def test_names_of_tenants_that_mislead_are_refused(typed: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        tenant_name(typed)


def test_a_domain_of_ones_own_may_be_in_one_script() -> None:
    assert own_domain("Example.IS.") == "example.is"
    assert own_domain("bücher.example.is") == "xn--bcher-kva.example.is"


@pytest.mark.parametrize(
    "typed",
    [
        "\u0430\u0440\u0440\u04cf\u0435.example",
        "xn--80ak6aa92e.example",
        "ex\u0430mple.is",
        "xn--\u00e9.is",
        "localhost",
    ],
)
def test_a_domain_in_disguise_is_refused(typed: str) -> None:
    with pytest.raises(BadName):
        own_domain(typed)
