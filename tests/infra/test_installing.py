"""What `pip install` and the image carry: every package of the house, and every file in them that is not code."""

from __future__ import annotations

import fnmatch
import tomllib
from typing import Any

from tests.architecture import house

SETUPTOOLS: dict[str, Any] = tomllib.loads((house.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "setuptools"
]


def test_every_package_of_the_house_is_installed() -> None:
    patterns = SETUPTOOLS["packages"]["find"]["include"]
    left_out = [name for name in house.PRODUCT if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert not left_out, f"[tool.setuptools.packages.find] include leaves out {left_out}"


def test_every_file_beside_the_code_is_installed() -> None:
    patterns = SETUPTOOLS["package-data"]["*"]
    left_out = [
        str(path.relative_to(house.ROOT))
        for path in house.files()
        if path.relative_to(house.ROOT).parts[0] in house.PRODUCT
        and path.suffix not in {".py", ".pyc"}
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert not left_out, f"[tool.setuptools.package-data] leaves out {left_out}"


def test_no_folder_of_code_is_overlooked() -> None:
    packages = {path.parent.name for path in house.ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(house.PRODUCT)
