"""Sealing: what makes a message readable by its owner and nobody else.

The names below are what the rest of the house needs; each module opens with its part of the story. Pure: no
Django, no files, no network, no clock. `docs/sealed-format.md` describes the bytes for other implementers.
"""

from mailhost.seal.age import decrypt, encrypt
from mailhost.seal.cellbox import CellBox
from mailhost.seal.errors import CannotOpen, InvalidKey
from mailhost.seal.identity import HybridIdentity, HybridRecipient, X25519Identity
from mailhost.seal.sealed import (
    MAX_MESSAGE_SIZE,
    START_SIZE,
    OpenedHeader,
    Sealed,
    open_file,
    open_header,
    open_key,
    open_listed,
    open_payload,
    open_start,
    seal,
    self_test,
    split,
)
from mailhost.seal.summary import Address, Summary

__all__ = [
    "MAX_MESSAGE_SIZE",
    "START_SIZE",
    "Address",
    "CannotOpen",
    "CellBox",
    "HybridIdentity",
    "HybridRecipient",
    "InvalidKey",
    "OpenedHeader",
    "Sealed",
    "Summary",
    "X25519Identity",
    "decrypt",
    "encrypt",
    "open_file",
    "open_header",
    "open_key",
    "open_listed",
    "open_payload",
    "open_start",
    "seal",
    "self_test",
    "split",
]
