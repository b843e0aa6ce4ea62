"""The log at the command line: shown, verified, exported, and unwitnessed said aloud."""

from __future__ import annotations

import json
from pathlib import Path

from jurisdiction import verify_receipt
from jurisdiction.models import LedgerEntry
from tests.cli.conftest import Skerry
from tests.provision import house


def test_a_log_nobody_witnesses_says_so_everywhere(skerry: Skerry, cell: None) -> None:
    about = skerry("ledger", "show", "--json").json
    assert (about["witnessed"], about["witnesses"]) == (False, [])
    assert "UNWITNESSED" in skerry("ledger", "show").out
    assert "UNWITNESSED" in skerry("ledger", "verify").out


def test_a_receipt_is_checked_offline_and_grows_with_the_log(skerry: Skerry, cell: None, tmp_path: Path) -> None:
    receipt, kept = tmp_path / "receipt.json", tmp_path / "kept.txt"
    first = skerry("ledger", "export", "harbour", "--output", str(receipt), "--json").json
    check = [str(receipt), "--log-key", first["log_key"]]
    assert verify_receipt.main([*check, "--save", str(kept)]) == 0
    skerry("policy", "set", "harbour", "--preset", "iceland-only", "--yes")
    skerry("ledger", "export", "harbour", "--since", str(kept), "-o", str(receipt))
    assert verify_receipt.main([*check, "--trusted", str(kept)]) == 0
    whole = skerry("ledger", "export", "--json").out
    receipt.write_text(whole)
    assert verify_receipt.main(check) == 0
    broken = tmp_path / "broken.txt"
    broken.write_text("no note")
    assert "is no checkpoint" in skerry("ledger", "export", "--since", str(broken)).err


def test_a_mailboxes_key_is_in_the_log_under_a_label_and_a_swapped_one_is_found(
    skerry: Skerry, ada: dict[str, str], tmp_path: Path
) -> None:
    from jurisdiction.ledger.entries import encode
    from jurisdiction.records import keys

    label = keys.label_of("ada@example.is", house.NOTARY)
    [record] = keys.records_of(label)
    assert record.identities == (ada["public_key"],)
    assert not any(b"ada@" in bytes(row.leaf) for row in LedgerEntry.objects.all())
    export = tmp_path / "all.json"
    made = skerry("ledger", "export", "--output", str(export), "--json").json
    check = [str(export), "--log-key", made["log_key"], "--my-key"]
    assert verify_receipt.main([*check, f"{label}={ada['public_key']}"]) == 0
    assert verify_receipt.main([*check, f"{label}=age1pq1mallory"]) == 1
    bundle = json.loads(export.read_text())
    place = bundle["entries"].index(encode(record).decode())
    bundle["entries"][place] = bundle["entries"][place].replace(ada["public_key"], "age1pq1mallory")
    export.write_text(json.dumps(bundle))
    assert verify_receipt.main([*check, f"{label}=age1pq1mallory"]) == 1


def test_a_database_somebody_changed_is_found_out(skerry: Skerry, cell: None) -> None:
    skerry("ledger", "show")
    LedgerEntry.objects.filter(kind="placement").first().delete()  # type: ignore[union-attr]
    found = skerry("ledger", "verify", "--json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert "is missing" in found.json["problems"][0]
