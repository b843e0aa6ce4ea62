"""Verbs on the messages of the selected mailbox (RFC 9051 §6.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import batched

from mailhost.imap import commands_messages as commands
from mailhost.imap.conversation import Conversation, Reply, no, ok
from mailhost.imap.fetch import Fetcher, plan
from mailhost.imap.fetch_items import Plain
from mailhost.imap.selected import FLAGS_MASK, LINES, Selected
from mailhost.imap.sequence import (
    SequenceSet,
    batches,
    format_runs,
    format_set,
    from_indexes,
    indexes,
    within,
)
from mailhost.imap.store import SYSTEM_FLAGS, Copied, FlagOp, NoSuchFolder
from mailhost.imap.tokens import BadCommand

# Messages whose flags are changed and told at a time; larger sets let others have a turn in between.
STORE_BATCH = 10_000
# A keyword travels in every FLAGS response of the folder.
MAX_KEYWORD = 100
# Where mail arrives; a mailbox whose owner gave Junk another name is not counted.
INBOX, JUNK = "INBOX", "Junk"
READ_ONLY = no("The mailbox is open for reading only", b"READ-ONLY")
_EXPUNGED = ok("Done; some messages are gone already", b"EXPUNGEISSUED")


async def check(_conv: Conversation, _command: commands.Check) -> Reply:
    """CHECK: everything is durable before it is answered, so there is nothing to do."""
    return ok("Checked")


async def close(conv: Conversation, _command: commands.Close) -> Reply:
    """CLOSE: expunge without telling; after EXAMINE only close (RFC 9051 §6.4.1)."""
    if not conv.folder.read_only:
        await conv.folder.folder.expunge(None, now=conv.clock())
    await conv.unselect()
    return ok("Closed")


async def unselect(conv: Conversation, _command: commands.Unselect) -> Reply:
    """UNSELECT."""
    await conv.unselect()
    return ok("Closed without expunging")


async def expunge(conv: Conversation, command: commands.Expunge) -> Reply:
    """EXPUNGE and UID EXPUNGE; the session tells the EXPUNGE responses before the tagged answer."""
    selected = conv.folder
    if selected.read_only:
        return READ_ONLY
    uids = None
    if command.uids is not None:
        uids = selected.uids_of(conv.resolve(command.uids, uid=True))
    removed, modseq = await selected.folder.expunge(uids, now=conv.clock())
    await conv.tell(expunges=True, ask=True, own=True)
    # RFC 7162 §3.2.7: a client that keeps modseqs learns the new one.
    code = b"HIGHESTMODSEQ %d" % modseq if conv.qresync and removed else b""
    return ok("Expunged", code)


async def fetch(conv: Conversation, command: commands.Fetch) -> Reply:
    """FETCH and UID FETCH."""
    selected = conv.folder
    ranges = conv.resolve(command.sequence, uid=command.uid)
    wants_modseq = command.changed_since is not None or Plain("MODSEQ") in command.items
    if wants_modseq:
        conv.enable_condstore()
    if command.changed_since is not None:
        modseqs, since = selected.modseqs, command.changed_since
        ranges = from_indexes(index for index in indexes(ranges) if modseqs[index] > since)
    if command.vanished:
        if not conv.qresync:
            raise BadCommand("VANISHED needs ENABLE QRESYNC")
        await tell_vanished(conv, selected, command.changed_since or 0, command.sequence)
    what = plan(command.items, uid=command.uid and not conv.uidonly, modseq=command.changed_since is not None)
    fetcher = Fetcher(conv, selected, what)
    await fetcher.run(ranges)
    if fetcher.unknown_encoding:
        # RFC 9051 §7.1.
        return no("A part has a transfer encoding that is not known", b"UNKNOWN-CTE")
    if fetcher.damaged:
        return no("Some messages cannot be read; the others were fetched", b"SERVERBUG")
    return _EXPUNGED if fetcher.missing else ok("Fetched")


async def tell_vanished(conv: Conversation, selected: Selected, modseq: int, known: SequenceSet | None) -> None:
    """`* VANISHED (EARLIER) …`: what was expunged after a modseq (RFC 7162 §3.2.6)."""
    runs = await selected.folder.vanished_since(modseq)
    if known is not None:
        runs = within(runs, known, max(selected.uidnext - 1, 1))
    lines = (b"* VANISHED (EARLIER) %b\r\n" % format_runs(some) for some in batched(runs, LINES))
    await conv.write_all(lines)


async def store(conv: Conversation, command: commands.Store) -> Reply:
    """STORE and UID STORE."""
    selected = conv.folder
    if selected.read_only:
        return READ_ONLY
    flags = canonical_flags(command.flags, selected.keywords)
    if command.unchanged_since is not None:
        conv.enable_condstore()
    modified: list[int] = []
    for batch in batches(conv.resolve(command.sequence, uid=command.uid), STORE_BATCH):
        modified += await _store_batch(conv, command, flags, batch)
        await conv.out.drain()
    if modified:
        numbers = sorted(modified)
        if not command.uid:
            numbers = [index + 1 for uid in numbers if (index := selected.index_of(uid)) is not None]
        # RFC 7162 §3.1.3: what was changed by others first is left alone and named.
        return ok("Some messages were changed by others", b"MODIFIED " + format_set(numbers))
    return ok("Stored")


async def _store_batch(
    conv: Conversation, command: commands.Store, flags: Sequence[str], batch: Sequence[int]
) -> Sequence[int]:
    """One transaction and its FETCH responses; the UIDs that UNCHANGEDSINCE spared."""
    selected = conv.folder
    uids = [selected.uids[index] for index in batch]
    before = {uid: selected.flags[index] for uid, index in zip(uids, batch, strict=True)}
    result = await selected.folder.store_flags(
        uids, command.op, flags, unchanged_since=command.unchanged_since, now=conv.clock()
    )
    selected.stored(result.changed, result.keywords)
    await conv.write_all(selected.tell_keywords())
    if command.silent:
        await _tell_silently(conv, command, before, result.changed)
        return result.modified
    if conv.notifier is None and len(result.changed) + len(result.modified) < len(uids):
        # Where nothing had to be changed somebody else may have done it, and the client is told what is true now.
        await conv.refresh()
        await conv.write_all(selected.tell_keywords())
    modified = frozenset(result.modified)
    shown = [index for index in batch if selected.uids[index] not in modified]
    await conv.write_all(flag_lines(conv, shown, uid=command.uid, flags=True))
    selected.forget_dirty([selected.uids[index] for index in shown])
    return result.modified


async def _tell_silently(
    conv: Conversation,
    command: commands.Store,
    before: dict[int, int],
    changed: Sequence[tuple[int, int, int]],
) -> None:
    """.SILENT hides what the client asked for, not what others did meanwhile (RFC 9051 §6.4.6)."""
    selected = conv.folder
    word = selected.flag_word(command.flags)
    surprising: list[int] = []
    plain: list[int] = []
    for uid, flags, _modseq in changed:
        old = before[uid] & FLAGS_MASK
        expected = {FlagOp.SET: word, FlagOp.ADD: old | word, FlagOp.REMOVE: old & ~word}[command.op]
        (surprising if flags != expected else plain).append(uid)
    selected.mark_dirty(surprising)
    if conv.condstore:
        # RFC 7162 §3.1.3: the new modseq is told even then.
        shown = [index for uid in plain if (index := selected.index_of(uid)) is not None]
        await conv.write_all(flag_lines(conv, shown, uid=command.uid, flags=False))


def flag_lines(conv: Conversation, shown: Sequence[int], *, uid: bool, flags: bool) -> Iterator[bytes]:
    """FETCH responses with the flags, and UID and MODSEQ as the client enabled them, of these indexes."""
    selected = conv.folder
    options = {"uid": uid or conv.qresync or conv.rev2, "modseq": conv.condstore, "flags": flags}
    for start in range(0, len(shown), LINES):
        yield b"".join([selected.flag_line(index, **options) for index in shown[start : start + LINES]])


def canonical_flags(flags: Iterable[str], keywords: Sequence[str]) -> list[str]:
    """Flags in the spelling of the store; flags are the same in any case (RFC 9051 §2.3.2). Raises BadCommand."""
    known = {name.lower(): name for name in (*keywords, *SYSTEM_FLAGS)}
    result = []
    for flag in flags:
        name = known.get(flag.lower(), flag)
        if name.startswith("\\") and name not in SYSTEM_FLAGS:
            raise BadCommand("The system flags are " + " ".join(SYSTEM_FLAGS))
        if len(name) > MAX_KEYWORD:
            raise BadCommand(f"A keyword has at most {MAX_KEYWORD} characters", "LIMIT")
        result.append(name)
    return list(dict.fromkeys(result))


async def copy(conv: Conversation, command: commands.Copy) -> Reply:
    """COPY and UID COPY; UIDs that do not exist are passed over."""
    uids = conv.folder.uids_of(conv.resolve(command.sequence, uid=command.uid))
    target = conv.name(command.mailbox)
    if not uids:
        return ok("Nothing to copy")
    try:
        copied = await conv.folder.folder.copy(uids, target, now=conv.clock())
    except NoSuchFolder as error:
        # RFC 9051 §6.4.7: the client may create it and try again.
        return no(error.text, b"TRYCREATE")
    _count_judgement(conv, target, len(copied.pairs))
    if target == conv.folder.folder.name:
        conv.folder.stale = True
        conv.folder.own.update(new for _old, new in copied.pairs)
    return ok("Copied", _copyuid(copied))


def _copyuid(copied: Copied) -> bytes:
    if not copied.pairs:
        return b""
    sources = format_set([source for source, _target in copied.pairs])
    targets = format_set([target for _source, target in copied.pairs])
    return b"COPYUID %d %b %b" % (copied.uidvalidity, sources, targets)


def _count_judgement(conv: Conversation, target: str, messages: int) -> None:
    """What an owner thinks of the filter, as two counters of the cell: nothing about whose mail, or from whom."""
    source = conv.folder.folder.name
    if messages and target != source and target == JUNK:
        conv.metrics.count("moved_to_junk", messages)
    elif messages and source == JUNK and target == INBOX:
        conv.metrics.count("moved_out_of_junk", messages)


async def move(conv: Conversation, command: commands.Move) -> Reply:
    """MOVE and UID MOVE: COPYUID first, then the EXPUNGEs, then the tagged answer (RFC 9051 §6.4.8)."""
    selected = conv.folder
    if selected.read_only:
        return READ_ONLY
    uids = selected.uids_of(conv.resolve(command.sequence, uid=command.uid))
    target = conv.name(command.mailbox)
    if not uids:
        return ok("Nothing to move")
    try:
        copied, modseq = await selected.folder.move(uids, target, now=conv.clock())
    except NoSuchFolder as error:
        return no(error.text, b"TRYCREATE")
    _count_judgement(conv, target, len(copied.pairs))
    if copied.pairs:
        conv.untagged(b"OK [%b] Moved" % _copyuid(copied))
    await conv.tell(expunges=True, ask=True, own=True)
    return ok("Moved", b"HIGHESTMODSEQ %d" % modseq if conv.qresync and copied.pairs else b"")
