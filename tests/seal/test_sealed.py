"""Sealing and opening a message: what goes in comes out, and nothing else does."""

import pytest

from mailhost.seal import (
    Address,
    CannotOpen,
    HybridIdentity,
    Summary,
    open_file,
    open_header,
    open_payload,
    seal,
)

ADA = HybridIdentity(bytes(range(32)))
BEN = HybridIdentity(bytes(range(32, 64)))

SUMMARY = Summary(
    size=5000,
    internaldate=1_780_000_000,
    from_=(Address("Ben", "ben@demo.test"),),
    to=(Address("Ada Lovelace", "ada@example.is"),),
    subject="Grüße — and 日本語",
    message_id="<1@demo.test>",
    envelope='("Mon, 1 Jun 2026 10:00:00 +0000" "Hi" NIL NIL NIL NIL NIL NIL NIL "<1@demo.test>")',
)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 1 << 20])
def test_the_owner_gets_back_exactly_what_was_sealed(size: int) -> None:
    message = bytes(number * 7 % 251 for number in range(size))
    sealed = seal(ADA.recipient, message, SUMMARY)
    opened = open_header([ADA], sealed.header)
    assert opened.summary == SUMMARY
    assert open_payload(opened, sealed.payload, size) == message
    assert open_file([BEN, ADA], sealed.header + sealed.payload) == message


def test_nobody_else_opens_it() -> None:
    sealed = seal(ADA.recipient, b"secret", SUMMARY)
    with pytest.raises(CannotOpen):
        open_header([BEN], sealed.header)
    with pytest.raises(CannotOpen):
        open_header([], sealed.header)
