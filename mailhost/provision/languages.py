"""In which language an owner is written to: the one in which they last chose to read the pages, or signed in."""

from __future__ import annotations

from mailhost.models import Mailbox, OwnerLanguage


def keep(box: Mailbox, language: str) -> None:
    """Write to this owner in that language from now on."""
    if of(box) != language:
        OwnerLanguage.objects.update_or_create(mailbox=box, defaults={"language": language})


def of(box: Mailbox) -> str:
    """The language, "" for an owner who has not been seen."""
    return OwnerLanguage.objects.filter(mailbox=box).values_list("language", flat=True).first() or ""
