"""Sessions of this cell: Django's session engine over `WebSession`, which keeps a hash of the key, and hours.

What the browser holds is random; the table has its SHA-256, so that a copy of the table signs nobody in. Times are
rounded: begun and last used down to the hour, the end up to it. A session of another cell is none.

This is the module that SESSION_ENGINE names; Django wants the class to be called `SessionStore`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from webadmin.accounts.models import Account, WebSession

ACCOUNT_KEY: Final = "_auth_user_id"  # where Django's `login` puts the account's id
HOUR: Final = timedelta(hours=1)
# A session that nobody has signed in with holds a sentence for the next page, and strangers can make as many as they
# like: such a row is swept soon.
OF_NOBODY: Final = timedelta(hours=1)


class SessionStore(DatabaseStore):
    """One session; the key in memory is the browser's, the key in the table its hash."""

    @classmethod
    def get_model_class(cls) -> type[WebSession]:
        return WebSession

    def _get_session_from_db(self) -> WebSession | None:
        row = WebSession.objects.filter(
            session_key=digest(self.session_key or ""), cell=settings.ENVIRON.cell, expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
        elif timezone.now() - row.used >= HOUR:
            WebSession.objects.filter(pk=row.pk).update(used=hour(timezone.now()))
        return row

    def exists(self, session_key: str) -> bool:
        return WebSession.objects.filter(session_key=digest(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> WebSession:
        now = timezone.now()
        key = digest(self._get_or_create_session_key())  # type: ignore[attr-defined]  # Django's, not in its stubs
        known = WebSession.objects.filter(session_key=key).first()
        ends = self.get_expiry_date()
        if data.get(ACCOUNT_KEY) is None:
            ends = min(ends, now + OF_NOBODY)
        return WebSession(
            session_key=key,
            cell=settings.ENVIRON.cell,
            account_id=data.get(ACCOUNT_KEY),
            created=known.created if known else hour(now),
            used=hour(now),
            words=known.words if known else "",
            session_data=self.encode(data),
            expire_date=hour(ends) + HOUR,
        )

    def cycle_key(self) -> None:
        """A new key for the same browser: its name and its first hour stay."""
        before = (
            WebSession.objects.filter(session_key=digest(self.session_key or "")).values("created", "words").first()
        )
        super().cycle_key()
        if before is not None:
            WebSession.objects.filter(session_key=digest(self.session_key or "")).update(**before)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            WebSession.objects.filter(session_key=digest(key)).delete()


def digest(key: str) -> str:
    """What the table has of a browser's key: 64 hex digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def hour(moment: datetime) -> datetime:
    """Rounded down."""
    return moment.replace(minute=0, second=0, microsecond=0)


def of(account: Account) -> list[WebSession]:
    """The account's sessions that still count, the newest first."""
    rows = WebSession.objects.filter(account=account, expire_date__gt=timezone.now())
    return list(rows.order_by("-used", "-created", "session_key"))


def end(account: Account, session_key: str) -> bool:
    """End one session of this account, named by the table's key; whether there was one."""
    return WebSession.objects.filter(account=account, session_key=session_key).delete()[0] > 0


def end_others(account: Account, own_key: str | None) -> int:
    """End every session of the account but the one with this browser's key; how many. After a password's change."""
    rows = WebSession.objects.filter(account=account)
    return (rows.exclude(session_key=digest(own_key)) if own_key else rows).delete()[0]


def sweep(now: datetime) -> int:
    """Remove the rows of every session that has ended by itself; how many."""
    return WebSession.objects.filter(expire_date__lte=now).delete()[0]
