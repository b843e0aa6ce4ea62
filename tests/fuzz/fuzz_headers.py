"""Fuzzes what reads and changes header fields: blocks, parameters, encoded words, dates, identifiers.

`python tests/fuzz/fuzz_headers.py [libFuzzer options] [tests/samples]` runs with atheris (the `fuzz` extra).
Without atheris, `one` is still an ordinary function of bytes; tests/message/test_samples.py feeds it the samples.

Whatever the bytes: an answer that keeps its promises. Any exception is a finding.
"""

import sys

from mailhost.message.charsets import visible
from mailhost.message.dates import parse_date
from mailhost.message.encodedwords import decode_words, encode_words
from mailhost.message.headers import fields, header_end, message_ids, read_headers, unfold, with_fields, without_fields
from mailhost.message.parameters import parameter_text, parse_value
from mailhost.message.preview import strip_html


def check_value(value: bytes) -> None:
    """Every way a value is read gives text that can be stored and shown."""
    text = decode_words(value)
    text.encode("utf-8")
    assert visible(visible(text)) == visible(text)
    assert encode_words(text).isascii()
    parse_date(text)
    strip_html(text)
    message_ids(value)
    _, parameters = parse_value(value)
    for name, raw in parameters:
        assert len(raw) <= 3 * len(value) + 2
        found = parameter_text(parameters, name.removesuffix(b"*"))
        assert found is None or found.encode("utf-8") is not None


def one(data: bytes) -> None:
    """One header block, with or without a body; returns or raises a finding."""
    end = header_end(data)
    block = data[:end]
    headers = read_headers(data)
    at = 0
    for field in fields(block):
        assert at <= field.start < field.end <= end
        assert headers.count(field.name) > 0
        check_value(unfold(field.value))
        at = field.end
    names = {field.name.lower() for field in fields(block)}
    assert all(headers.first(name) is not None for name in names)
    # Lines that were no fields stay; with all fields gone the body is untouched.
    assert without_fields(data, names).endswith(data[end:])
    assert read_headers(with_fields(data, b"X-First: 1\r\n")).all(b"x-first")[0] == b"1"
    check_value(data)


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
