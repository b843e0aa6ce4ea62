"""Slugs, domains and addresses as people type them, brought to the one form that is stored and compared.

`message.address` knows the grammar; here stand the few rules that make a name one that can be *hosted*: a domain
has a parent (RFC 5321 §2.3.5 speaks of fully-qualified names), a mailbox's own local part needs no quotes. What is
stored is the look-up form, so that two spellings of one name are one row.

In: text. Out: the normal form, or `BadName` with what to correct. Nothing is looked up.
"""

from __future__ import annotations

import re

from mailhost.message.address import Address, BadAddress, normal_domain, parse_address
from mailhost.provision.errors import BadName

MAX_SLUG = 40  # the column's width, and a bearable width of a column in a terminal
_SLUG = re.compile(rf"[a-z0-9](?:[a-z0-9-]{{0,{MAX_SLUG - 2}}}[a-z0-9])?")


def slug(text: str) -> str:
    """A tenant's short name. Raises BadName."""
    if not _SLUG.fullmatch(text):
        raise BadName(f"{text!r} is not a slug: use 1 to {MAX_SLUG} lower-case letters, digits and inner dashes")
    return text


def domain(text: str) -> str:
    """A mail domain in A-labels, lower case, without a final dot. Raises BadName."""
    try:
        name = normal_domain(text.strip().removesuffix("."))
    except BadAddress as problem:
        raise BadName(f"{text!r} cannot be hosted: {problem}") from None
    labels = name.split(".")
    if len(labels) < 2 or labels[-1].isdigit():
        raise BadName(f"{text!r} cannot be hosted: a mail domain has a parent, as example.is has, and is no number")
    return name


def address(text: str) -> Address:
    """A mailbox's or alias's own address; its look-up form. Raises BadName."""
    try:
        parsed = parse_address(text.strip())
    except BadAddress as problem:
        raise BadName(f"{text!r} cannot be an address here: {problem}") from None
    if str(parsed).startswith('"'):
        raise BadName(f"{text!r} cannot be an address here: a name that needs quotes is refused by many programs")
    local, _at, _host = parsed.lookup.rpartition("@")
    return Address(local, domain(parsed.domain))
