"""An export holds every message, opens with the owner's key alone, resumes, and overwrites nothing."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.models import Folder, FolderKeyword, Mailbox, SealedMessage
from mailhost.provision import mailboxes
from mailhost.provision.errors import CannotExport
from mailhost.provision.export import MAX_PART_OCTETS, Exported, export, safe_part
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.sealed import open_file
from tests.provision import house
from tests.provision.fakes import FakeBlobs

MAIL = b"Subject: tide table\r\n\r\nhigh water 14:05\r\n"
BIG = b"Subject: chart\r\n\r\n" + bytes(range(256)) * 400
BLOB = "cd" * 16


@pytest.fixture
def ada(cell: None) -> mailboxes.NewMailbox:
    return house.add_ada()


@pytest.fixture
def box(ada: mailboxes.NewMailbox, blobs: FakeBlobs) -> Mailbox:
    """Ada's mailbox with a small message in INBOX and one with a blob in Sent."""
    box = mailboxes.get(ada.address)
    house.store(box, MAIL, flags=0b1 | 1 << 5)
    FolderKeyword.objects.create(folder=Folder.objects.get(mailbox=box, name="INBOX"), position=0, name="$Forwarded")
    _, blobs.content[BLOB] = house.store(box, BIG, folder="Sent", blob=BLOB)
    return box


def run(box: Mailbox, target: Path, blobs: FakeBlobs, identities: tuple[HybridIdentity, ...] = ()) -> Exported:
    return export(box, target, blobs=blobs, now=house.NOW, max_message_size=1 << 20, identities=identities)


@pytest.fixture
def identities(ada: mailboxes.NewMailbox) -> tuple[HybridIdentity, ...]:
    return mailboxes.keyring(mailboxes.get(ada.address), ada.keyring_key).identities


def test_each_message_is_an_age_file_that_opens_to_its_bytes(
    box: Mailbox, blobs: FakeBlobs, tmp_path: Path, identities: tuple[HybridIdentity, ...]
) -> None:
    done = run(box, tmp_path / "out", blobs)
    assert (done.written, done.opened, done.damaged) == (2, 0, [])
    [inbox] = (tmp_path / "out" / "INBOX").glob("*.eml.age")
    [sent] = (tmp_path / "out" / "Sent").glob("*.eml.age")
    assert inbox.name.startswith("00000001-")
    assert open_file(identities, inbox.read_bytes()) == MAIL
    assert open_file(identities, sent.read_bytes()) == BIG
    assert not list((tmp_path / "out").rglob("*.eml"))


def test_with_keys_the_opened_message_lies_beside_it(
    box: Mailbox, blobs: FakeBlobs, tmp_path: Path, identities: tuple[HybridIdentity, ...]
) -> None:
    run(box, tmp_path / "out", blobs)
    done = run(box, tmp_path / "out", blobs, identities)
    assert (done.written, done.already_there, done.opened) == (0, 2, 2)
    assert [path.read_bytes() for path in (tmp_path / "out" / "INBOX").glob("*.eml")] == [MAIL]


def test_the_index_tells_flags_and_the_hour(box: Mailbox, blobs: FakeBlobs, tmp_path: Path) -> None:
    run(box, tmp_path / "out", blobs)
    [line] = (tmp_path / "out" / "INBOX" / "index.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert entry["flags"] == ["\\Seen", "$Forwarded"]
    assert entry["arrived"] == "2027-03-14T15+00:00"
    assert (tmp_path / "out" / "INBOX" / entry["file"]).exists()


def test_a_second_run_continues_and_leaves_what_is_complete(box: Mailbox, blobs: FakeBlobs, tmp_path: Path) -> None:
    run(box, tmp_path / "out", blobs)
    [inbox] = (tmp_path / "out" / "INBOX").glob("*.eml.age")
    before = inbox.stat().st_mtime_ns
    inbox.with_name(inbox.name + ".part").write_bytes(b"interrupted")
    house.store(box, b"new")
    done = run(box, tmp_path / "out", blobs)
    assert (done.written, done.already_there) == (1, 2)
    assert inbox.stat().st_mtime_ns == before


def test_nothing_is_overwritten(box: Mailbox, blobs: FakeBlobs, tmp_path: Path) -> None:
    run(box, tmp_path / "out", blobs)
    [inbox] = (tmp_path / "out" / "INBOX").glob("*.eml.age")
    inbox.write_bytes(b"something of the user's")
    with pytest.raises(CannotExport, match="nothing is overwritten"):
        run(box, tmp_path / "out", blobs)
    assert inbox.read_bytes() == b"something of the user's"


def test_another_folder_is_not_taken_for_an_export(box: Mailbox, blobs: FakeBlobs, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(CannotExport, match="not empty"):
        run(box, tmp_path, blobs)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotExport, match="is a file"):
        run(box, tmp_path / "file", blobs)
    run(box, tmp_path / "out", blobs)
    with pytest.raises(CannotExport, match="another mailbox"):
        run(house.invite("ben@example.is"), tmp_path / "out", blobs)
    (tmp_path / "out" / "mailbox.json").write_text("[]")
    with pytest.raises(CannotExport, match="not from an export"):
        run(box, tmp_path / "out", blobs)


def test_one_damaged_message_is_named_and_the_others_are_there(
    box: Mailbox, blobs: FakeBlobs, tmp_path: Path, identities: tuple[HybridIdentity, ...]
) -> None:
    del blobs.content[BLOB]
    done = run(box, tmp_path / "out", blobs, identities)
    assert done.written == 1
    assert [Path(name).parent.name for name in done.damaged] == ["Sent"]
    row = SealedMessage.objects.filter(blob="").get()
    row.payload = bytes(row.payload_size)
    row.save()
    again = run(box, tmp_path / "again", blobs, identities)
    assert len(again.damaged) == 2
    assert not list((tmp_path / "again").rglob("*.eml"))


def test_a_folder_name_cannot_leave_the_export(box: Mailbox, blobs: FakeBlobs, tmp_path: Path) -> None:
    Folder.objects.filter(mailbox=box, name="Sent").update(name="../../evil/..")
    run(box, tmp_path / "deep" / "out", blobs)
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert len(list((tmp_path / "deep" / "out").rglob("*.eml.age"))) == 2


@given(st.text(max_size=300))
def test_every_part_of_a_name_is_one_harmless_file_name(part: str) -> None:
    safe = safe_part(part)
    assert safe not in {"", ".", ".."}
    assert not set(safe) & set('/\\\0\n:*?"<>|')
    assert not safe.startswith(".")
    assert not safe.endswith((".age", ".eml", ".jsonl", ".json", ".part"))
    assert len(safe.encode()) <= MAX_PART_OCTETS + 3


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (safe_part(one) == safe_part(other)) == (one == other)
