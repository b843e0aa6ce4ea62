"""Verbs on mailboxes: SELECT, CREATE, LIST, STATUS and their relatives (RFC 9051 §6.3)."""

from __future__ import annotations

from mailhost.imap import commands_folders as commands
from mailhost.imap.conversation import Conversation, Reply, no, ok
from mailhost.imap.listing import counted, list_folders, lsub_folders, parents, status_line
from mailhost.imap.selected import Selected
from mailhost.imap.sequence import indexes, with_uids
from mailhost.imap.session_messages import flag_lines, tell_vanished
from mailhost.imap.store import CannotDo, Quota
from mailhost.imap.tokens import BadCommand
from mailhost.message.foldernames import DELIMITER, check_new

# RFC 6154 §2; \\All and \\Flagged would be virtual folders, which are not kept.
SPECIAL_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
# RFC 9208 §3.1: the one quota root of an account.
QUOTA_ROOT = b'""'


async def select(conv: Conversation, command: commands.Select) -> Reply:
    """SELECT and EXAMINE."""
    if command.qresync is not None and not conv.qresync:
        # RFC 7162 §3.2.5.
        raise BadCommand("QRESYNC must be enabled before it is used")
    if conv.selected is not None:
        await conv.unselect()
        # RFC 7162 §3.2.11, RFC 9051 §7.1: what follows is about the new mailbox.
        conv.untagged(b"OK [CLOSED] The previous mailbox is closed")
    folder = await conv.here.open(conv.name(command.mailbox))
    try:
        selected = await Selected.select(folder, read_only=command.read_only)
    except BaseException:
        await folder.close()
        raise
    if command.condstore:
        conv.enabled.add("CONDSTORE")
    conv.selected = selected
    selected.uidonly = conv.uidonly
    selected.watch(conv.wake)
    _describe(conv, selected)
    if command.qresync is not None:
        await _resync(conv, selected, command.qresync)
    if command.read_only:
        return ok("Opened for reading only", b"READ-ONLY")
    return ok("Opened", b"READ-WRITE")


def _describe(conv: Conversation, selected: Selected) -> None:
    out = conv.out
    out.write(selected.flags_response())
    out.write(selected.permanent_flags())
    conv.untagged(b"%d EXISTS" % selected.exists)
    if conv.rev2:
        selected.without_recent()
        # RFC 9051 §6.3.2: the LIST response may tell another spelling of the name.
        conv.untagged(b'LIST () "%b" %b' % (DELIMITER.encode("ascii"), conv.quoted(selected.folder.name)))
    else:
        conv.untagged(b"%d RECENT" % selected.recent)
        unseen = selected.first_unseen()
        if unseen and not conv.uidonly:
            conv.untagged(b"OK [UNSEEN %d] The first unseen message" % unseen)
    conv.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % selected.uidvalidity)
    conv.untagged(b"OK [UIDNEXT %d] The next UID" % selected.uidnext)
    conv.untagged(b"OK [HIGHESTMODSEQ %d] The latest change" % selected.highestmodseq)
    # RFC 8474 §4.2.
    conv.untagged(b"OK [MAILBOXID (%b)] The same after RENAME" % selected.folder.folder_id.encode("ascii"))


async def _resync(conv: Conversation, selected: Selected, resync: commands.Resync) -> None:
    """What changed since the client was last here (RFC 7162 §3.2.5).

    We differ: the optional match of sequence numbers is read and not used. It only lets a server that forgot
    which UIDs vanished narrow its guess; this store never forgets.
    """
    if resync.uidvalidity != selected.uidvalidity:
        return
    await tell_vanished(conv, selected, resync.modseq, resync.known_uids)
    ranges = [(0, selected.exists)]
    if resync.known_uids is not None:
        ranges = with_uids(resync.known_uids, selected.uids)
    modseqs = selected.modseqs
    changed = [index for index in indexes(ranges) if modseqs[index] > resync.modseq]
    await conv.write_all(flag_lines(conv, changed, uid=True, flags=True))


async def create(conv: Conversation, command: commands.Create) -> Reply:
    """CREATE. A new folder is subscribed, because Thunderbird shows no other.

    Not so the parents made along with it, nor one whose name came with a trailing delimiter, by which the
    client says that others will go below it (RFC 9051 §6.3.4). `listing` has one more nicety.
    """
    name = conv.name(command.mailbox)
    check_new(name)
    use = _special_use(command.uses)
    before = {known.name for known in await conv.here.folders()}
    info = await conv.here.create(name, use)
    conv.made.add(info.name)
    unwanted = [parent for parent in parents(name) if parent not in before]
    if command.mailbox.endswith(DELIMITER.encode("ascii")):
        unwanted.append(info.name)
    for each in unwanted:
        await conv.here.subscribe(each, on=False)
    # RFC 8474 §4.1.
    return ok("Created", b"MAILBOXID (%b)" % info.folder_id.encode("ascii"))


def _special_use(uses: tuple[str, ...]) -> str | None:
    """The use that CREATE asks for (RFC 6154 §3). Raises CannotDo."""
    if not uses:
        return None
    known = {use.lower(): use for use in SPECIAL_USES}
    if len(uses) > 1 or uses[0].lower() not in known:
        raise CannotDo("A folder can have one of the uses " + ", ".join(SPECIAL_USES), "USEATTR")
    return known[uses[0].lower()]


async def delete(conv: Conversation, command: commands.Delete) -> Reply:
    """DELETE."""
    name, selected = conv.name(command.mailbox), conv.selected
    # Somebody may have renamed the selected folder, and made another one of its name.
    gone = (await conv.here.folder(name)).folder_id if selected is not None else None
    await conv.here.delete(name, now=conv.clock())
    if selected is not None and selected.folder.folder_id == gone:
        await conv.unselect()
        conv.untagged(b"OK [CLOSED] The selected mailbox was deleted")
    return ok("Deleted")


async def rename(conv: Conversation, command: commands.Rename) -> Reply:
    """RENAME."""
    old, new = conv.name(command.old), conv.name(command.new)
    check_new(new)
    await conv.here.rename(old, new, now=conv.clock())
    selected = conv.selected
    if selected is not None and old != "INBOX" and (selected.folder.name + DELIMITER).startswith(old + DELIMITER):
        # The selected folder, or one above it, has a new name; by the old one somebody may make another folder.
        selected.folder.name = new + selected.folder.name[len(old) :]
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
    if "HIGHESTMODSEQ" in command.items:
        # RFC 7162 §3.1.7.
        conv.enable_condstore()
    info = await counted(conv, conv.name(command.mailbox), command.items)
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
