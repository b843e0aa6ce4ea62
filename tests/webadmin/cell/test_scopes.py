"""A program whose tables are not declared as they must be makes no table."""

import pytest
from django.core import checks

from jurisdiction.disclosure import Disclosure
from mailhost.models import Alias
from webadmin.cell import scopes


def test_djangos_checks_of_all_there_is_find_nothing(db: None) -> None:
    assert checks.run_checks() == []


def test_what_is_not_labelled_is_refused_with_its_name(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes.refuse_undeclared()
    monkeypatch.setattr(Alias, "disclosure", Disclosure())
    with pytest.raises(scopes.Undeclared, match=r"mailhost\.Alias.*has no disclosure label"):
        scopes.refuse_undeclared()
