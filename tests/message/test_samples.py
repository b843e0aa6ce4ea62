"""The corpus of hostile and careless messages in tests/samples: what each one is read as, whole and damaged."""

import random
from pathlib import Path

import pytest

from mailhost.message.describe import describe
from mailhost.message.structure import scan
from tests.fuzz import fuzz_address, fuzz_headers, fuzz_structure
from tests.message.mail import shape

SAMPLES = {path.stem: path.read_bytes() for path in (Path(__file__).parents[1] / "samples").glob("*.eml")}

# name: tree, subject, preview, attachments
EXPECTED: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "bare-line-feeds": ("multipart/mixed(text/plain text/html)", "bare line feeds", "one", ()),
    "broken-addresses": ("text/plain", "addresses", "Body.", ()),
    "content-type-garbage": ("text/plain", "=?", "Body.", ()),
    "continued-filename": ("application/pdf", "continued file name", "", ("ab.pdflost",)),
    "damaged-base64": ("text/plain", "damaged base64", "Sæll til allra", ()),
    "damaged-quoted-printable": ("text/plain", "damaged quoted-printable", "softbreak, broken=ZZ, lone end", ()),
    "date-out-of-range": ("text/plain", "a day that never was", "Body.", ()),
    "digest": ("multipart/digest(message/rfc822(text/plain) message/rfc822(text/html))", "a digest", "one", ()),
    "empty-multipart": ("multipart/mixed(text/plain)", "empty multipart", "", ()),
    "header-cut-by-delimiter": ("multipart/mixed(text/html text/plain)", "a part that is all header", "", ()),
    "header-injection-in-words": ("text/plain", "hello Bcc: victim@demo.test body", "Body.", ()),
    "hidden-direction": ("application/octet-stream", "invoice_fdp.exe", "", ("invoice_fdp.exe",)),
    "hidden-html": ("text/html", "markup", "preheader <b>not a tag</b> & text", ()),
    "japanese-jis": ("text/plain", "こんにちは", "こんにちは", ()),
    "long-line": (
        "text/plain",
        "long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long long ",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        (),
    ),
    "mbox-from-line": ("text/plain", "kept from an mbox file", "Body.", ()),
    "message-id-with-quotes": ("text/plain", "odd identifiers", "Body.", ()),
    "message-in-base64": (
        "message/rfc822(text/plain)",
        "an attached message that is encoded against the rules",
        "",
        (),
    ),
    "message-in-message": ("message/rfc822(message/rfc822(text/plain))", "outer", "Body of the innermost.", ()),
    "missing-from": ("text/plain", "nobody sent this", "Body.", ()),
    "multipart-without-boundary": (
        "text/plain",
        "no boundary",
        "--x Content-Type: text/plain Hidden by no one. --x--",
        (),
    ),
    "never-closed": (
        "multipart/mixed(multipart/alternative(text/plain text/html) image/png)",
        "nothing is ever closed",
        "one",
        (),
    ),
    "no-blank-line": ("text/plain", "the header never ends", "", ()),
    "nul-and-controls": ("text/plain", "a b [2Jc d", "text with controls", (".txt",)),
    "only-a-body": ("text/plain", "", "There is no header at all.", ()),
    "prefix-boundaries": (
        "multipart/mixed(multipart/mixed(multipart/mixed(text/plain)) text/plain)",
        "boundaries that begin alike",
        "deep",
        (),
    ),
    "raw-8-bit": ("text/plain", "Café naïve", "Blåbær", ("résumé.txt",)),
    "repeated-fields": ("text/plain", "first", "<p>plain", ()),
    "same-boundary-twice": (
        "multipart/mixed(multipart/alternative(text/plain) text/plain)",
        "one boundary for two multiparts",
        "inner",
        (),
    ),
    "split-character-in-words": ("text/plain", "Smørrebrød", "Body.", ()),
    "unknown-charset": ("text/plain", "Qapla'", "textæ in no charset", ()),
}


def test_every_sample_has_an_expectation() -> None:
    assert SAMPLES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_samples_are_read_as_a_person_would(name: str) -> None:
    found = describe(SAMPLES[name])
    assert (shape(scan(SAMPLES[name])), found.subject, found.preview, found.attachments) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_damaged_samples_keep_every_promise(name: str) -> None:
    sample = SAMPLES[name]
    damaged = [sample, sample.replace(b"\r\n", b"\n"), sample.replace(b"\r\n", b"\r"), sample[::-1], sample * 2]
    damaged += [sample[:cut] for cut in range(0, len(sample), max(1, len(sample) // 12))]
    rng = random.Random(name)
    for _ in range(10):
        copy = bytearray(sample)
        for _ in range(rng.randint(1, 8)):
            copy[rng.randrange(len(copy))] = rng.choice(b'\r\n\x00\xff:;="<>()-,@? ')
        damaged.append(bytes(copy))
    for message in damaged:
        fuzz_structure.one(message)
        fuzz_headers.one(message)


def test_lines_of_samples_are_addresses_or_refused() -> None:
    for sample in SAMPLES.values():
        for line in sample.split(b"\n"):
            fuzz_address.one(line)
            fuzz_address.one(line.partition(b":")[2])
