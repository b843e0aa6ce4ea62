"""LIST and its extensions (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from tests.imap.dialogue import Dialogue, ada_with
from tests.imap.memory import MemoryStore


def with_tree() -> MemoryStore:
    store = ada_with()
    _password, mailbox = store._people["ada@example.is"]
    for name in ("Work", "Work/2025", "Work/2026", "Work/2026/Letters"):
        store.make_box(mailbox, name)
    mailbox.subscriptions -= {"Work", "Work/2025", "Work/2026"}
    return store


async def test_the_default_folders_have_their_uses() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a LIST "" "*"
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * LIST (\HasNoChildren \Archive) "/" Archive
        S: * LIST (\HasNoChildren \Drafts) "/" Drafts
        S: * LIST (\HasNoChildren \Junk) "/" Junk
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: * LIST (\HasNoChildren \Trash) "/" Trash
        S: a OK ...
    """)


async def test_an_empty_name_asks_for_the_root_and_the_delimiter() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a LIST "" ""
        S: * LIST (\Noselect) "/" ""
        S: a OK ...
        C: b LIST Work ""
        S: * LIST (\Noselect) "/" ""
        S: b OK ...
    """)


async def test_percent_stays_on_one_level() -> None:
    await Dialogue(with_tree()).play(r"""
        C: a LIST "" Work/%
        S: * LIST (\HasNoChildren) "/" Work/2025
        S: * LIST (\HasChildren) "/" Work/2026
        S: a OK ...
        C: b LIST Work/ %
        S: * LIST (\HasNoChildren) "/" Work/2025
        S: * LIST (\HasChildren) "/" Work/2026
        S: b OK ...
        C: c LIST "" W*s
        S: * LIST (\HasNoChildren) "/" Work/2026/Letters
        S: c OK ...
    """)


async def test_a_parent_that_is_no_folder_has_a_line() -> None:
    store = ada_with()
    _password, mailbox = store._people["ada@example.is"]
    store.make_box(mailbox, "Gone/Kept")
    await Dialogue(store).play(r"""
        C: a LIST "" G%
        S: * LIST (\Noselect \HasChildren) "/" Gone
        S: a OK ...
        C: b LIST "" (G%)
        S: * LIST (\NonExistent \HasChildren) "/" Gone
        S: b OK ...
    """)


async def test_several_patterns_and_each_name_once() -> None:
    await Dialogue(with_tree()).play(r"""
        C: a LIST "" (INBOX Work Work/2025 W*5)
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * LIST (\HasChildren) "/" Work
        S: * LIST (\HasNoChildren) "/" Work/2025
        S: a OK ...
    """)


async def test_subscribed_only() -> None:
    await Dialogue(with_tree()).play(r"""
        C: a LIST (SUBSCRIBED) "" Work*
        S: * LIST (\HasNoChildren \Subscribed) "/" Work/2026/Letters
        S: a OK ...
        C: b LIST "" Work% RETURN (SUBSCRIBED CHILDREN)
        S: * LIST (\HasChildren) "/" Work
        S: b OK ...
        C: c LIST "" Sent RETURN (SUBSCRIBED)
        S: * LIST (\HasNoChildren \Subscribed \Sent) "/" Sent
        S: c OK ...
    """)


async def test_recursivematch_tells_of_subscribed_children_that_the_pattern_misses() -> None:
    await Dialogue(with_tree()).play(r"""
        C: a LIST (SUBSCRIBED RECURSIVEMATCH) "" W%
        S: * LIST (\HasChildren) "/" Work ("CHILDINFO" ("SUBSCRIBED"))
        S: a OK ...
        C: b LIST (SUBSCRIBED RECURSIVEMATCH) "" Work*
        S: * LIST (\HasNoChildren \Subscribed) "/" Work/2026/Letters
        S: b OK ...
    """)


async def test_a_subscribed_name_is_found_below_a_parent_that_never_was() -> None:
    # RFC 5258 §3.1 and §3.5: whoever lists level by level learns of it from the level above.
    await Dialogue(with_tree()).play(r"""
        C: a SUBSCRIBE Lost/2024/Letters
        S: a OK ...
        C: b LIST (SUBSCRIBED RECURSIVEMATCH) "" L%
        S: * LIST (\NonExistent \HasNoChildren) "/" Lost ("CHILDINFO" ("SUBSCRIBED"))
        S: b OK ...
        C: c LIST (SUBSCRIBED) "" L*
        S: * LIST (\NonExistent \HasNoChildren \Subscribed) "/" Lost/2024/Letters
        S: c OK ...
    """)


async def test_special_use_only() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a LIST (SPECIAL-USE) "" S*
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: a OK ...
        C: b LIST "" I* RETURN (SPECIAL-USE)
        S: * LIST (\HasNoChildren) "/" INBOX
        S: b OK ...
    """)


async def test_status_comes_right_behind_each_folder() -> None:
    await Dialogue(ada_with(3)).play(r"""
        C: a LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES UNSEEN SIZE))
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * STATUS INBOX (MESSAGES 3 UNSEEN 3 SIZE {size})
        S: * LIST (\HasNoChildren \Sent) "/" Sent
        S: * STATUS Sent (MESSAGES 0 UNSEEN 0 SIZE 0)
        S: a OK ...
    """)


async def test_no_status_for_what_cannot_be_selected() -> None:
    store = ada_with()
    _password, mailbox = store._people["ada@example.is"]
    store.make_box(mailbox, "Gone/Kept")
    await Dialogue(store).play(r"""
        C: a LIST "" Gone* RETURN (STATUS (MESSAGES))
        S: * LIST (\NonExistent \HasChildren) "/" Gone
        S: * LIST (\HasNoChildren) "/" Gone/Kept
        S: * STATUS Gone/Kept (MESSAGES 0)
        S: a OK ...
    """)


async def test_the_maker_of_a_folder_is_told_of_its_own_subscriptions_only() -> None:
    # RFC 9051 §6.3.4 has no subscription by CREATE; whoever did not ask for one is not told of one.
    await Dialogue(ada_with()).play(r"""
        C1: a CREATE Work
        S1: a OK ...
        C1: b LIST "" Work RETURN (SUBSCRIBED)
        S1: * LIST (\HasNoChildren) "/" Work
        S1: b OK ...
        C2: a LIST "" Work RETURN (SUBSCRIBED)
        S2: * LIST (\HasNoChildren \Subscribed) "/" Work
        S2: a OK ...
        C1: c SUBSCRIBE Work
        S1: c OK ...
        C1: d LIST "" Work RETURN (SUBSCRIBED)
        S1: * LIST (\HasNoChildren \Subscribed) "/" Work
        S1: d OK ...
    """)


async def test_names_are_in_modified_utf7_until_utf8_is_enabled() -> None:
    await Dialogue(ada_with()).play(r"""
        C: a CREATE Entw&APw-rfe
        S: a OK ...
        C: b CREATE "R&-D"
        S: b OK ...
        C: c LIST "" (E* R*)
        S: * LIST (\HasNoChildren) "/" Entw&APw-rfe
        S: * LIST (\HasNoChildren) "/" R&-D
        S: c OK ...
        C: d ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: d OK ...
        C: e LIST "" (E* R*)
        S: * LIST (\HasNoChildren) "/" "Entwürfe"
        S: * LIST (\HasNoChildren) "/" R&D
        S: e OK ...
        C: f STATUS "Entwürfe" (MESSAGES)
        S: * STATUS "Entwürfe" (MESSAGES 0)
        S: f OK ...
        C: g CREATE "A & B"
        S: g OK ...
        C: h LIST "" "A*"
        S: * LIST (\HasNoChildren) "/" "A & B"
        S: * LIST (\HasNoChildren \Archive) "/" Archive
        S: h OK ...
    """)


async def test_many_wildcards_are_no_burden() -> None:
    await Dialogue(with_tree()).play(f"""
        C: a LIST "" {"*%a" * 300}
        S: a OK ...
    """)
