"""The JavaScript that browsers get is what its sources say: built again, it has the same bytes.

The comparison needs Node and the sources' packages (`make bundles` brings them); a missing one skips it, but is an
error under CI=true. The manifest, the sizes and the notices are checked without either.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT
from tests.seal.test_exchange import missing, need_program, run

FRONTEND = ROOT / "webadmin" / "frontend"
BUNDLES = ROOT / "webadmin" / "static" / "js"
# A page that handles keys may weigh 250 kB in all, its HTML, style and own script included.
MOST = 220_000


def manifest() -> dict[str, str]:
    found: dict[str, str] = json.loads((BUNDLES / "bundles.json").read_text(encoding="utf-8"))
    return found


def test_the_manifest_names_the_bytes_that_are_here() -> None:
    assert "keys.js" in manifest()
    for name, integrity in manifest().items():
        digest = base64.b64encode(hashlib.sha384((BUNDLES / name).read_bytes()).digest()).decode()
        assert integrity == f"sha384-{digest}", f"{name} was changed by hand; run `make bundles`"


def test_the_bundles_are_small() -> None:
    # No page loads two of the large ones.
    assert max((BUNDLES / name).stat().st_size for name in manifest()) <= MOST


def test_every_package_in_a_bundle_has_its_notice() -> None:
    notices = (BUNDLES / "NOTICES.txt").read_text(encoding="utf-8")
    lock = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name in re.findall(r"^(\S+) (\S+)\nLicence: (\S+)$", notices, re.MULTILINE):
        package, version, licence = name
        assert licence in {"MIT", "MIT-0", "BSD-3-Clause", "ISC", "Apache-2.0"}
        assert lock[f"node_modules/{package}"]["version"] == version
    assert "carries no licence file" not in notices
    for package in ("age-encryption", "hash-wasm", "fzstd", "@scure/bip39", "@noble/post-quantum"):
        assert f"\n{package} " in notices


# What would leave a secret where the next visitor, a log or an extension finds it, or break the content policy.
FORBIDDEN = ("localStorage", "sessionStorage", "document.cookie", "eval(", "new Function", "innerHTML")


@pytest.mark.parametrize("path", sorted((FRONTEND / "src").glob("*.js")), ids=lambda path: path.name)
def test_the_sources_leave_secrets_nowhere(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not [word for word in FORBIDDEN if word in source]
    assert source.startswith("// ")
    assert source.count("\n") <= 400


@pytest.mark.journey
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    need_program("node")
    if not (FRONTEND / "node_modules" / "esbuild").exists():
        missing("webadmin/frontend has no node_modules; run `make bundles`")
    run("node", FRONTEND / "build.mjs", tmp_path)
    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (BUNDLES / path.name).read_bytes(), f"{path.name} differs; run `make bundles`"
