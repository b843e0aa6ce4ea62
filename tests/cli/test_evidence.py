"""Evidence at the command line: what is there, what would prove the country, reports from landmarks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from nacl.signing import SigningKey

from jurisdiction.ledger.notes import ED25519, PublicKey
from jurisdiction.roundtrips import Report, signed
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.nearness import pool, respond
from tests.cli.conftest import Skerry
from tests.provision import house

KEY = SigningKey(b"m" * 32)
NONCE = b"n" * 32


@pytest.fixture
def measurer(monkeypatch: pytest.MonkeyPatch) -> PublicKey:
    made = PublicKey("measurer/Reykjavik", ED25519, bytes(KEY.verify_key))
    environ = settings.ENVIRON.model_copy(update={"measurers": f"Reykjavik#{made},Oslo#{made}"})
    monkeypatch.setattr(settings, "ENVIRON", environ)
    return made


def report(folder: Path, measurer: PublicKey, landmark: str, milliseconds: float) -> str:
    blobs, now = FileBlobs(settings.ENVIRON.blobs), datetime.now(UTC)
    as_of = now.replace(minute=0, second=0, microsecond=0)
    digest, count = respond(NONCE, blobs, pool(blobs, as_of))
    micro = round(milliseconds * 1000)
    made = Report(house.NOTARY.origin, landmark, NONCE, digest, count, as_of, micro, now.date())
    path = folder / f"{landmark}.txt"
    path.write_text(signed(made, measurer.name, KEY), encoding="utf-8")
    return str(path)


def test_a_declaration_alone_is_grade_c_and_the_way_to_a_is_shown(skerry: Skerry, cell: None) -> None:
    assert skerry("evidence", "renew", "--json").code == 0
    about = skerry("evidence", "show", "--json").json
    assert (about["country"], about["grade"], about["contradicted"]) == ("IS", "C", False)
    assert 6 < about["proof"]["Reykjavik"] < 8
    assert "would prove the country" in skerry("evidence", "show").out


def test_a_fast_reply_from_reykjavik_proves_iceland(
    skerry: Skerry, cell: None, measurer: PublicKey, tmp_path: Path
) -> None:
    added = skerry("evidence", "add", report(tmp_path, measurer, "Reykjavik", 0.9), "--json").json
    assert added == {"landmark": "Reykjavik", "ms": 0.9, "supports": "IS"}
    assert skerry("evidence", "renew").code == 0
    assert skerry("evidence", "show", "--json").json["grade"] == "A"
    leases = skerry("policy", "show", "harbour", "--json").json["leases"]
    assert {lease["grade"] for lease in leases} == {"A"}


def test_a_reply_that_is_too_fast_from_oslo_refutes_it_and_renewing_fails(
    skerry: Skerry, cell: None, measurer: PublicKey, tmp_path: Path
) -> None:
    assert "CONTRADICTS" in skerry("evidence", "add", report(tmp_path, measurer, "Oslo", 3)).out
    renewed = skerry("evidence", "renew", "--json")
    assert renewed.code == 1
    assert all("RTT_CONTRADICTS" in row["drift"] for row in renewed.json)
    assert skerry("tenant", "show", "harbour", "--json").json["state"] == "held"
    refused = skerry("mailbox", "add", "ben@example.is", "--invite", "--json")
    assert "nothing new is stored" in refused.json["error"]


def test_what_proves_nothing_or_is_no_report_is_refused(
    skerry: Skerry, cell: None, measurer: PublicKey, tmp_path: Path
) -> None:
    assert "no reply was fast enough" in skerry("evidence", "add", report(tmp_path, measurer, "Reykjavik", 55)).err
    rubbish = tmp_path / "rubbish"
    for content in (b"", b"\xff\xfe", b"a\n\nb\n", b"x" * 100_000):
        rubbish.write_bytes(content)
        assert skerry("evidence", "add", str(rubbish)).code == 1
    assert skerry("evidence", "add", str(tmp_path / "absent")).code == 1


def test_an_unknown_landmark_is_said_without_a_cell(skerry: Skerry, tmp_path: Path) -> None:
    words = ("evidence", "measure", "http://127.0.0.1:9", "--cell", "x", "--key", str(tmp_path / "k"), "-o", "r")
    refused = skerry(*words, "--landmark", "Atlantis")
    assert (refused.code, "Reykjavik" in refused.err) == (2, True)
