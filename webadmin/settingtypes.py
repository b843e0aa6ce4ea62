"""What a setting may look like, kind by kind: a type with its check, which says what a right value is.

Settings are text. `environ.Environ` names one of these types for each that is more than any text; a value that is not
of its kind is refused when a process starts, with the variable's name, and not when it is first needed.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field


def split(value: str) -> tuple[str, ...]:
    """The items of a setting that is a list with commas."""
    return tuple(item for item in (part.strip() for part in value.split(",")) if item)


def lines(path: Path) -> tuple[str, ...]:
    """The lines of a small file beside the settings; none where it is not there."""
    if not path.is_file():
        return ()
    return tuple(line for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()) if line)


def _host(text: str) -> str:
    """The host of `host:port` or `[IPv6]:port`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port, such as 127.0.0.1:53")
    return host


def _shaped(pattern: str, wrong: str) -> AfterValidator:
    """Text that `pattern` matches whole, or none; `wrong` is said of other text, with that in place of `{!r}`."""

    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(wrong.format(value))
        return value

    return AfterValidator(check)


def _each(pattern: str, wrong: str) -> AfterValidator:
    """As `_shaped`, for each item of a list with commas."""

    def check(value: str) -> str:
        for item in split(value):
            if not re.fullmatch(pattern, item):
                raise ValueError(wrong.format(item))
        return value

    return AfterValidator(check)


def _host_and_port(value: str) -> str:
    if value:
        _host(value)
    return value


def _address_and_port(value: str) -> str:
    if value:
        ipaddress.ip_address(_host(value))
    return value


def _networks(value: str) -> str:
    for network in split(value):
        ipaddress.ip_network(network)
    return value


def _public(value: str) -> str:
    if value and not ipaddress.ip_address(value).is_global:
        raise ValueError(f"{value} is not an address that others can reach; leave it empty on a laptop")
    return value


Port = Annotated[int, Field(ge=1, le=65535)]
# Each of these may be empty, which says nothing; only a cell always has a name.
CellName = Annotated[
    str,
    Field(min_length=1),
    _shaped(r"[a-z]{2}-[1-9][0-9]{0,3}", "a cell is a country code, a dash and a number, such as is-1 or no-1"),
]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
Resolver = Annotated[str, AfterValidator(_address_and_port)]
BlockLists = Annotated[
    str,
    _each(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})+", "{!r} is no zone of a block list, such as zen.spamhaus.org"),
]
FilterHere = Annotated[
    str,
    _shaped(
        r"http://(127\.[0-9.]{5,11}|\[::1\]|localhost):[0-9]{1,5}/?",
        "mail in clear must not leave this machine: write http://127.0.0.1:11333",
    ),
]
ReportsAddress = Annotated[
    str, _shaped(r"[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{1,253}", "an address such as reports@mx.is-1.example")
]
Networks = Annotated[str, AfterValidator(_networks)]
Origin = Annotated[
    str,
    _shaped(
        r"https?://[a-z0-9.-]+(:[0-9]{1,5})?",
        "the web pages' address is a scheme and a host, such as https://mail.example.is",
    ),
]
Countries = Annotated[str, _each(r"[A-Z]{2}|\?\?", "{!r} is no country code of two capital letters, such as IS")]
PublicAddress = Annotated[str, AfterValidator(_public)]
Witnesses = Annotated[
    str,
    _each(
        r"https?://[^#\s]+#[^#\s]+\+[0-9a-f]{8}\+\S+",
        "a witness is an address and its key: https://no-1.example/witness#name+id+base64",
    ),
]
OtherCells = Annotated[
    str,
    _each(
        r"[a-z]{2}-[1-9][0-9]{0,3}#https?://[^#\s]+",
        "another cell is its name and its web address: no-1#https://mail.example.no",
    ),
]
Broker = Annotated[
    str,
    _shaped(r"(redis|rediss|redis\+socket)://.*", "the broker is redis://host:port/number, or empty for files"),
]
