"""SEARCH, its extended answer and the saved result; SORT and THREAD.

RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 5256, RFC 5267 §3.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from mailhost.imap import commands_messages as commands
from mailhost.imap import sort as sorting
from mailhost.imap import thread as threading
from mailhost.imap.commands_sorting import Sort, Thread
from mailhost.imap.conversation import Conversation, Reply, ok
from mailhost.imap.search import Search
from mailhost.imap.search_keys import Key, Program, has_numbers
from mailhost.imap.sequence import format_set
from mailhost.imap.store import StoreError
from mailhost.imap.tokens import BadCommand
from mailhost.message.imapstrings import string


async def search(conv: Conversation, command: commands.Search) -> Reply:
    """SEARCH and UID SEARCH."""
    program = command.program
    _check(conv, program, uid=command.uid)
    try:
        found = await Search(conv.folder, conv.saved, conv.clock()).run(program.key)
    except StoreError:
        if program.returns is not None and "SAVE" in program.returns:
            # RFC 5182 §2.1: a search that fails leaves nothing saved.
            conv.saved = array("I")
        raise
    returns = program.returns
    if returns is None and not conv.rev2:
        _classic(conv, found, program, uid=command.uid)
    else:
        # RFC 9051 §6.4.4: without RETURN, and with RETURN (), the answer is ALL.
        _extended(conv, found, returns or frozenset({"ALL"}), uid=command.uid, modseq=program.modseq)
    return ok("Searched")


def _check(conv: Conversation, program: Program, *, uid: bool) -> None:
    _check_numbers(conv, program.key, uid=uid)
    if program.charset is not None and "UTF8=ACCEPT" in conv.enabled:
        # RFC 6855 §3: strings are UTF-8 now and CHARSET is an error.
        raise BadCommand("No CHARSET after ENABLE UTF8=ACCEPT: strings are UTF-8")
    if program.modseq:
        conv.enable_condstore()


def _check_numbers(conv: Conversation, key: Key, *, uid: bool) -> None:
    if conv.uidonly and (not uid or has_numbers(key)):
        # RFC 9586 §3.
        raise BadCommand("Sequence numbers are off: use the UID form and UID keys", "UIDREQUIRED")


def numbers_of(conv: Conversation, found: Sequence[int], *, uid: bool) -> list[int]:
    """UIDs or sequence numbers of these indexes, in their order."""
    uids = conv.folder.uids
    return [uids[index] for index in found] if uid else [index + 1 for index in found]


def _classic(conv: Conversation, found: Sequence[int], program: Program, *, uid: bool) -> None:
    numbers = numbers_of(conv, found, uid=uid)
    line = b" ".join([b"* SEARCH", *(b"%d" % number for number in numbers)])
    if program.modseq and found:
        # RFC 7162 §3.1.5: the highest modseq of what was found.
        line += b" (MODSEQ %d)" % max(conv.folder.modseqs[index] for index in found)
    conv.out.write(line + b"\r\n")


def _extended(conv: Conversation, found: Sequence[int], returns: frozenset[str], *, uid: bool, modseq: bool) -> None:
    told = found
    if found and not returns & {"ALL", "COUNT"} and returns & {"MIN", "MAX"}:
        # RFC 4731 §3.2 and RFC 5182 §2.4: only the ends are looked at, for MODSEQ and for SAVE.
        told = sorted({found[0] if "MIN" in returns else found[-1], found[-1] if "MAX" in returns else found[0]})
    if "SAVE" in returns:
        conv.saved = array("I", [conv.folder.uids[index] for index in told])
        if returns == {"SAVE"}:
            return
    items = extended_items(numbers_of(conv, found, uid=uid), returns)
    if modseq and told:
        items.append(b"MODSEQ %d" % max(conv.folder.modseqs[index] for index in told))
    write_extended(conv, items, uid=uid)


def extended_items(numbers: Sequence[int], returns: frozenset[str]) -> list[bytes]:
    """MIN, MAX, ALL and COUNT of a result in its order."""
    items = []
    if numbers:
        if "MIN" in returns:
            items.append(b"MIN %d" % numbers[0])
        if "MAX" in returns:
            items.append(b"MAX %d" % numbers[-1])
        if "ALL" in returns:
            items.append(b"ALL " + format_set(numbers))
    if "COUNT" in returns:
        items.append(b"COUNT %d" % len(numbers))
    return items


def write_extended(conv: Conversation, items: Sequence[bytes], *, uid: bool) -> None:
    """`* ESEARCH (TAG "…") …` (RFC 9051 §7.3.4)."""
    head = b"ESEARCH (TAG %b)" % string(conv.tag)
    conv.untagged(b" ".join([head, *([b"UID"] if uid else []), *items]))


async def sort(conv: Conversation, command: Sort) -> Reply:
    """SORT and UID SORT."""
    _check_numbers(conv, command.key, uid=command.uid)
    if command.modseq:
        conv.enable_condstore()
    search = Search(conv.folder, conv.saved, conv.clock())
    rows = await sorting.load(search, await search.run(command.key), sorting.rows_for(command.criteria))
    found = [index for index, _values in sorting.ordered(rows, command.criteria)]
    numbers = numbers_of(conv, found, uid=command.uid)
    # RFC 7162 §7 `search-sort-mod-seq`: the highest modseq of what was found.
    newest = max(conv.folder.modseqs[index] for index in found) if command.modseq and found else 0
    if command.returns is None:
        modseq = [b"(MODSEQ %d)" % newest] if newest else []
        conv.untagged(b" ".join([b"SORT", *(b"%d" % number for number in numbers), *modseq]))
    else:
        if "SAVE" in command.returns:
            conv.saved = array("I", sorted(conv.folder.uids[index] for index in found))
        # RFC 5182 §2.1: who asks for SAVE alone is told nothing.
        if command.returns != {"SAVE"}:
            items = extended_items(numbers, command.returns or frozenset({"ALL"}))
            items += [b"MODSEQ %d" % newest] if newest else []
            write_extended(conv, items, uid=command.uid)
    return ok("Sorted")


async def thread(conv: Conversation, command: Thread) -> Reply:
    """THREAD and UID THREAD."""
    _check_numbers(conv, command.key, uid=command.uid)
    if command.modseq:
        conv.enable_condstore()
    search = Search(conv.folder, conv.saved, conv.clock())
    by_references = command.algorithm == "REFERENCES"
    cards = await sorting.load(search, await search.run(command.key), sorting.for_threads, references=by_references)
    roots = threading.by_references(cards) if by_references else threading.by_subject(cards)
    uids = conv.folder.uids
    numbers = uids if command.uid else range(1, len(uids) + 1)
    conv.untagged(b"THREAD " + threading.write(roots, numbers) if roots else b"THREAD")
    return ok("Threaded")
