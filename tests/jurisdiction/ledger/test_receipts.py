"""A tenant checks receipts with a script that knows nothing of this package. A dishonest cell is found out."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from jurisdiction import verify_receipt
from jurisdiction.ledger.batches import Batched, Leaf, batch
from jurisdiction.ledger.entries import EgressBatch, Entry, FactsBundle, KeyRecord, PolicyVersion, encode
from jurisdiction.ledger.keylog import first_key, succeed
from jurisdiction.ledger.notes import COSIGNATURE, ED25519, Checkpoint, Note, PublicKey, cosign, sign_note
from jurisdiction.ledger.receipts import Placed, export, receipt
from jurisdiction.ledger.tree import Tree, leaf_hash

LOG, WITNESS, MALLORY = (SigningKey(letter * 32) for letter in (b"l", b"w", b"m"))
ADA_1, ADA_2 = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
ORIGIN, NAME = "is-1.example.is/ledger", "no-1.example.is/witness"
LOG_LINE = str(PublicKey(ORIGIN, ED25519, bytes(LOG.verify_key)))
WITNESS_LINE = str(PublicKey(NAME, COSIGNATURE, bytes(WITNESS.verify_key)))
ADA = "a" * 64
FIRST = first_key(ADA, ["age1pq1ada1"], ADA_1.verify_key)
SECOND = succeed(FIRST, ["age1pq1ada2"], ADA_2.verify_key, ADA_1)


@dataclass
class Cell:
    """A ledger with everything needed to answer for it; a dishonest one may change its entries."""

    entries: list[Entry]

    @property
    def tree(self) -> Tree:
        return Tree(leaf_hash(encode(entry)) for entry in self.entries)

    def head(self, size: int | None = None, witnessed: bool = False, key: SigningKey = LOG) -> Note:
        size = len(self.entries) if size is None else size
        note = sign_note(Checkpoint(ORIGIN, size, self.tree.root(size)).text(), ORIGIN, key)
        return note.adding([cosign(note.text, NAME, WITNESS, 1_795_000_000)]) if witnessed else note

    def receipt(self, *indices: int, since: int | None = None, **options: Any) -> str:
        placed = [Placed(index, self.entries[index]) for index in indices]
        return receipt(self.tree.node, self.head(**options), placed, None if since is None else self.head(since))

    def export(self, since: int | None = None) -> str:
        return export(
            self.tree.node, self.head(), self.entries[since or 0 :], None if since is None else self.head(since)
        )


def honest(count: int = 12) -> Cell:
    entries: list[Entry] = [PolicyVersion("2026-11-21", "b" * 64, number, "c" * 64) for number in range(1, count + 1)]
    entries[3] = FIRST
    entries[9] = SECOND
    return Cell(entries)


type Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run(bundle: str, *options: str, kept: Note | None = None) -> tuple[int, str]:
        (tmp_path / "bundle.json").write_text(bundle)
        arguments = [str(tmp_path / "bundle.json"), "--log-key", LOG_LINE, *options]
        if kept is not None:
            (tmp_path / "kept.txt").write_text(str(kept))
            arguments += ["--trusted", str(tmp_path / "kept.txt")]
        code = verify_receipt.main(arguments)
        return code, capsys.readouterr().out

    return run


@pytest.mark.parametrize("size", [1, 2, 7, 8, 12, 33])
def test_every_entry_of_an_honest_ledger_is_proved(check: Check, size: int) -> None:
    cell = Cell([FactsBundle("2026-11-21", number, "d" * 64) for number in range(size)])
    code, said = check(cell.receipt(*range(size)))
    assert code == 0
    assert f"{size} entries are in the log" in said


@pytest.mark.parametrize("since", range(13))
def test_the_log_continues_every_earlier_one(check: Check, since: int) -> None:
    cell = honest()
    for bundle in (cell.receipt(0, since=since), cell.export(since)):
        code, said = check(bundle, kept=cell.head(since))
        assert code == 0, said
        assert f"of {since} entries" in said


def test_an_export_from_the_beginning_covers_every_kept_checkpoint(check: Check) -> None:
    cell = honest()
    for size in range(13):
        assert check(cell.export(), kept=cell.head(size))[0] == 0


def test_without_a_witness_the_page_says_so(check: Check) -> None:
    assert "UNWITNESSED" in check(honest().receipt(0))[1]
    assert "UNWITNESSED" in check(honest().receipt(0, witnessed=True))[1]  # a witness nobody named proves nothing
    code, said = check(honest().receipt(0, witnessed=True), "--witness", WITNESS_LINE, "--min-witnesses", "1")
    assert (code, "Cosigned by no-1.example.is/witness." in said) == (0, True)
    assert check(honest().receipt(0), "--witness", WITNESS_LINE, "--min-witnesses", "1")[0] == 1


def test_the_checkpoint_is_kept_for_next_time(check: Check, tmp_path: Path) -> None:
    cell = honest()
    assert check(cell.receipt(0), "--save", str(tmp_path / "next.txt"))[0] == 0
    assert (tmp_path / "next.txt").read_text() == str(cell.head())


LEAVES = [
    Leaf(f"{number:032x}", "2026-11-22", "b" * 64, "tls", "hold", ("LOC_UNKNOWN",), "c" * 64, 2) for number in range(5)
]


def with_decisions(shown: tuple[int, ...] = (0, 4), said: tuple[Leaf, ...] | None = None) -> str:
    """A receipt with egress decisions; a dishonest cell says something else than what it entered."""
    made = batch(LEAVES)
    cell = Cell([*honest().entries, EgressBatch("2026-11-22", made.root.hex(), len(LEAVES))])
    at = len(cell.entries) - 1
    leaves = said or tuple(LEAVES[index] for index in shown)
    decisions = [Batched(leaf, at, index, made.proofs[index]) for index, leaf in zip(shown, leaves, strict=True)]
    return receipt(cell.tree.node, cell.head(), [Placed(at, cell.entries[at])], None, decisions)


def test_a_decision_is_proved_to_lie_in_a_batch_of_the_log(check: Check) -> None:
    code, said = check(with_decisions(), "--decision", LEAVES[4].id)
    assert code == 0
    assert "2 decisions about leaving mail are in batches of the log." in said
    assert f"Decision {LEAVES[4].id} of 2026-11-22: hold (LOC_UNKNOWN)." in said


def test_a_decision_that_was_changed_moved_or_left_out_is_detected(check: Check) -> None:
    refused(check(with_decisions((4,), (replace(LEAVES[4], verdict="allow"),))), "forged or changed")
    refused(check(with_decisions((3,), (LEAVES[4],))), "forged or changed")
    refused(check(with_decisions(), "--decision", LEAVES[2].id), "not in this receipt")
    bundle = json.loads(with_decisions())
    bundle["decisions"][0]["batch"] = 0
    refused(check(json.dumps(bundle)), "batch is missing")
    bundle = json.loads(with_decisions()) | {"entries": []}
    refused(check(json.dumps(bundle)), "batch is missing")


def refused(result: tuple[int, str], complaint: str) -> None:
    code, said = result
    assert code == 1
    assert said.startswith("NOT TRUSTWORTHY")
    assert complaint in said


def test_a_forged_entry_is_detected(check: Check) -> None:
    cell = honest()
    bundle = json.loads(cell.receipt(0))
    bundle["entries"][0]["entry"] = encode(PolicyVersion("2026-11-21", "b" * 64, 99, "c" * 64)).decode()
    refused(check(json.dumps(bundle)), "forged or changed")
    bundle = json.loads(cell.export())
    bundle["entries"][0] = encode(PolicyVersion("2026-11-21", "b" * 64, 99, "c" * 64)).decode()
    refused(check(json.dumps(bundle)), "forged, changed or removed")


def test_an_entry_moved_to_another_place_is_detected(check: Check) -> None:
    bundle = json.loads(honest().receipt(0))
    bundle["entries"][0]["index"] = 1
    refused(check(json.dumps(bundle)), "forged or changed")
    bundle["entries"][0]["index"] = 12
    refused(check(json.dumps(bundle)), "outside the log")


def test_a_removed_entry_is_detected(check: Check) -> None:
    cell = honest()
    kept = cell.head(8)
    shorter = Cell(cell.entries[:5] + cell.entries[6:])
    refused(check(shorter.receipt(0, since=8), kept=kept), "rewritten")
    refused(check(shorter.export(8), kept=kept), "rewritten")
    refused(check(shorter.export(), kept=kept), "rewritten")
    bundle = json.loads(cell.export())
    del bundle["entries"][5]
    refused(check(json.dumps(bundle)), "removed or added")


def test_a_changed_past_is_detected(check: Check) -> None:
    cell = honest()
    kept = cell.head(8)
    changed = Cell([FactsBundle("2026-11-21", 1, "d" * 64), *cell.entries[1:]])
    refused(check(changed.receipt(0, since=8), kept=kept), "rewritten")
    refused(check(changed.export(), kept=kept), "rewritten")
    refused(check(changed.receipt(0), kept=cell.head()), "rewritten")
    refused(check(changed.export(), kept=cell.head()), "rewritten")


def test_a_shrunk_log_is_detected(check: Check) -> None:
    cell = honest()
    shorter = Cell(cell.entries[:10])
    refused(check(shorter.receipt(0, since=4), kept=cell.head()), "shrunk")
    refused(check(shorter.export(), kept=cell.head()), "shrunk")


def test_a_bundle_that_does_not_reach_back_far_enough_is_refused(check: Check) -> None:
    cell = honest()
    refused(check(cell.receipt(0, since=8), kept=cell.head(6)), "another checkpoint")
    refused(check(cell.receipt(0), kept=cell.head(6)), "another checkpoint")
    refused(check(cell.export(8), kept=cell.head(6)), "ask for one that starts there")


def test_a_false_frontier_is_detected(check: Check) -> None:
    cell = honest()
    bundle = json.loads(cell.export(8))
    bundle["frontier"][0] = json.loads(cell.export(7))["frontier"][0]
    refused(check(json.dumps(bundle)), "frontier")
    bundle["frontier"] = []
    refused(check(json.dumps(bundle)), "frontier")


def test_a_checkpoint_of_another_key_or_log_is_refused(check: Check) -> None:
    refused(check(honest().receipt(0, key=MALLORY)), "has not signed")
    other = str(PublicKey("no-1.example.is/ledger", ED25519, bytes(LOG.verify_key)))
    refused(check(honest().receipt(0), "--log-key", other), "not of 'no-1.example.is/ledger'")


def test_a_false_cosignature_is_refused(check: Check) -> None:
    bundle = json.loads(honest().receipt(0, witnessed=True))
    mallory = str(PublicKey(NAME, COSIGNATURE, bytes(MALLORY.verify_key)))
    assert "UNWITNESSED" in check(json.dumps(bundle), "--witness", mallory)[1]
    size_changed = bundle["checkpoint"].replace("\n12\n", "\n13\n")
    refused(check(json.dumps(bundle | {"checkpoint": size_changed}), "--witness", WITNESS_LINE), "false")


def test_ada_finds_her_own_key(check: Check) -> None:
    for bundle in (honest().export(), honest().receipt(3, 9)):
        code, said = check(bundle, "--my-key", f"{ADA}=age1pq1ada2")
        assert code == 0
        assert "aaaaaaaaaaaa… has key 2" in said


@pytest.mark.parametrize(
    ("swapped", "complaint"),
    [
        (succeed(FIRST, ["age1pq1mallory"], MALLORY.verify_key, MALLORY), "not signed by the key before it"),
        (succeed(FIRST, ["age1pq1mallory"], MALLORY.verify_key, None), "not signed by the key before it"),
        (replace(SECOND, identities=("age1pq1mallory",)), "not signed by the key before it"),
        (replace(SECOND, serial=1), "two claim one serial"),
        (replace(SECOND, serial=3), "does not follow"),
    ],
)
def test_a_swapped_public_key_is_detected(check: Check, swapped: KeyRecord, complaint: str) -> None:
    cell = honest()
    cell.entries[9] = swapped
    refused(check(cell.export()), complaint)
    refused(check(cell.receipt(3, 9)), complaint)


def test_a_key_swapped_from_the_start_is_detected_by_its_owner(check: Check) -> None:
    cell = honest()
    cell.entries[3] = first_key(ADA, ["age1pq1mallory"], MALLORY.verify_key)
    cell.entries[9] = FactsBundle("2026-11-21", 1, "d" * 64)
    assert check(cell.export())[0] == 0
    refused(check(cell.export(), "--my-key", f"{ADA}=age1pq1ada1"), "swapped")
    refused(check(cell.export(), "--my-key", f"{'b' * 64}=age1pq1ada1"), "no key of")


@pytest.mark.parametrize(
    "bundle",
    [
        "",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        '{"checkpoint": 1}',
        '{"checkpoint": "x"}',
        '{"checkpoint": "a\\nb\\n\\n— n A\\n"}',
    ],
)
def test_damaged_bundles_are_refused_without_a_traceback(check: Check, bundle: str) -> None:
    refused(check(bundle), "")


@pytest.mark.parametrize(
    "path", [("format",), ("previous",), ("entries",), ("entries", 0, "proof"), ("entries", 0, "index")]
)
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [1], [["x"]], "A" * 43 + "="])
def test_a_bundle_with_any_part_replaced_never_crashes(check: Check, path: tuple[Any, ...], value: object) -> None:
    bundle = json.loads(honest().receipt(0, 5, since=8))
    place = bundle
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    code, said = check(json.dumps(bundle))
    if code == 0:  # only by leaving away what nobody asked for
        assert (path, value) in [(("previous",), None), (("entries",), [])]
    else:
        assert said.startswith("NOT TRUSTWORTHY")


def test_wrong_use_is_told_apart_from_a_bad_log(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_receipt.main(["/nowhere/receipt.json", "--log-key", LOG_LINE]) == 2
    refused(check(honest().receipt(0), "--log-key", WITNESS_LINE), "--log-key needs the key of a log")
    refused(check(honest().receipt(0), "--log-key", LOG_LINE.replace("+", "-", 1)), "damaged")
    refused(check(honest().receipt(0), "--witness", LOG_LINE), "--witness needs the key of a witness")


def test_the_verifier_is_one_file_that_runs_alone(tmp_path: Path) -> None:
    script = tmp_path / "verify_receipt.py"
    shutil.copy(verify_receipt.__file__, script)
    (tmp_path / "receipt.json").write_text(honest().receipt(0))
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:];"
        "sys.modules.update({name: None for name in ('jurisdiction', 'django', 'mailhost', 'webadmin')});"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", program, str(script), str(tmp_path / "receipt.json"), "--log-key", LOG_LINE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 entries are in the log" in done.stdout


def test_without_its_one_library_it_says_what_to_install_and_judges_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-S", verify_receipt.__file__, str(tmp_path / "receipt.json"), "--log-key", LOG_LINE]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env={})
    assert done.returncode == 2
    assert "pip install pynacl" in done.stderr


def test_an_export_with_entries_missing_is_not_made() -> None:
    cell = honest()
    with pytest.raises(ValueError, match="every entry"):
        export(cell.tree.node, cell.head(), cell.entries[1:])
