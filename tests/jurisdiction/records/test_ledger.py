"""The log in the database: what is appended stays, proofs fit the pure tree, and every tampering is found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection, transaction

from jurisdiction import verify_receipt
from jurisdiction.ledger.entries import ClientBundle, Entry, encode
from jurisdiction.ledger.notes import open_checkpoint, parse_checkpoint, parse_note
from jurisdiction.ledger.tree import Tree, leaf_hash, verify_consistency
from jurisdiction.models import CheckpointRow, LedgerEntry, LedgerHead, LedgerNode
from jurisdiction.records import ledger
from tests.notaries import notary

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)
IS1 = notary()


def entry(number: int) -> Entry:
    return ClientBundle("2026-11-21", str(number), "ab" * 32)


def fill(count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        with transaction.atomic():
            ledger.append([(entry(number), f"subject{number % 3}")], IS1)


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    return


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 21])
def test_root_and_nodes_are_those_of_the_pure_tree(size: int) -> None:
    fill(size)
    tree = Tree(leaf_hash(encode(entry(number))) for number in range(size))
    made = ledger.checkpoint(IS1, NOW)
    assert (made.size, bytes(made.root)) == (size, tree.root())
    assert LedgerHead.objects.get().size == size
    for old in range(size + 1):
        proof = tree.consistency_proof(old)
        verify_consistency(old, tree.root(old), size, bytes(made.root), proof)
    assert list(ledger.problems(IS1)) == []


def test_many_entries_of_one_act_are_appended_together() -> None:
    with transaction.atomic():
        assert ledger.append([(entry(number), "") for number in range(5)], IS1) == [0, 1, 2, 3, 4]
    fill(4, 5)
    tree = Tree(leaf_hash(encode(entry(number))) for number in range(9))
    assert bytes(ledger.checkpoint(IS1, NOW).root) == tree.root()


def test_an_act_that_is_rolled_back_leaves_no_entry_and_no_gap() -> None:
    fill(2)
    with transaction.atomic():
        ledger.append([(entry(2), "")], IS1)
        transaction.set_rollback(True)
    fill(1, 2)
    assert list(LedgerEntry.objects.order_by("id").values_list("id", flat=True)) == [0, 1, 2]
    assert list(ledger.problems(IS1)) == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_appended_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="in the transaction"):
        ledger.append([(entry(0), "")], IS1)


@pytest.mark.django_db(transaction=True)
def test_entries_of_many_at_once_get_an_order_without_gaps() -> None:
    fill(1)

    def work(worker: int) -> list[int]:
        try:
            found = []
            for number in range(8):
                with transaction.atomic():
                    found += ledger.append([(entry(100 * worker + number), "")], IS1)
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        taken = sorted(index for indices in pool.map(work, range(4)) for index in indices)
    assert taken == list(range(1, 33))
    assert list(ledger.problems(IS1)) == []


def test_another_key_cannot_go_on_with_the_log() -> None:
    fill(1)
    other = notary("is-2")
    with pytest.raises(ledger.OtherLedger, match=r"ledger\.key"), transaction.atomic():
        ledger.append([(entry(1), "")], other)
    with pytest.raises(ledger.OtherLedger):
        ledger.checkpoint(other, NOW)


def test_a_checkpoint_is_signed_once_for_a_size() -> None:
    fill(3)
    first = ledger.checkpoint(IS1, NOW)
    assert ledger.checkpoint(IS1, NOW).pk == first.pk
    fill(1, 3)
    assert ledger.checkpoint(IS1, NOW).size == 4
    signed, witnesses = open_checkpoint(first.note.encode(), IS1.log_key)
    assert (signed.origin, signed.size, witnesses) == (IS1.origin, 3, ())


def verifier(tmp_path: Path, text: str, *arguments: str) -> int:
    bundle = tmp_path / "bundle.json"
    bundle.write_text(text, encoding="utf-8")
    return verify_receipt.main([str(bundle), "--log-key", str(IS1.log_key), *arguments])


def test_a_receipt_and_an_export_pass_the_separate_verifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(6)
    first = ledger.checkpoint(IS1, NOW)
    kept = tmp_path / "kept.txt"
    kept.write_text(first.note, encoding="utf-8")
    fill(5, 6)
    second = ledger.checkpoint(IS1, NOW)
    old = parse_note(first.note.encode())
    assert parse_checkpoint(old.text).size == 6
    mine = ledger.entries_of("subject1")
    assert [placed.index for placed in mine] == [1, 4, 7, 10]
    assert verifier(tmp_path, ledger.receipt(mine, second, old), "--trusted", str(kept)) == 0
    assert verifier(tmp_path, ledger.export(second, old), "--trusted", str(kept)) == 0
    assert verifier(tmp_path, ledger.export(second)) == 0
    assert "UNWITNESSED" in capsys.readouterr().out


def test_a_forged_a_removed_and_a_changed_entry_are_found_by_the_verifier(tmp_path: Path) -> None:
    fill(6)
    text = ledger.export(ledger.checkpoint(IS1, NOW))
    for harm in ("forge", "remove", "swap"):
        bundle = json.loads(text)
        if harm == "forge":
            bundle["entries"][2] = encode(entry(99)).decode()
        elif harm == "remove":
            del bundle["entries"][2]
        else:
            bundle["entries"][2], bundle["entries"][3] = bundle["entries"][3], bundle["entries"][2]
        assert verifier(tmp_path, json.dumps(bundle)) == 1, harm


class TestProblems:
    """What `skerry ledger verify` finds in a database somebody has changed."""

    @pytest.fixture(autouse=True)
    def _filled(self) -> None:
        fill(6)
        ledger.checkpoint(IS1, NOW)

    def found(self) -> str:
        return "\n".join(ledger.problems(IS1))

    def test_a_changed_entry(self) -> None:
        LedgerEntry.objects.filter(id=3).update(leaf=encode(entry(99)))
        assert "entry 3 is not the one the tree was built over" in self.found()
        assert "rewritten since the checkpoint of 6" in self.found()

    def test_a_removed_entry(self) -> None:
        LedgerEntry.objects.filter(id=3).delete()
        assert self.found() == "entry 3 is missing"

    def test_a_log_cut_at_its_end(self) -> None:
        LedgerEntry.objects.filter(id__gte=4).delete()
        assert "the log was cut" in self.found()

    def test_a_log_built_anew_with_all_its_nodes(self) -> None:
        notes = list(CheckpointRow.objects.all())
        for model in (LedgerEntry, LedgerNode, LedgerHead, CheckpointRow):
            model.objects.all().delete()
        fill(7, 50)
        CheckpointRow.objects.bulk_create(notes)
        assert self.found() == "the log was rewritten since the checkpoint of 6 was signed"

    def test_a_forged_checkpoint(self) -> None:
        row = CheckpointRow.objects.get()
        CheckpointRow.objects.filter(pk=row.pk).update(note=row.note.replace("\n6\n", "\n5\n"))
        assert "not genuine" in self.found()

    def test_bytes_that_are_no_entry(self) -> None:
        LedgerEntry.objects.filter(id=0).update(leaf=b"rubbish")
        assert "entry 0: this is no ledger entry" in self.found()

    def test_an_entry_filed_under_another_kind(self) -> None:
        LedgerEntry.objects.filter(id=0).update(kind="key")
        assert self.found() == "entry 0 is filed as key and is client"

    def test_nodes_that_were_removed_or_added(self) -> None:
        LedgerNode.objects.filter(level=1, position=1).delete()
        assert self.found() == "1 nodes of the tree are missing"
        with pytest.raises(LookupError, match="lost its node 1/1"):
            ledger.receipt(ledger.entries_of("subject0"), CheckpointRow.objects.get())
        LedgerNode.objects.create(level=0, position=6, digest=b"x" * 32)
        assert "node 0/6 belongs to no entry" in self.found()

    def test_a_head_that_was_removed(self) -> None:
        LedgerHead.objects.all().delete()
        assert "no head" in self.found()


def test_a_row_of_another_cell_is_refused_by_the_database_itself() -> None:
    fill(1)
    with pytest.raises(Exception, match=r"another cell|skerry_cell"), transaction.atomic(), connection.cursor() as sql:
        sql.execute("UPDATE jurisdiction_ledgerentry SET cell = 'no-1'")
