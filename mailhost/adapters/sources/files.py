"""What sources of files share: reading within a limit, and the identity of a message by its content."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from mailhost.imap.store import NewMessage
from mailhost.importing.letters import arrived, header_of, with_crlf
from mailhost.importing.source import Bad, Letter, SourceProblem, Why


def identity(content: bytes) -> bytes:
    """The same for the same message, whatever its line ends."""
    return sha256(with_crlf(content)).digest()


def read(path: Path, limit: int) -> bytes | Why:
    """A message's file, or why it is none. Raises SourceProblem where the disk fails."""
    try:
        found = path.lstat()
        # A link could lead to any file that the operator may read, a pipe would be waited for.
        if not stat.S_ISREG(found.st_mode):
            return Why.UNREADABLE
        if found.st_size > limit:
            return Why.TOO_LARGE
        return path.read_bytes() or Why.EMPTY
    except FileNotFoundError:
        return Why.GONE
    except PermissionError:
        return Why.UNREADABLE
    except OSError as problem:
        raise SourceProblem(f"{path.parent} cannot be read: {problem.strerror}") from None


def listed_identity(path: Path, limit: int) -> bytes:
    """By content; by name where there is none to be had, so that it is tried, and counted, again."""
    content = read(path, limit)
    return identity(content) if isinstance(content, bytes) else b"name:" + path.name.encode("utf-8", "surrogateescape")


def letter(number: int, content: bytes | Why, flags: tuple[str, ...], moment: datetime | None = None) -> Letter | Bad:
    """A message that was read, with the date its own header tells if none is given."""
    if isinstance(content, Why):
        return Bad(number, content)
    when = moment or arrived(header_of(content))
    return Letter(number, NewMessage(with_crlf(content), flags, when))


def modified(path: Path) -> datetime | None:
    """The file's own time."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return None


def folder_at(path: Path, kind: str) -> Path:
    """The path, if it is there. Raises SourceProblem."""
    if not path.exists():
        raise SourceProblem(f"there is no {path}; name {kind}")
    return path
