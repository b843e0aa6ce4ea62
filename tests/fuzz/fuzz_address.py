"""Fuzzes what reads addresses: envelope paths, which are strict, and header lists, which are not.

`python tests/fuzz/fuzz_address.py [libFuzzer options]` runs with atheris (the `fuzz` extra). Without atheris,
`one` is still an ordinary function of bytes; tests/message/test_samples.py feeds it the samples.

Whatever the bytes: a path is an address that can be written and read again, or `BadAddress`; a list is a list.
Anything else is a finding.
"""

import sys

from mailhost.message.address import MAX_DOMAIN, MAX_LOCAL, BadAddress, parse_path
from mailhost.message.addresslist import MAX_ADDRESSES, mailboxes, parse_address_list
from mailhost.message.envelope import address_list


def check_path(text: str) -> None:
    """A path that is read has one normal form."""
    try:
        address, rest = parse_path(text, literals=True, postmaster_at="example.is")
    except BadAddress:
        return
    assert text.endswith(rest)
    if address is None:
        return
    assert len(address.local.encode()) <= MAX_LOCAL
    assert address.domain.isascii()
    assert len(address.domain) <= MAX_DOMAIN
    assert address.domain.startswith("[") or address.domain == address.domain.lower()
    assert parse_path(f"<{address}>", literals=True) == (address, "")
    assert address.split()[0].local


def one(data: bytes) -> None:
    """One value; returns or raises a finding."""
    text = data.decode("utf-8", "surrogateescape")
    check_path(text)
    check_path(f"<{text}>")
    found = parse_address_list(data)
    people = mailboxes(found)
    assert len(found) <= MAX_ADDRESSES
    assert len(people) <= MAX_ADDRESSES
    for person in people:
        assert person.name != b""
        person.text.encode("utf-8")
    assert address_list(found).isascii()
    address_list(found, utf8=True).decode("utf-8")


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
