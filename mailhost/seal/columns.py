"""Many like records as columns of bytes: how segments lie in their boxes, and what another process is asked to open.

A column of numbers is its numbers in little-endian order, 4 or 8 octets each. A column of texts is two: the lengths of
all, and then the texts one behind the other; None has a length that no text has. The reader knows the columns and how
many records there are, so nothing but the records is written.

In: columns, or bytes. Out: the other. Reading raises `CannotOpen` where the bytes end too soon, and never asks for more
memory than the bytes have.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from mailhost.seal.errors import CannotOpen

_ABSENT = 0xFFFFFFFF


def numbers(kind: str, values: Iterable[int]) -> bytes:
    """A column of numbers; `kind` is array's: "I" for 4 octets, "q" for 8 with a sign."""
    column = array(kind, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def lengths(texts: Iterable[bytes | None]) -> bytes:
    """How long each text is, or that there is none."""
    return numbers("I", [_ABSENT if text is None else len(text) for text in texts])


def joined(texts: Iterable[bytes | None]) -> bytes:
    """The texts that there are."""
    return b"".join([text for text in texts if text is not None])


class Columns:
    """Takes columns off the front of bytes, in the order they were written."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def numbers(self, kind: str, count: int) -> "array[int]":
        """A column of `count` numbers."""
        found = array(kind)
        found.frombytes(self._take(count * found.itemsize))
        if sys.byteorder == "big":
            found.byteswap()
        return found

    def cut(self, sizes: Sequence[int]) -> list[bytes]:
        """Texts of these lengths."""
        together = self._take(sum(sizes))
        return [together[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]

    def texts(self, sizes: "array[int]") -> list[bytes | None]:
        """Texts whose lengths are as `lengths` wrote them."""
        if _ABSENT not in sizes:
            return list(self.cut(sizes))
        found = self.cut([0 if size == _ABSENT else size for size in sizes])
        return [None if size == _ABSENT else text for size, text in zip(sizes, found, strict=True)]

    def rest(self) -> bytes:
        """What no column was taken of yet."""
        return self._data[self._place :]

    def _take(self, size: int) -> bytes:
        start, self._place = self._place, self._place + size
        if self._place > len(self._data):
            raise CannotOpen
        return self._data[start : self._place]
