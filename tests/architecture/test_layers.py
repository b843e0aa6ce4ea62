"""One way through the house: import-linter's contracts in `pyproject.toml`, and what they cannot say."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.architecture import house


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        *house.PRODUCT, include_external_packages=True, cache_dir=str(house.ROOT / ".import_linter_cache")
    )


def lint_imports(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter as a program of its own: inside this one it would silence every logger."""
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-logo", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow  # starts programs
def test_every_contract_is_kept() -> None:
    done = lint_imports(house.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def broken_house(tmp_path: Path) -> Path:
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
    return config


@pytest.mark.slow  # starts programs
def test_a_broken_contract_is_reported(broken_house: Path) -> None:
    done = lint_imports(broken_house.parent, "--config", broken_house.name, "--no-cache")
    assert done.returncode == 1
    assert "islet.below -> islet.above" in done.stdout


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
