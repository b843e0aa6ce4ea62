"""Unpacking reports: gzip or zip with one file, and never more than a limit (RFC 9990 §3.5.2, RFC 8460 §5.3).

DMARC and TLS reports come as attachments from strangers. A kilobyte of gzip can become a gigabyte, so what comes out
is counted while it comes, not afterwards. In: the bytes of an attachment. Out: the bytes of the report, or
`BadArchive`. Data that is neither gzip nor zip is taken for the report itself.
"""

from __future__ import annotations

import io
import zipfile
import zlib

# A day of reports of the largest senders about one domain has a few MiB of XML.
MAX_REPORT = 16 * 1024 * 1024

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
# zlib: 32 added to the window size accepts a gzip header.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_PIECE = 64 * 1024


class BadArchive(ValueError):
    """Damaged, of an unknown kind, or too large when unpacked."""


def unpack(data: bytes, limit: int = MAX_REPORT) -> bytes:
    """The report in an attachment.  Raises BadArchive."""
    if data.startswith(_GZIP):
        return _gunzip(data, limit)
    if data.startswith(_ZIP):
        return _unzip(data, limit)
    if len(data) > limit:
        raise BadArchive(f"longer than {limit} octets")
    return data


def _gunzip(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        out = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise BadArchive("damaged gzip") from None
    if len(out) > limit:
        raise BadArchive(f"longer than {limit} octets when unpacked")
    if not unpacker.eof:
        raise BadArchive("the gzip ends too early")
    return out


def _unzip(data: bytes, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            if len(files) != 1:
                raise BadArchive("the zip does not hold exactly one file")
            if files[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                # The other methods are unpacked without a bound by the library, and no sender of reports uses them.
                raise BadArchive("the zip uses an uncommon method")
            with archive.open(files[0]) as file:
                # The size in the directory is a stranger's word; what is read is counted.
                out = file.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as wrong:
        if isinstance(wrong, BadArchive):
            raise
        raise BadArchive("damaged or unreadable zip") from None
    if len(out) > limit:
        raise BadArchive(f"longer than {limit} octets when unpacked")
    return out
