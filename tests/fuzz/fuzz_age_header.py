"""Fuzzes what reads a sealed file: header, stanzas, summary, stream and zstd frames.

`python tests/fuzz/fuzz_age_header.py [libFuzzer options]` runs with atheris (the `fuzz` extra). Without
atheris, `one` is still an ordinary function of bytes; tests/seal/test_fuzz_smoke.py feeds it from hypothesis.
The first byte chooses the reader, for behind a MAC a fuzzer never gets: there the bytes become the content of a
correctly sealed file.

Whatever the bytes: an answer or `CannotOpen`. Anything else is a finding.
"""

import sys

from mailhost.seal import CannotOpen, HybridIdentity, open_file, open_header
from mailhost.seal.header import Stanza, encode_header, header_length, parse_header
from mailhost.seal.padding import open_body
from mailhost.seal.stream import decrypt_payload, encrypt_payload
from mailhost.seal.summary import MAX_SUMMARY_SIZE, decode_summary, encode_summary

FILE_KEY = b"YELLOW SUBMARINE"
MAX_SIZE = 1 << 16
ADA = HybridIdentity(bytes(range(32)))
WRAPPED = ADA.recipient.wrap(FILE_KEY)


def read_header(data: bytes) -> None:
    header = parse_header(data)
    # What was read is written back to the same bytes, MAC aside, or the parser accepts two spellings of one header.
    again = encode_header(header.stanzas, FILE_KEY)
    assert again[: len(header.authenticated)] == header.authenticated
    assert header_length(data) == len(data)


def read_summary(data: bytes) -> None:
    summary = decode_summary(data)
    again = encode_summary(summary)
    assert len(again) <= MAX_SUMMARY_SIZE
    # Within the limit nothing is lost, apart from half characters and previews that are too long.
    if not summary.cut and len(summary.preview) <= 160 and not decode_summary(again).cut:
        assert encode_summary(decode_summary(again)) == again


def read_body(data: bytes) -> None:
    assert len(open_body(data, MAX_SIZE)) <= MAX_SIZE


def read_payload(data: bytes) -> None:
    payload = encrypt_payload(FILE_KEY, bytes(16), [data])
    assert decrypt_payload(FILE_KEY, payload) == data
    decrypt_payload(FILE_KEY, data)


def read_stanza(data: bytes) -> None:
    """A header with a right MAC whose second stanza is the fuzzer's: type and arguments up to the first line feed, then the body."""
    line, _, body = data.partition(b"\n")
    args = tuple(line.decode("latin-1").split(" "))
    if not all(arg and arg.isascii() and arg.isprintable() for arg in args):
        raise CannotOpen
    open_header([ADA], encode_header([WRAPPED, Stanza(args, body)], FILE_KEY))


def read_file(data: bytes) -> None:
    open_file([ADA], data, MAX_SIZE)


READERS = (read_header, read_summary, read_body, read_payload, read_stanza, read_file)


def one(data: bytes) -> None:
    """One input; returns or raises a finding."""
    if not data:
        return
    try:
        READERS[data[0] % len(READERS)](data[1:])
    except CannotOpen:
        return


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
