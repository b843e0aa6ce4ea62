"""Verbs on mailboxes: SELECT, CREATE, LIST, STATUS and their relatives (RFC 9051 §6.3)."""

from __future__ import annotations

from mailhost.imap import commands_folders as commands
from mailhost.imap.conversation import Conversation, Reply, no, ok
from mailhost.imap.listing import list_folders, lsub_folders, status_line
from mailhost.imap.names import DELIMITER, check_new
from mailhost.imap.selected import Selected
from mailhost.imap.store import Quota

# RFC 6154 §2; \\All and \\Flagged would be virtual folders, which are not kept.
SPECIAL_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
# RFC 9208 §3.1: the one quota root of an account.
QUOTA_ROOT = b'""'


async def select(conv: Conversation, command: commands.Select) -> Reply:
    """SELECT and EXAMINE."""
    if conv.selected is not None:
        await conv.unselect()
        # RFC 7162 §3.2.11, RFC 9051 §7.1: what follows is about the new mailbox.
        conv.untagged(b"OK [CLOSED] The previous mailbox is closed")
    name = conv.name(command.mailbox)
    folder = await conv.here.open(name)
    try:
        selected = await Selected.select(folder, read_only=command.read_only)
    except BaseException:
        await folder.close()
        raise
    if command.condstore:
        conv.enabled.add("CONDSTORE")
    conv.selected = selected
    selected.watch(conv.wake)
    _describe(conv, selected)
    if command.read_only:
        return ok("Opened for reading only", b"READ-ONLY")
    return ok("Opened", b"READ-WRITE")


def _describe(conv: Conversation, selected: Selected) -> None:
    out = conv.out
    out.write(selected.flags_response())
    out.write(selected.permanent_flags())
    conv.untagged(b"%d EXISTS" % selected.exists)
    conv.untagged(b"%d RECENT" % selected.recent)
    unseen = selected.first_unseen()
    if unseen:
        conv.untagged(b"OK [UNSEEN %d] The first unseen message" % unseen)
    conv.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % selected.uidvalidity)
    conv.untagged(b"OK [UIDNEXT %d] The next UID" % selected.uidnext)
    conv.untagged(b"OK [HIGHESTMODSEQ %d] The latest change" % selected.highestmodseq)


async def create(conv: Conversation, command: commands.Create) -> Reply:
    """CREATE. A new folder is subscribed, because Thunderbird shows no other.

    Not so one whose name came with a trailing delimiter (RFC 9051 §6.3.4: the client means to put others
    below it) and, in this connection's RETURN (SUBSCRIBED), one it has not subscribed itself: see `listing`.
    """
    name = conv.name(command.mailbox)
    check_new(name)
    use = None
    if command.uses:
        uses = {known.lower(): known for known in SPECIAL_USES}
        if len(command.uses) > 1 or command.uses[0].lower() not in uses:
            # RFC 6154 §3.
            return no("A folder can have one of the uses " + ", ".join(SPECIAL_USES), b"USEATTR")
        use = uses[command.uses[0].lower()]
    before = {info.name for info in await conv.here.folders()}
    info = await conv.here.create(name, use)
    levels = name.split(DELIMITER)
    parents = {DELIMITER.join(levels[:depth]) for depth in range(1, len(levels) + 1)}
    conv.made |= parents - before
    if command.mailbox.endswith(DELIMITER.encode("ascii")):
        await conv.here.subscribe(info.name, on=False)
    return ok("Created")


async def delete(conv: Conversation, command: commands.Delete) -> Reply:
    """DELETE."""
    name = conv.name(command.mailbox)
    await conv.here.delete(name, now=conv.clock())
    if conv.selected is not None and conv.selected.folder.name == name:
        await conv.unselect()
        conv.untagged(b"OK [CLOSED] The selected mailbox was deleted")
    return ok("Deleted")


async def rename(conv: Conversation, command: commands.Rename) -> Reply:
    """RENAME."""
    new = conv.name(command.new)
    check_new(new)
    await conv.here.rename(conv.name(command.old), new, now=conv.clock())
    return ok("Renamed")


async def subscribe(conv: Conversation, command: commands.Subscribe) -> Reply:
    """SUBSCRIBE and UNSUBSCRIBE."""
    name = conv.name(command.mailbox)
    await conv.here.subscribe(name, on=command.on)
    conv.made.discard(name)
    return ok("Subscribed" if command.on else "Unsubscribed")


async def list_(conv: Conversation, command: commands.List) -> Reply:
    """LIST."""
    await conv.write_all(await list_folders(conv, command))
    return ok("Listed")


async def lsub(conv: Conversation, command: commands.Lsub) -> Reply:
    """LSUB."""
    await conv.write_all(await lsub_folders(conv, command))
    return ok("Listed")


async def namespace(conv: Conversation, _command: commands.Namespace) -> Reply:
    """NAMESPACE: all folders are the user's own, under no prefix."""
    conv.untagged(b'NAMESPACE (("" "/")) NIL NIL')
    return ok("Told")


async def status(conv: Conversation, command: commands.Status) -> Reply:
    """STATUS."""
    info = await conv.here.folder(conv.name(command.mailbox))
    conv.out.write(status_line(conv, info, command.items))
    return ok("Told")


async def get_quota(conv: Conversation, command: commands.GetQuota) -> Reply:
    """GETQUOTA."""
    if command.root != b"":
        return no("There is no such quota root", b"NONEXISTENT")
    conv.untagged(_quota_line(await conv.here.quota()))
    return ok("Told")


async def get_quota_root(conv: Conversation, command: commands.GetQuotaRoot) -> Reply:
    """GETQUOTAROOT."""
    info = await conv.here.folder(conv.name(command.mailbox))
    conv.untagged(b"QUOTAROOT %b %b" % (conv.quoted(info.name), QUOTA_ROOT))
    conv.untagged(_quota_line(await conv.here.quota()))
    return ok("Told")


def _quota_line(quota: Quota) -> bytes:
    resources = []
    if quota.storage_limit is not None:
        # RFC 9208 §5.1: STORAGE counts units of 1024 octets.
        resources.append(b"STORAGE %d %d" % (-(-quota.storage_used // 1024), quota.storage_limit // 1024))
    if quota.messages_limit is not None:
        resources.append(b"MESSAGE %d %d" % (quota.messages_used, quota.messages_limit))
    return b"QUOTA %b (%b)" % (QUOTA_ROOT, b" ".join(resources))


async def set_quota(_conv: Conversation, _command: commands.SetQuota) -> Reply:
    """SETQUOTA is for administrators, who have another door."""
    return no("Quotas are set by the tenant's administrator", b"NOPERM")
