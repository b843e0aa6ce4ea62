"""Taking a mailbox away: every message as the age file it is, in folders, readable without this program.

    DIR/mailbox.json                       address, when, what was opened
    DIR/INBOX/00000017-4f0c….eml.age       header + payload: a standard age file
    DIR/INBOX/00000017-4f0c….eml           the same opened, only where keys were given
    DIR/INBOX/index.jsonl                  one line a message: file, UID, flags, arrival (rounded to the hour)
    DIR/Projects/2026/…                    folders below folders

An export resumes: a file that is complete is left alone, an interrupted one has another name. It overwrites
nothing: a file of the right name and the wrong size is an error, and so is a folder that belongs to another
mailbox. Names come from strangers' clients, so what could leave the folder or confuse a file system is
percent-encoded.

One message is in memory at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from mailhost.imap.store import KEYWORD_SHIFT, SYSTEM_FLAGS
from mailhost.models import Folder, FolderKeyword, Mailbox, Message, SealedMessage
from mailhost.provision.errors import CannotExport
from mailhost.seal.errors import CannotOpen
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.sealed import open_file

BATCH = 200  # index rows read at once; the sealed bytes are read one by one
MAX_PART_OCTETS = 200  # most file systems allow 255 octets in a name; encoding may triple a character

_UNSAFE = re.compile(r"[^\w \-+@,()'&=!.]|^\.|\.$|^ | $|\.(?=(?:age|eml|part|jsonl|json)$)")


class BlobReader(Protocol):
    """Where large payloads lie."""

    def read(self, name: str) -> bytes:
        """The whole blob. Raises FileNotFoundError, OSError."""


@dataclass(slots=True)
class Exported:
    """What an export did. `damaged` are files' names whose message cannot be read or opened; the others are there."""

    written: int = 0
    already_there: int = 0
    opened: int = 0
    damaged: list[str] = field(default_factory=list)


def export(
    box: Mailbox,
    target: Path,
    *,
    blobs: BlobReader,
    now: datetime,
    max_message_size: int,
    identities: Sequence[HybridIdentity] = (),
    progress: Callable[[int], None] = lambda _done: None,
) -> Exported:
    """Write the mailbox below `target`; `progress` hears how many messages are done. Raises CannotExport, OSError."""
    _claim(target, box, now)
    done = Exported()
    for folder in Folder.objects.filter(mailbox=box).order_by("name"):
        place = target.joinpath(*(safe_part(part) for part in folder.name.split("/")))
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        keywords = dict(FolderKeyword.objects.filter(folder=folder).values_list("position", "name"))
        with _durable(place / "index.jsonl") as index:
            for message in _places(folder):
                name = f"{message.uid:08d}-{message.sealed.opaque_id[:12]}.eml"
                index.write(_index_line(name, message, _flag_names(message.flags, keywords)))
                _export_one(message, place / name, blobs, identities, max_message_size, done)
                progress(done.written + done.already_there + len(done.damaged))
    return done


def count(box: Mailbox) -> int:
    """Messages an export of the mailbox would hold."""
    return Message.objects.filter(folder__mailbox=box).count()


def safe_part(part: str) -> str:
    """One level of a folder's name as one name of a file system: unsafe characters in percent-encoding."""
    encoded = _UNSAFE.sub(lambda found: _percent(found[0]), part.replace("%", "%25")) or "%"
    octets = os.fsencode(encoded)
    if len(octets) <= MAX_PART_OCTETS:
        return encoded
    # Cut, and kept apart from others with the same beginning.
    digest = hashlib.sha256(octets).hexdigest()[:16]
    return octets[: MAX_PART_OCTETS - 20].decode("utf-8", "ignore") + f"~{digest}"


def _percent(text: str) -> str:
    return "".join(f"%{octet:02X}" for octet in text.encode("utf-8", "surrogatepass"))


def _claim(target: Path, box: Mailbox, now: datetime) -> None:
    """Make `target` the export of this mailbox, or find that it is."""
    note = target / "mailbox.json"
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise CannotExport(f"{target} is a file; name a folder") from None
    if note.exists():
        try:
            owner = json.loads(note.read_text(encoding="utf-8"))["address"]
        except (ValueError, KeyError, TypeError):
            raise CannotExport(f"{note} is not from an export; use an empty folder") from None
        if owner != box.address:
            raise CannotExport(f"{target} holds the export of another mailbox; use an empty folder")
        return
    if any(target.iterdir()):
        raise CannotExport(f"{target} is not empty and not an export to be continued; use an empty folder")
    about = {"address": box.address, "begun": now.isoformat(timespec="seconds"), "format": "age v1 + zstd"}
    _write(note, json.dumps(about, ensure_ascii=False).encode() + b"\n")


def _places(folder: Folder) -> Iterator[Message]:
    """The folder's messages by UID, without their sealed bytes."""
    last = 0
    while batch := list(
        Message.objects.filter(folder=folder, uid__gt=last)
        .select_related("sealed")
        .defer("sealed__header", "sealed__payload", "sealed__delivery_record")
        .order_by("uid")[:BATCH]
    ):
        yield from batch
        last = batch[-1].uid


def _export_one(
    message: Message,
    path: Path,
    blobs: BlobReader,
    identities: Sequence[HybridIdentity],
    max_message_size: int,
    done: Exported,
) -> None:
    """The age file, and the opened one where there are keys; what is damaged is noted and passed over."""
    sealed_path = path.with_name(path.name + ".age")
    expected = message.sealed.header_size + message.sealed.payload_size
    fresh = _is_missing(sealed_path, expected)
    must_open = bool(identities) and not path.exists()
    if fresh or must_open:
        whole = _whole(message.sealed_id, blobs)
        if len(whole) != expected:
            done.damaged.append(str(sealed_path))
            return
        if fresh:
            _write(sealed_path, whole)
        if must_open:
            _open_one(whole, path, identities, max_message_size, done)
    if fresh:
        done.written += 1
    else:
        done.already_there += 1


def _open_one(
    whole: bytes, path: Path, identities: Sequence[HybridIdentity], max_message_size: int, done: Exported
) -> None:
    try:
        opened = open_file(identities, whole, max_message_size)
    except CannotOpen:
        done.damaged.append(str(path))
        return
    _write(path, opened)
    done.opened += 1


def _is_missing(path: Path, expected: int) -> bool:
    """Whether the file must be written. Raises CannotExport for one that is there and another."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return True
    if size != expected:
        raise CannotExport(f"{path} exists with other content; nothing is overwritten, use an empty folder")
    return False


def _whole(sealed_id: int, blobs: BlobReader) -> bytes:
    """Header and payload of one message, an age file; less than that where a part is gone."""
    row = SealedMessage.objects.only("header", "payload", "blob").filter(pk=sealed_id).first()
    if row is None:
        return b""
    try:
        payload = blobs.read(row.blob) if row.blob else bytes(row.payload or b"")
    except FileNotFoundError:
        payload = b""
    return bytes(row.header) + payload


@contextmanager
def _durable(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is whole and synced, so that an interrupted one never looks complete."""
    scratch = path.with_name(path.name + ".part")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _write(path: Path, content: bytes) -> None:
    with _durable(path) as file:
        file.write(content)


def _index_line(name: str, message: Message, flags: list[str]) -> bytes:
    entry = {
        "file": name + ".age",
        "uid": message.uid,
        "flags": flags,
        "arrived": message.sealed.arrived.isoformat(timespec="hours"),
    }
    return json.dumps(entry, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _flag_names(word: int, keywords: dict[int, str]) -> list[str]:
    names = [name for bit, name in enumerate(SYSTEM_FLAGS) if word >> bit & 1]
    return names + [name for bit, name in sorted(keywords.items()) if word >> (KEYWORD_SHIFT + bit) & 1]
