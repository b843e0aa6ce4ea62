"""Fuzzes what takes a message apart: skeleton, sections, decoding, ENVELOPE, BODYSTRUCTURE, description, wrapper.

`python tests/fuzz/fuzz_structure.py [libFuzzer options] [tests/samples]` runs with atheris (the `fuzz` extra).
Without atheris, `one` is still an ordinary function of bytes; tests/message/test_samples.py feeds it the samples.

Whatever the bytes: an answer that keeps its promises. Any exception is a finding.
"""

import sys

from mailhost.message.bodystructure import render
from mailhost.message.describe import describe
from mailhost.message.envelope import envelope
from mailhost.message.section import Section, What, decoded, length, partial, ranges, read
from mailhost.message.structure import MAX_DEPTH, MAX_PARTS, Part, scan
from mailhost.message.wrapper import NotAWrapper, parse_wrapper


def check_offsets(part: Part, low: int, high: int) -> None:
    """Parts lie inside each other, one behind the other."""
    assert low <= part.header_start <= part.header_end <= part.body_end <= high
    at = part.header_end
    for child in part.children:
        check_offsets(child, at, part.body_end)
        at = child.body_end
    assert part.children or not part.is_multipart


def depth(part: Part) -> int:
    """Levels of the tree."""
    return 1 + max((depth(child) for child in part.children), default=0)


def check_sections(message: bytes, root: Part) -> None:
    """Every section is inside the message, and a partial of it is a slice."""
    for numbers in ((), (1,), (2,), (1, 1), (1, 2, 1), (2, 1)):
        for what in What:
            found = ranges(root, Section(numbers, what, (b"subject", b"From")))
            if found is None:
                continue
            whole = bytes(read(message, found))
            assert len(whole) == length(found)
            assert bytes(read(message, partial(found, 3, 7))) == whole[3:10]
        decoded(message, root, numbers)


def one(data: bytes) -> None:
    """One message; returns or raises a finding."""
    root = scan(data)
    check_offsets(root, 0, len(data))
    assert depth(root) <= MAX_DEPTH + 1
    # An empty multipart gets a part of its own beyond the count.
    assert len(root.walk()) <= 2 * MAX_PARTS
    check_sections(data, root)
    for utf8 in (False, True):
        for text in (envelope(root.headers, utf8=utf8), *render(root, utf8=utf8)):
            text.decode("utf-8" if utf8 else "ascii")
            assert b"\x00" not in text
    found = describe(data)
    lists = (*found.references, *found.attachments)
    for line in (found.subject, found.date_text, found.message_id, found.in_reply_to, found.preview, *lists):
        line.encode("utf-8")
        assert "\n" not in line
    try:
        parse_wrapper(data)
    except NotAWrapper:
        return


def main() -> None:
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
