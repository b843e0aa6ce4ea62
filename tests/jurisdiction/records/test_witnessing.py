"""Witnesses: a log that goes on is cosigned, one that forked is not, and the memory outlives the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import transaction
from nacl.signing import SigningKey

from jurisdiction.ledger.entries import ClientBundle
from jurisdiction.ledger.notes import PublicKey
from jurisdiction.ledger.witness import Cosigned, Refused
from jurisdiction.models import CheckpointRow, LedgerEntry, LedgerHead, LedgerNode, WitnessedLog
from jurisdiction.records import ledger
from jurisdiction.records.witnessing import NotCosigned, Reply, ask, witness
from tests.notaries import notary

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)
IS1, NO1 = notary("is-1"), notary("no-1")


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    return


def fill(count: int, word: str = "a") -> None:
    for number in range(count):
        with transaction.atomic():
            ledger.append([(ClientBundle("2026-11-21", f"{word}{number}", "ab" * 32), "")], IS1)


def norway(*logs: PublicKey) -> Callable[[bytes], Reply]:
    """The other cell's endpoint, without the wire. Its memory lies in the same database here; only one log is in it."""

    def send(body: bytes) -> Reply:
        answer = witness(body, logs or (IS1.log_key,), NO1.witness_name, NO1.witness_key, NOW)
        if isinstance(answer, Cosigned):
            return Reply(200, str(answer.signature).encode())
        body = f"{answer.size}\n".encode() if answer.status == 409 and answer.size is not None else b"no\n"
        return Reply(answer.status, body)

    return send


def witnesses() -> tuple[str, ...]:
    head = ledger.latest_checkpoint()
    assert head is not None
    return ledger.witnesses_of(head, IS1.log_key, [NO1.cosigning_key])


def forget_everything() -> None:
    for model in (LedgerEntry, LedgerNode, LedgerHead, CheckpointRow):
        model.objects.all().delete()


def test_a_log_that_goes_on_is_cosigned_every_time() -> None:
    for count in (3, 1, 4):
        fill(count, f"round{count}-")
        ask(NO1.cosigning_key, norway(), IS1, NOW)
        assert witnesses() == (NO1.witness_name,)
    assert WitnessedLog.objects.get().size == 8


def test_asking_again_for_the_same_checkpoint_asks_nobody() -> None:
    fill(2)
    ask(NO1.cosigning_key, norway(), IS1, NOW)

    def unreachable(_body: bytes) -> Reply:
        raise AssertionError("asked again")

    assert ask(NO1.cosigning_key, unreachable, IS1, NOW).size == 2


def test_a_checkpoint_without_a_known_witness_is_unwitnessed() -> None:
    fill(2)
    head = ledger.checkpoint(IS1, NOW)
    assert ledger.witnesses_of(head, IS1.log_key, [NO1.cosigning_key]) == ()
    ask(NO1.cosigning_key, norway(), IS1, NOW)
    stranger = replace(NO1, witness_key=SigningKey(b"x" * 32))
    assert ledger.witnesses_of(CheckpointRow.objects.get(), IS1.log_key, [stranger.cosigning_key]) == ()


def test_a_log_that_forgot_what_was_cosigned_proves_from_the_witness_own_memory() -> None:
    fill(3)
    ask(NO1.cosigning_key, norway(), IS1, NOW)
    CheckpointRow.objects.all().delete()
    fill(2, "b")
    assert ask(NO1.cosigning_key, norway(), IS1, NOW).size == 5
    assert witnesses()


@pytest.mark.parametrize("size", [3, 5])
def test_a_fork_is_refused_at_the_same_size_and_beyond(size: int) -> None:
    fill(3)
    ask(NO1.cosigning_key, norway(), IS1, NOW)
    forget_everything()
    fill(size, "other")
    with pytest.raises(NotCosigned, match="refuses to cosign"):
        ask(NO1.cosigning_key, norway(), IS1, NOW)
    assert not witnesses()
    assert WitnessedLog.objects.get().size == 3


def test_a_log_that_shrank_is_told_so() -> None:
    fill(5)
    ask(NO1.cosigning_key, norway(), IS1, NOW)
    forget_everything()
    fill(3)
    with pytest.raises(NotCosigned, match="has seen 5 entries"):
        ask(NO1.cosigning_key, norway(), IS1, NOW)


def test_a_log_nobody_told_the_witness_about_is_not_signed() -> None:
    fill(1)
    with pytest.raises(NotCosigned, match="404"):
        ask(NO1.cosigning_key, norway(NO1.log_key), IS1, NOW)
    assert not WitnessedLog.objects.exists()


def test_a_checkpoint_signed_by_somebody_else_is_not_cosigned() -> None:
    fill(1)
    pretender = PublicKey(IS1.origin, 1, bytes(SigningKey(b"y" * 32).verify_key))
    with pytest.raises(NotCosigned, match="403"):
        ask(NO1.cosigning_key, norway(pretender), IS1, NOW)


@pytest.mark.parametrize("body", [b"", b"old 0\n", b"old -1\n\nx", b"\xff" * 100, b"old 0\n\n" + b"a\n" * 40_000])
def test_what_is_no_request_is_refused_without_a_trace(body: bytes) -> None:
    answer = witness(body, [IS1.log_key], NO1.witness_name, NO1.witness_key, NOW)
    assert isinstance(answer, Refused)
    assert answer.status in {400, 403, 404}
    assert not WitnessedLog.objects.exists()


@pytest.mark.parametrize("reply", [b"", b"no signature", "— stranger AAAAAA==\n".encode(), b"\xff"])
def test_an_answer_that_is_no_cosignature_is_not_put_under_the_checkpoint(reply: bytes) -> None:
    fill(1)
    with pytest.raises(NotCosigned, match="without its signature"):
        ask(NO1.cosigning_key, lambda _body: Reply(200, reply), IS1, NOW)
    assert not witnesses()
