"""Every worked case of the given and of our own files, and files that cannot be run."""

from pathlib import Path

import pytest

from jurisdiction.atlas import Atlas
from jurisdiction.cases import CaseFileErrors, check_cases, read_cases

CASES = Path(__file__).parent / "cases"
HEAD = b'as_of = 2026-11-21\n[policy.home]\nallow = ["IS"]\n'
CASE = '[[case]]\nid = "a"\npolicy = "home"\nask = { %s }\nexpect = "allow"\nreasons = ["LOC_OK", "CTRL_OK"]\n'
PLACE = 'type = "place", kind = "primary", location = "IS", controllers = ["IS"], geo = "agree"'


def errors(content: bytes | str, atlas: Atlas) -> str:
    with pytest.raises(CaseFileErrors) as caught:
        read_cases(content.encode() if isinstance(content, str) else content, atlas)
    return str(caught.value)


@pytest.mark.parametrize("file", sorted(CASES.glob("*.toml")), ids=lambda file: file.stem)
def test_worked_cases_are_decided_as_written(file: Path, atlas: Atlas) -> None:
    assert check_cases(file.read_bytes(), atlas, file.name)["mismatches"] == []


def test_there_are_at_least_sixty_cases_of_our_own(atlas: Atlas) -> None:
    own = [file for file in CASES.glob("*.toml") if file.stem != "given"]
    assert sum(len(read_cases(file.read_bytes(), atlas).cases) for file in own) >= 60


def test_a_wrong_expectation_is_a_mismatch_that_shows_both_sides(atlas: Atlas) -> None:
    content = HEAD.decode() + CASE % PLACE.replace("IS", "NO")
    result = check_cases(content.encode(), atlas)
    assert result == {
        "cases": 1,
        "mismatches": [
            {
                "id": "a",
                "got": {"verdict": "deny", "reasons": ["NOT_IN_ALLOWLIST"]},
                "want": {"verdict": "allow", "reasons": ["CTRL_OK", "LOC_OK"]},
            }
        ],
    }


def test_the_right_verdict_with_a_missing_reason_is_a_mismatch(atlas: Atlas) -> None:
    content = (HEAD.decode() + CASE % PLACE).replace('"LOC_OK", ', "")
    assert len(check_cases(content.encode(), atlas)["mismatches"]) == 1  # type: ignore[arg-type]


def test_a_fixture_replaces_the_real_fact_only_while_the_file_runs(atlas: Atlas) -> None:
    fixture = '[[fact]]\njurisdiction = "NZ"\nkey = "provider_decryption_duty"\nvalue = "no"\nconfidence = "verified"\n'
    parsed = read_cases(HEAD + (fixture + CASE % PLACE).encode(), atlas)
    at = parsed.at
    assert parsed.atlas.state("NZ", "provider_decryption_duty", at.days[0], at.known).state == "no"
    assert atlas.state("NZ", "provider_decryption_duty", at.days[0], at.known).state == "yes"


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (PLACE.replace("primary", "bakcup"), "kind is 'bakcup'"),
        (PLACE.replace('"IS", controllers', '"XX", controllers'), "unknown country 'XX'"),
        (PLACE.replace('["IS"]', '["UK"]'), 'The United Kingdom is "GB"'),
        (PLACE.replace('["IS"]', '["no"]'), 'Write "NO"'),
        (PLACE.replace('["IS"]', "[false]"), "Norway"),
        (PLACE.replace('"IS", controllers', "false, controllers"), "Norway"),
        (PLACE.replace("controllers", "contollers"), "contollers is not a key"),
        (PLACE + ', rtt = { landmark = "Atlantis", ms = 1 }', "unknown landmark 'Atlantis'"),
        (PLACE + ', rtt = { landmark = "Reykjavik", ms = -1 }', "ms is -1"),
        (PLACE + ', rtt = { landmark = "Reykjavik", ms = nan }', "ms is nan"),
        (PLACE + ", evidence_age_days = -1", "evidence_age_days is -1"),
        (PLACE + ', evidence_age_days = "old"', "must be a number"),
        (PLACE.replace('"agree"', '"maybe"'), "geo is 'maybe'"),
        (PLACE.replace('"place"', '"dance"'), "type is 'dance'"),
        ('type = "egress", mx_location = "IS", mode = "fax"', "mode is 'fax'"),
        ('type = "legal", via = "epoc", cell_country = "IS"', "from is missing"),
        ('type = "law_change", country = "IS", fact = "x", in_force = "soon"', "in_force is 'soon'"),
        ('type = "law_change", country = "IS", fact = "x", in_force = 2026-11-21T00:00:00', "must be a date"),
    ],
)
def test_a_bad_question_is_named_with_its_case(ask: str, complaint: str, atlas: Atlas) -> None:
    message = errors(HEAD.decode() + CASE % ask, atlas)
    assert "cases.toml: a: " in message
    assert complaint in message


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"as_of = 2026-11-21\nlocation = NO\n", "stand in quotes"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "as_of is missing"),
        (HEAD, "no [[case]]"),
        (HEAD + b'[[case]]\nid = "a"\n', "is not a table"),
        (HEAD + b"case = 1\n", "is not"),
        (HEAD + b"[extra]\n", "extra is not known"),
        (HEAD.replace(b'"IS"', b'"IS", "IS"'), "twice"),
        (HEAD + b'deny_blocs = ["SIXEYES"]\n', "unknown bloc 'SIXEYES'"),
        (HEAD + b'deny_bloc = ["FVEY"]\n', "deny_bloc is not a key"),
        (
            HEAD + b'[[fact]]\njurisdiction = "IS"\nkey = "x"\nvalue = "6 months"\nconfidence = "verified"\n',
            "Add state",
        ),
        (HEAD + b"[site]\nXX = { lat = 1, lon = 1 }\n", "site.XX"),
        (HEAD + b"[site]\nIS = { lat = 91, lon = 1 }\n", "lat is 91"),
    ],
)
def test_a_bad_file_is_refused_with_what_to_do(content: bytes, complaint: str, atlas: Atlas) -> None:
    assert complaint in errors(content, atlas)


def test_unknown_policies_and_repeated_ids_are_all_reported_together(atlas: Atlas) -> None:
    case = CASE % PLACE
    message = errors(HEAD.decode() + case + case + case.replace('"a"', '"b"').replace('"home"', '"hone"'), atlas)
    assert "'a' is used twice" in message
    assert "policy is 'hone'" in message


def test_two_fixtures_for_the_same_day_contradict_each_other(atlas: Atlas) -> None:
    fixture = '[[fact]]\njurisdiction = "IS"\nkey = "x"\nvalue = "no"\nconfidence = "verified"\n'
    assert "on the same day" in errors(HEAD.decode() + fixture + fixture + CASE % PLACE, atlas)


def test_a_file_that_nests_without_end_is_refused(atlas: Atlas) -> None:
    assert "cases.toml" in errors(b"a = " + b"[" * 100_000, atlas)
