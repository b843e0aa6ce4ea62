"""Ada's keys, Cleo who writes to her, and an operator who would like to read along."""

import hashlib
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from jurisdiction.ledger import keylog
from jurisdiction.ledger.entries import KeyRecord
from jurisdiction.ledger.keylog import (
    KeyLogError,
    Trust,
    argon2id,
    first_key,
    foreign,
    judge,
    label,
    latest,
    of_label,
    succeed,
    verify_successor,
)

KEYS = [SigningKey(bytes([number]) * 32) for number in range(6)]
MALLORY = SigningKey(b"m" * 32)
SALT = b"s" * 16


def cheap(password: bytes, salt: bytes) -> bytes:
    return hashlib.sha256(salt + password).digest()


ADA = label("ada@example.is", SALT, cheap)


def test_only_so_many_labels_take_their_memory_at_once() -> None:
    made: list[str] = []
    asking = threading.Thread(target=lambda: made.append(label("ada@example.is", SALT)))
    with ExitStack() as others:
        for _other in range(keylog.AT_ONCE):
            others.enter_context(keylog._turns)
        asking.start()
        asking.join(0.5)
        assert not made
    asking.join()
    assert made == [label("ada@example.is", SALT)]


def chain(length: int) -> list[KeyRecord]:
    records = [first_key(ADA, ["age1pq1first"], KEYS[0].verify_key)]
    for number in range(1, length):
        records.append(succeed(records[-1], [f"age1pq1key{number}"], KEYS[number].verify_key, KEYS[number - 1]))
    return records


def test_a_label_is_found_by_who_knows_the_address() -> None:
    assert label("Ada@Example.IS", SALT, cheap) == ADA
    assert label("ben@example.is", SALT, cheap) != ADA
    assert label("ada@example.is", b"t" * 16, cheap) != ADA
    with pytest.raises(ValueError, match="16 bytes"):
        label("ada@example.is", b"short", cheap)


@pytest.mark.slow
def test_the_real_label_function_is_argon2id_of_thirty_two_bytes() -> None:
    assert len(bytes.fromhex(label("ada@example.is", SALT))) == 32
    assert label("ada@example.is", SALT, argon2id) != ADA


def test_a_successor_is_signed_by_its_predecessor() -> None:
    first, second = chain(2)
    verify_successor(second, first)


@pytest.mark.parametrize(
    "change",
    [
        {"identities": ("age1pq1mallory",)},
        {"signing_key": bytes(MALLORY.verify_key).hex()},
        {"serial": 3},
        {"label": "0" * 64},
        {"signature": ""},
        {"signature": "zz"},
        {"signature": "00" * 64},
    ],
)
def test_a_changed_key_is_not_signed_by_its_predecessor(change: dict[str, object]) -> None:
    first, second = chain(2)
    with pytest.raises(KeyLogError):
        verify_successor(replace(second, **change), first)  # type: ignore[arg-type]


def test_a_signature_does_not_serve_another_chain() -> None:
    first, second = chain(2)
    other = replace(first, signing_key=bytes(KEYS[3].verify_key).hex())
    with pytest.raises(KeyLogError):
        verify_successor(second, other)


def test_cleo_uses_the_first_key_and_follows_signed_ones() -> None:
    records = chain(4)
    assert judge(None, []) is Trust.NONE
    assert judge(None, records[:1]) is Trust.FIRST
    assert judge(None, records) is Trust.FIRST
    assert judge(records[0], records[:1]) is Trust.SAME
    assert judge(records[0], records) is Trust.SUCCEEDED
    assert judge(records[1], records) is Trust.SUCCEEDED
    assert judge(records[3], records) is Trust.SAME
    assert latest(records) == records[3]


def test_cleo_needs_only_the_entries_since_her_last_visit() -> None:
    records = chain(4)
    assert judge(records[1], records[2:]) is Trust.SUCCEEDED


def test_the_order_of_entries_does_not_matter() -> None:
    records = chain(4)
    assert judge(records[0], records[::-1]) is Trust.SUCCEEDED


def test_cleo_is_asked_when_a_key_was_lost() -> None:
    records = chain(2)
    records.append(succeed(records[-1], ["age1pq1new"], KEYS[3].verify_key, None))
    assert judge(records[0], records) is Trust.ASK
    assert judge(records[1], records) is Trust.ASK
    assert judge(None, records) is Trust.ASK
    after = succeed(records[-1], ["age1pq1newer"], KEYS[4].verify_key, KEYS[3])
    assert judge(records[0], [*records, after]) is Trust.ASK
    assert judge(records[2], [*records, after]) is Trust.SUCCEEDED  # she had agreed to the lost one


def test_an_operators_key_is_not_trusted_and_alarms_ada() -> None:
    records = chain(2)
    forged = succeed(records[-1], ["age1pq1mallory"], MALLORY.verify_key, MALLORY)
    assert judge(records[1], [*records, forged]) is Trust.ASK
    assert judge(None, [*records, forged]) is Trust.ASK
    assert foreign(records, [*records, forged]) == (forged,)
    assert foreign(records, records) == ()


def test_two_keys_of_one_serial_are_not_trusted() -> None:
    records = chain(2)
    twin = replace(records[1], identities=("age1pq1mallory",))
    assert judge(records[0], [*records, twin]) is Trust.ASK
    assert judge(records[1], [*records, twin]) is Trust.ASK
    longer = chain(3)
    assert judge(longer[0], [*longer, twin]) is Trust.ASK


def test_a_key_that_went_back_is_not_trusted() -> None:
    records = chain(3)
    assert judge(records[2], records[:2]) is Trust.ASK
    assert judge(records[2], []) is Trust.ASK


def test_a_missing_step_is_not_trusted() -> None:
    records = chain(4)
    assert judge(records[0], [records[0], records[3]]) is Trust.ASK
    assert judge(None, records[1:]) is Trust.ASK


def test_entries_of_other_mailboxes_are_passed_over_and_repetitions_counted_once() -> None:
    records = chain(2)
    ben = first_key(label("ben@example.is", SALT, cheap), ["age1pq1ben"], KEYS[5].verify_key)
    assert of_label([records[0], ben, records[1], records[1]], ADA) == tuple(records)
