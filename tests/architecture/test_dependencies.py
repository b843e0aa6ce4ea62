"""A dependency is somebody else's code with our users' mail in its hands: each has a reason and a licence."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture import house

PYPROJECT = house.ROOT / "pyproject.toml"
# What the installed product may be made of. A licence is permissive when it asks for no more than its own notice.
PERMISSIVE = re.compile(
    r"\b(?:MIT(?:-0)?|MIT License|BSD(?:[ -]\w+)*|Apache(?:[ -]\w+)*|ISC(?: License)?|PSF-2\.0|Python Software Foundation"
    r"|Unlicense|0BSD|Zlib|CC0-1\.0|HPND)\b",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"\b(?:[AL]?GPL|GNU|MPL|Mozilla|EUPL|SSPL|CC-BY-SA)", re.IGNORECASE)
EXCEPTIONS = {
    "psycopg": "LGPL-3.0: imported unchanged, and exchangeable by whoever runs it",
    "psycopg-binary": "LGPL-3.0: as psycopg",
    "psycopg-pool": "LGPL-3.0: as psycopg",
    "publicsuffixlist": "MPL-2.0: file-level, unchanged",
}
STANDARD = sys.stdlib_module_names
CODE = {".py", ".so", ".pyd"}


@cache
def _project() -> dict[str, object]:
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]


def _base() -> list[Requirement]:
    return [Requirement(line) for line in _project()["dependencies"]]  # type: ignore[attr-defined]


def _extra(name: str) -> list[Requirement]:
    return [Requirement(line) for line in _project()["optional-dependencies"].get(name, [])]  # type: ignore[attr-defined]


# Extras that install parts of the product, as against tools of its developers.
PRODUCT_EXTRAS = ("host", "bridge")


def _declared() -> set[str]:
    wanted = _base() + [requirement for name in PRODUCT_EXTRAS for requirement in _extra(name)]
    return {canonicalize_name(requirement.name) for requirement in wanted}


def test_every_dependency_says_why_it_is_there() -> None:
    silent = [
        line.strip()
        for line in PYPROJECT.read_text(encoding="utf-8").splitlines()
        if re.match(r'\s+"[a-z][\w.-]*(\[[\w,]+\])?[><=~!]', line) and not re.search(r'",?\s+# \S+ ?\S*', line)
    ]
    assert not silent, silent


@cache
def _distributions() -> dict[str, list[str]]:
    """Importable top-level name -> the declared distributions that bring it."""
    found: dict[str, list[str]] = {}
    for name in _declared():
        tops = {
            file.parts[0].partition(".")[0] for file in metadata.distribution(name).files or () if file.suffix in CODE
        }
        for top in tops:
            found.setdefault(top, []).append(name)
    return found


def _foreign_imports(modules: Iterator[house.Module]) -> Iterator[tuple[str, str]]:
    """Where, and which top-level package that is neither Python's nor ours."""
    for module in modules:
        for name, line in house.imports(module.tree):
            top = name.partition(".")[0]
            if top not in STANDARD and top not in house.PRODUCT:
                yield f"{module.where}:{line}", top


def _undeclared(modules: Iterator[house.Module], declared: set[str]) -> list[str]:
    return [
        f"{where} imports {top}"
        for where, top in _foreign_imports(modules)
        if not set(_distributions().get(top, [])) & declared
    ]


def test_nothing_is_imported_that_is_not_declared() -> None:
    assert not (found := _undeclared(house.product(), _declared())), "\n".join(found)


def test_what_installs_without_the_host_imports_only_the_base() -> None:
    """`pip install skerry` on a user's own machine brings the base only: sealing, MIME and the IMAP engine run on it."""
    base = {str(canonicalize_name(requirement.name)) for requirement in _base()}
    found = _undeclared(house.within("mailhost.message", "mailhost.seal", "mailhost.imap", "mailhost.bridge"), base)
    assert not found, "\n".join(found)


def test_nothing_is_declared_that_is_not_used() -> None:
    used = {one for _, top in _foreign_imports(house.product()) for one in _distributions().get(top, [])}
    # uvicorn is started as a program; argon2-cffi is what Django's hasher of that name imports.
    unused = _declared() - used - {"uvicorn", "argon2-cffi"}
    assert not unused, f"nothing imports these: {sorted(unused)}"


def _closure() -> Iterator[metadata.Distribution]:
    """Every distribution that an installation of the product brings."""
    waiting = _base() + [requirement for name in PRODUCT_EXTRAS for requirement in _extra(name)]
    seen: set[tuple[str, frozenset[str]]] = set()
    found: dict[str, metadata.Distribution] = {}
    while waiting:
        wanted = waiting.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            continue  # for another platform
        found[key[0]] = distribution
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)
            ):
                waiting.append(requirement)
    yield from found.values()


def _licence(distribution: metadata.Distribution) -> str:
    about = distribution.metadata
    classifiers = [line for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    first_line = str(about.get("License") or "").strip().partition("\n")[0]
    return str(about.get("License-Expression") or "") or "; ".join([*classifiers, first_line])


def test_installed_licences_are_permissive_but_for_the_named() -> None:
    wrong = []
    for distribution in _closure():
        name, licence = canonicalize_name(distribution.name), _licence(distribution)
        if name not in EXCEPTIONS and (COPYLEFT.search(licence) or not PERMISSIVE.search(licence)):
            wrong.append(f"{name}: {licence or 'no licence in its metadata'}")
    assert not wrong, "\n".join(wrong)


def test_versions_that_were_tested_together_satisfy_what_is_declared() -> None:
    pinned = {}
    for line in (house.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pinned[canonicalize_name(name)] = version
    every = _base() + [one for extra in ("host", "bridge", "dev", "fuzz") for one in _extra(extra)]
    for requirement in every:
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"constraints.txt does not pin {name}"
        assert requirement.specifier.contains(pinned[name]), (
            f"constraints.txt pins {name} {pinned[name]}: {requirement}"
        )


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-or-later", "LGPL-3.0", "GNU General Public License v2", "Proprietary", ""]
)
def test_a_licence_that_asks_for_more_is_seen(licence: str) -> None:
    assert COPYLEFT.search(licence) or not PERMISSIVE.search(licence)


def test_the_licence_of_the_project_is_carried_whole() -> None:
    text = (house.ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text
    assert "13. Remote Network Interaction" in text
    assert text.rstrip().endswith("<https://www.gnu.org/licenses/>.")
    assert _project()["license"] == "AGPL-3.0-or-later"
