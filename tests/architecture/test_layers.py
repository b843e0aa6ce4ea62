"""One way through the house: import-linter's contracts in `pyproject.toml`, and what they cannot say."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

from tests.architecture import house


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        *house.PRODUCT, include_external_packages=True, cache_dir=str(house.ROOT / ".import_linter_cache")
    )


def test_every_contract_is_kept(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.ROOT)
    status = lint_imports(no_logo=True)
    printed = capsys.readouterr()
    assert status == 0, printed.out + printed.err


@pytest.fixture
def broken_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A made-up package whose lower floor imports its upper one."""
    package = tmp_path / "islet"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "above.py").touch()
    (package / "below.py").write_text("import islet.above\n")
    config = tmp_path / "layers.toml"
    config.write_text(
        '[tool.importlinter]\nroot_package = "islet"\n'
        '[[tool.importlinter.contracts]]\nname = "floors"\ntype = "layers"\n'
        'layers = ["islet.above", "islet.below"]\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield config
    for name in [name for name in sys.modules if name.partition(".")[0] == "islet"]:
        del sys.modules[name]


def test_a_broken_contract_is_reported(broken_house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint_imports(config_filename=str(broken_house), no_cache=True, no_logo=True) == 1
    assert "islet.below -> islet.above" in capsys.readouterr().out


def test_what_must_install_without_django_never_reaches_it(graph: grimp.ImportGraph) -> None:
    with_django = graph.find_downstream_modules("django")
    names = [module.name for module in house.within(*house.DJANGO_FREE, without=house.JURISDICTION_WITH_DJANGO)]
    assert names
    chains = [graph.find_shortest_chain(name, "django") for name in names if name in with_django]
    assert not chains, "\n".join(" -> ".join(chain or ()) for chain in chains)


def test_the_product_never_imports_its_tests(graph: grimp.ImportGraph) -> None:
    imported = {name for module in graph.modules for name in graph.find_modules_directly_imported_by(module)}
    assert not {name for name in imported if name.partition(".")[0] in {"tests", "infra", "pytest"}}


def test_no_module_has_a_name_that_says_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
    found = [module.where for module in house.product() if set(module.name.split(".")) & nameless]
    assert not found, f"name these after what they hold: {found}"


def test_every_module_opens_with_its_lesson() -> None:
    silent = [module.where for module in house.product() if module.tree.body and ast.get_docstring(module.tree) is None]
    assert not silent, f"these begin without a docstring: {silent}"
