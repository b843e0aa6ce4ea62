"""The contract of `Claims`, kept by the fake and by the directory's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailhost.provision.claims import Claims, DirectoryUnreachable, TakenElsewhere, held
from tests.provision.fakes import FakeDirectory
from webadmin.cell.control import DirectoryProcess
from webadmin.environ import read

Of = Callable[[str], Claims]


def _processes(home: Path) -> Of:
    def of(cell: str) -> Claims:
        process = DirectoryProcess(read({"home": home, "cell": cell}))
        process.prepare()
        return process

    return of


@pytest.fixture(params=["fake", pytest.param("process", marks=[pytest.mark.journey, pytest.mark.slow])])
def of(request: pytest.FixtureRequest, tmp_path: Path) -> Of:
    """The directory as any cell sees it."""
    return FakeDirectory().of if request.param == "fake" else _processes(tmp_path)


def test_a_name_belongs_to_the_cell_that_claimed_it_until_that_gives_it_up(of: Of) -> None:
    iceland, norway = of("is-1"), of("no-1")
    for claim, release, other_claim, other_release, name in (
        (iceland.claim_tenant, iceland.release_tenant, norway.claim_tenant, norway.release_tenant, "harbour"),
        (iceland.claim_domain, iceland.release_domain, norway.claim_domain, norway.release_domain, "example.is"),
    ):
        assert claim(name) is True
        with pytest.raises(TakenElsewhere):
            other_claim(name)
        other_release(name)
        assert claim(name) is False, "claiming again is no error, and nobody gives up what is not theirs"
        release(name)
        release(name)
        assert other_claim(name) is True


@pytest.mark.journey
@pytest.mark.slow
def test_a_directory_that_was_lost_is_made_by_the_first_question_and_hears_of_each_cell(tmp_path: Path) -> None:
    iceland, norway = (DirectoryProcess(read({"home": tmp_path, "cell": cell})) for cell in ("is-1", "no-1"))
    iceland.release_tenant("harbour")
    assert norway.claim_tenant("fjord") is True
    with pytest.raises(TakenElsewhere):
        iceland.claim_tenant("fjord")


@pytest.mark.journey
def test_a_directory_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "directory").write_text("a file where the folder should be")
    with pytest.raises(DirectoryUnreachable, match="did not answer"):
        DirectoryProcess(read({"home": tmp_path})).claim_tenant("fjord")


def test_only_a_fresh_claim_is_given_back_when_the_work_fails() -> None:
    directory = FakeDirectory()
    claims = directory.of("is-1")
    for expected in ({}, {"harbour": "is-1"}):
        with pytest.raises(RuntimeError), held(claims.claim_tenant, claims.release_tenant, "harbour"):
            raise RuntimeError
        assert directory.tenants == expected
        directory.tenants["harbour"] = "is-1"
