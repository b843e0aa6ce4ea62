"""The database's failures in the words of IMAP: a full disk or a lost server is a NO, never a dropped connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mailhost import ports
from mailhost.adapters.placing import NoSuchTarget
from mailhost.imap.store import NoSuchFolder, OverQuota, TryLater


@contextmanager
def imap_answers() -> Iterator[None]:
    """Turn errors of the mail store into those of the IMAP store."""
    try:
        yield
    except ports.MailboxFull:
        raise OverQuota("The mailbox is full: remove mail, or ask for a larger quota") from None
    except NoSuchTarget:
        raise NoSuchFolder("There is no such folder", code="TRYCREATE") from None
    except ports.StoreFull:
        raise TryLater("No storage is left on this host; nothing was changed, try again later") from None
    except ports.KeyChanged:
        raise TryLater("The key of this mailbox has just changed; try again") from None
    except ports.StoreError:
        raise TryLater("The mail store is not available; nothing was changed, try again later") from None
