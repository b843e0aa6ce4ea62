"""Signed notes, checkpoints and cosignatures: published examples, round trips, hostile bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from jurisdiction.ledger.notes import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Checkpoint,
    Note,
    NoteError,
    PublicKey,
    Signature,
    cosign,
    cosigned_at,
    decimal,
    decode_hash,
    open_checkpoint,
    parse_checkpoint,
    parse_key,
    parse_note,
    sign_note,
    verify_note,
)
from jurisdiction.ledger.tree import EMPTY_ROOT

# C2SP signed-note and its reference implementations.
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
# The example of C2SP tlog-cosignature.
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""

LOG = SigningKey(b"l" * 32)
WITNESS = SigningKey(b"w" * 32)
LOG_KEY = PublicKey("is-1.example.is/ledger", ED25519, bytes(LOG.verify_key))
WITNESS_KEY = PublicKey("no-1.example.is/witness", COSIGNATURE, bytes(WITNESS.verify_key))
HEAD = Checkpoint(LOG_KEY.name, 0, EMPTY_ROOT)
NOW = 1_795_000_000


def signed(text: str = HEAD.text()) -> Note:
    return sign_note(text, LOG_KEY.name, LOG)


def test_the_published_example_verifies() -> None:
    assert verify_note(parse_note(EXAMPLE.encode()), [parse_key(FOO)])
    assert str(parse_key(FOO)) == FOO


def test_the_published_checkpoint_is_read() -> None:
    note = parse_note(COSIGNED.encode())
    head = parse_checkpoint(note.text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert head.text() == note.text
    assert [signature.name for signature in note.signatures] == [head.origin, "witness.example.com/w1"]
    assert int.from_bytes(note.signatures[1].data[:8], "big") == 1_679_315_147
    assert str(note) == COSIGNED


def test_a_signed_checkpoint_opens_and_is_called_unwitnessed() -> None:
    assert open_checkpoint(str(signed()).encode(), LOG_KEY, [WITNESS_KEY]) == (HEAD, ())


def test_a_cosigned_checkpoint_names_its_witness_and_the_time() -> None:
    note = signed().adding([cosign(HEAD.text(), WITNESS_KEY.name, WITNESS, NOW)])
    assert open_checkpoint(str(note).encode(), LOG_KEY, [WITNESS_KEY]) == (HEAD, (WITNESS_KEY,))
    assert cosigned_at(note, WITNESS_KEY) == NOW
    assert cosigned_at(signed(), WITNESS_KEY) is None


def test_a_newer_cosignature_takes_the_place_of_the_older() -> None:
    note = signed()
    for at in (NOW, NOW + 60):
        note = note.adding([cosign(HEAD.text(), WITNESS_KEY.name, WITNESS, at)])
    assert cosigned_at(note, WITNESS_KEY) == NOW + 60
    assert len(note.signatures) == 2


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    note = Note(HEAD.text(), (cosign(HEAD.text(), WITNESS_KEY.name, WITNESS, NOW),))
    with pytest.raises(NoteError, match="has not signed"):
        open_checkpoint(str(note).encode(), LOG_KEY, [WITNESS_KEY])


def test_the_checkpoint_of_another_log_is_refused() -> None:
    other = Checkpoint("no-1.example.is/ledger", 0, EMPTY_ROOT)
    with pytest.raises(NoteError, match="not of"):
        open_checkpoint(str(signed(other.text())).encode(), LOG_KEY)


def test_signatures_of_strangers_are_ignored_and_false_ones_are_not() -> None:
    stranger = Signature("stranger", b"1234", b"x" * 64)
    assert verify_note(signed().adding([stranger]), [LOG_KEY]) == (LOG_KEY,)
    with pytest.raises(NoteError, match="no trusted key"):
        verify_note(signed(), [WITNESS_KEY])
    false = Signature(WITNESS_KEY.name, WITNESS_KEY.id, NOW.to_bytes(8, "big") + b"x" * 64)
    with pytest.raises(NoteError, match="not genuine"):
        verify_note(signed().adding([false]), [LOG_KEY, WITNESS_KEY])


def test_a_changed_text_or_time_breaks_the_signature() -> None:
    with pytest.raises(NoteError, match="not genuine"):
        verify_note(Note(HEAD.text().replace("\n0\n", "\n1\n"), signed().signatures), [LOG_KEY])
    cosignature = cosign(HEAD.text(), WITNESS_KEY.name, WITNESS, NOW)
    later = Signature(cosignature.name, cosignature.key_id, (NOW + 1).to_bytes(8, "big") + cosignature.data[8:])
    with pytest.raises(NoteError, match="not genuine"):
        verify_note(Note(HEAD.text(), (later,)), [WITNESS_KEY])


def test_a_cosignature_beyond_time_is_refused() -> None:
    false = Signature(WITNESS_KEY.name, WITNESS_KEY.id, b"\xff" * 8 + b"x" * 64)
    with pytest.raises(NoteError, match="impossible time"):
        verify_note(Note(HEAD.text(), (false,)), [WITNESS_KEY])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "name",
        "name+id",
        FOO.replace("530d903a", "530d903b"),
        FOO.replace("foo", "bar"),
        FOO + "=",
        "a b+00000000+" + base64.b64encode(b"\x01" + b"k" * 32).decode(),
        "n+00000000+" + base64.b64encode(b"\x02" + b"k" * 32).decode(),
        "n+00000000+" + base64.b64encode(b"\x01" + b"k" * 31).decode(),
        "n+00000000+",
    ],
)
def test_a_damaged_key_line_is_refused(line: str) -> None:
    with pytest.raises(NoteError):
        parse_key(line)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no signatures"),
        (b"text\n", "no signatures"),
        (b"text\n\n", "no signatures"),
        (b"text\n\n\xff\n", "UTF-8"),
        (b"te\rxt\n\n" + "— n AAAAAAA=\n".encode(), "control"),
        ("text\n\n— n AAAAAAA=".encode(), "no signatures"),
        ("text\n\n— n AAAA\n".encode(), "form"),
        ("text\n\n— n AAAAAAA\n".encode(), "damaged"),
        ("text\n\n— n AAAAAAB=\n".encode(), "canonical"),
        ("text\n\n— n+m AAAAAAA=\n".encode(), "form"),
        (b"text\n\n- n AAAAAAA=\n", "damaged"),
        ("text\n\n—  AAAAAAA=\n".encode(), "form"),
        ("text\n\n— n AAAAAAA= x\n".encode(), "damaged"),
        (b"x" * (MAX_NOTE_BYTES + 1), "longer"),
        (("text\n\n" + "— n AAAAAAA=\n" * (MAX_SIGNATURES + 1)).encode(), "more than"),
    ],
)
def test_a_malformed_note_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(NoteError, match=complaint):
        parse_note(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        "origin\n1\nAAAA\n",
        "origin\n01\n" + HEAD.text().split("\n")[2] + "\n",
        "origin\n-1\n" + HEAD.text().split("\n")[2] + "\n",
        "origin\n٣\n" + HEAD.text().split("\n")[2] + "\n",
        "origin\n9223372036854775808\n" + HEAD.text().split("\n")[2] + "\n",
        "origin\n" + "9" * 5000 + "\n" + HEAD.text().split("\n")[2] + "\n",
        "\n1\n" + HEAD.text().split("\n")[2] + "\n",
        HEAD.text() + "\n",
        HEAD.text().removesuffix("\n"),
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_a_text_that_cannot_be_a_note_is_not_signed() -> None:
    for text in ("no newline", "bell\a\n"):
        with pytest.raises(NoteError):
            sign_note(text, LOG_KEY.name, LOG)


@given(st.binary(max_size=300))
def test_hostile_bytes_raise_nothing_but_the_note_error(data: bytes) -> None:
    for parse in (parse_note, lambda data: parse_key(data.decode("latin-1"))):
        try:
            parse(data)
        except NoteError:
            continue
    with pytest.raises(NoteError):
        decode_hash(data[:31].hex())


texts = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="+"), min_size=1, max_size=20)


@given(texts, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(texts, max_size=3))
def test_checkpoints_come_back_as_they_went(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    head = Checkpoint(origin, size, root, tuple(extensions))
    note = sign_note(head.text(), origin, LOG)
    again = parse_note(str(note).encode())
    assert again == note
    assert parse_checkpoint(again.text) == head
    assert verify_note(again, [PublicKey(origin, ED25519, bytes(LOG.verify_key))])


@given(st.integers(0, 2**63 - 1))
def test_sizes_are_decimals(size: int) -> None:
    assert decimal(str(size)) == size
