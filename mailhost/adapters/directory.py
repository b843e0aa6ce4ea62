"""Who is this recipient: mailboxes, aliases and domains by name, one round trip of three statements for many names.

No cache and no logic here; `mailhost.routing` has both.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from mailhost.adapters.database import Readers, listed, one_of, read_moment, statements
from mailhost.ports import Found, HostedDomain, MailboxState, Route

# The columns of a Route, wherever the mailbox was reached from.
_ROUTE: Final = (
    "m.id, m.tenant_id, m.address, m.state, t.state, k.recipient, k.serial, m.invited_at, m.quota_bytes, u.bytes,"
    " w.version"
    " FROM mailhost_mailbox m"
    " JOIN mailhost_tenant t ON t.id = m.tenant_id"
    " JOIN mailhost_mailboxusage u ON u.mailbox_id = m.id"
    " LEFT JOIN mailhost_mailboxkey k ON k.mailbox_id = m.id"
    " AND k.serial = (SELECT MAX(serial) FROM mailhost_mailboxkey WHERE mailbox_id = m.id)"
    " LEFT JOIN mailhost_ownerwishes w ON w.mailbox_id = m.id AND w.in_force"
)


class DatabaseDirectory:
    """`ports.Directory` over the cell's database."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def lookup(self, addresses: Collection[str], domains: Collection[str]) -> Found:
        return await self._readers.run(look_up, tuple(addresses), tuple(domains))

    async def version(self) -> int:
        """Number that every change of a mailbox, alias, domain, key or tenant raises."""
        return await self._readers.run(_version)

    async def first_domain(self) -> str | None:
        """The oldest domain hosted here: what `<Postmaster>` without a domain means (RFC 5321 §4.5.1)."""
        return await self._readers.run(_first_domain)


def _first_domain() -> str | None:
    with statements() as cursor:
        cursor.execute("SELECT name FROM mailhost_domain WHERE verified IS NOT NULL ORDER BY id LIMIT 1")
        row = cursor.fetchone()
    return row[0] if row else None


def _version() -> int:
    with statements() as cursor:
        cursor.execute("SELECT version FROM mailhost_routeversion WHERE id = 1")
        return int(cursor.fetchone()[0])


def look_up(addresses: Collection[str], domains: Collection[str]) -> Found:
    """As `DatabaseDirectory.lookup`, on the calling thread's own connection."""
    return Found(_routes(addresses), _domains(domains))


def _routes(addresses: Collection[str]) -> dict[str, tuple[Route, ...]]:
    if not addresses:
        return {}
    names = listed(addresses)
    found: dict[str, dict[int, Route]] = {}
    with statements() as cursor:
        cursor.execute(f"SELECT m.address, {_ROUTE} WHERE {one_of('m.address', 'text')}", [names])
        rows = cursor.fetchall()
        cursor.execute(
            f"SELECT a.address, {_ROUTE} JOIN mailhost_alias a ON a.mailbox_id = m.id"
            f" WHERE {one_of('a.address', 'text')} ORDER BY m.id",
            [names],
        )
        rows += cursor.fetchall()
    for name, *columns in rows:
        route = _route(columns)
        found.setdefault(name, {}).setdefault(route.mailbox_id, route)
    return {name: tuple(routes.values()) for name, routes in found.items()}


def _domains(names: Collection[str]) -> dict[str, HostedDomain]:
    if not names:
        return {}
    with statements() as cursor:
        cursor.execute(
            "SELECT d.id, d.name, d.tenant_id, t.state, d.catch_all_id FROM mailhost_domain d"
            " JOIN mailhost_tenant t ON t.id = d.tenant_id"
            f" WHERE d.verified IS NOT NULL AND {one_of('d.name', 'text')}",
            [listed(names)],
        )
        rows = cursor.fetchall()
        ids = listed(row[0] for row in rows)
        # postmaster@ and abuse@ go to the oldest active mailbox of the domain where no such name exists. On the cell's
        # shared domain that is the house's own, never a stranger's.
        cursor.execute(
            f"SELECT m.domain_id, {_ROUTE} WHERE m.id IN (SELECT MIN(b.id) FROM mailhost_mailbox b"
            " JOIN mailhost_domain d ON d.id = b.domain_id AND d.tenant_id = b.tenant_id"
            f" WHERE b.state = 'active' AND {one_of('b.domain_id')} GROUP BY b.domain_id)",
            [ids],
        )
        postmasters = {domain_id: _route(columns) for domain_id, *columns in cursor.fetchall()}
        cursor.execute(
            f"SELECT {_ROUTE} WHERE {one_of('m.id')}", [listed(row[4] for row in rows if row[4] is not None)]
        )
        catch_alls = {route.mailbox_id: route for route in map(_route, cursor.fetchall())}
    return {
        name: HostedDomain(
            name=name,
            tenant_id=tenant_id,
            suspended=state == "suspended",
            catch_all=(catch_alls[catch_all],) if catch_all in catch_alls else (),
            postmaster=(postmasters[domain_id],) if domain_id in postmasters else (),
        )
        for domain_id, name, tenant_id, state, catch_all in rows
    }


def _route(columns: Any) -> Route:
    mailbox_id, tenant_id, address, state, tenant_state, recipient, serial, invited_at, quota, used, wishes = columns
    if tenant_state == "suspended":
        state = MailboxState.SUSPENDED
    elif tenant_state in {"held", "leaving"} and state == "active":
        state = MailboxState.HELD
    return Route(
        mailbox_id=mailbox_id,
        tenant_id=tenant_id,
        address=address,
        state=MailboxState(state),
        public_key=recipient,
        key_version=serial or 0,
        invited_at=read_moment(invited_at),
        room=max(0, quota - used),
        limit=quota,
        wishes=wishes or 0,
    )
