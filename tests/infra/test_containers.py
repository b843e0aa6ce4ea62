"""Image and compose file, read as text: what a linter would say, and whether they agree with the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from webadmin.environ import Environ

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
DOCKERFILE = INFRA / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("prepare", "cell")
ONE_SHOT = ("prepare",)


def _instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, continuation lines joined."""
    text = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in lines)]


def _has_fixed_tag(image: str) -> bool:
    name, _, tag = image.rpartition(":")
    return bool(name) and "/" not in tag and tag != "latest"


def test_the_image_is_built_in_stages_from_fixed_tags() -> None:
    bases = [rest.partition(" ")[0] for word, rest in _instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(_has_fixed_tag(base) for base in bases), bases


def test_the_image_runs_as_nobody_in_particular() -> None:
    last_stage = _instructions()[max(n for n, (word, _) in enumerate(_instructions()) if word == "FROM") :]
    users = [rest for word, rest in last_stage if word == "USER"]
    assert users == ["10001:10001"]
    # Numbers, because an orchestrator that must not run root cannot look a name up.
    assert [word for word, _ in last_stage].index("USER") < [word for word, _ in last_stage].index("ENTRYPOINT")


def test_the_second_stage_neither_fetches_nor_compiles() -> None:
    last_from = max(n for n, (word, _) in enumerate(_instructions()) if word == "FROM")
    commands = " ".join(rest for word, rest in _instructions()[last_from:] if word == "RUN")
    assert not re.search(r"\b(?:pip|apt|apt-get|curl|wget|gcc|git)\b", commands)
    assert not [rest for word, rest in _instructions() if word == "ADD"]


def test_what_is_copied_exists_and_is_let_through_to_the_engine() -> None:
    lines = (INFRA / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    for word, rest in _instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in let_through, source
    assert "*" in lines
    assert not let_through & {".git", "var", ".venv", "tests"}


def test_every_package_of_the_product_is_in_the_image() -> None:
    copied = {rest.split()[0] for word, rest in _instructions() if word == "COPY"}
    assert {"webadmin", "mailhost", "jurisdiction", "directory"} <= copied


def test_programs_start_without_a_shell() -> None:
    for word, rest in _instructions():
        if word in {"ENTRYPOINT", "CMD"}:
            assert rest.startswith("["), f"{word} {rest}: a shell between would swallow SIGTERM"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_fixed_image_and_no_power_over_the_host(name: str) -> None:
    service = SERVICES[name]
    assert _has_fixed_tag(service["image"])
    assert not service.get("privileged")
    assert service.get("network_mode") != "host"
    assert service.get("pid") != "host"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))
    assert service["ulimits"]["core"] == 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_lasts_is_watched_and_restarted(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", OURS)
def test_our_services_write_only_to_their_volumes_and_never_to_swap(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["mem_limit"] == service["memswap_limit"]
    assert service["volumes"][0] == "data:/var/lib/skerry"


def test_only_the_preparation_may_write_key_files() -> None:
    writers = [name for name in OURS if "keys:/etc/skerry/keys" in SERVICES[name]["volumes"]]
    assert writers == ["prepare"]


def test_only_mail_is_open_to_the_internet() -> None:
    opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    mail = ["25:2525", "587:2587", "465:2465", "143:2143", "993:2993"]
    assert opened == {"cell": [*mail, "127.0.0.1:8025:8025"]}


def test_database_and_broker_have_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["database"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


def test_the_broker_keeps_nothing_on_disk() -> None:
    words = SERVICES["redis"]["command"]
    assert words[words.index("--save") + 1] == ""
    assert words[words.index("--appendonly") + 1] == "no"


def test_ports_are_the_programs_own() -> None:
    fields = Environ.model_fields
    inside = {line.rpartition(":")[2] for service in SERVICES.values() for line in service.get("ports", [])}
    assert inside == {str(field.default) for name, field in fields.items() if name.endswith("_port")}
    exposed = next(rest for word, rest in _instructions() if word == "EXPOSE")
    assert set(exposed.split()) == inside


def test_every_setting_can_be_set_and_none_of_the_files_is_needed() -> None:
    for name in OURS:
        assert SERVICES[name]["env_file"] == [{"path": "cell.env", "required": False}]
    asked = re.findall(r"\$\{(\w+):\?", (INFRA / "compose.yaml").read_text(encoding="utf-8"))
    told = re.findall(r"^#     (\w+)=", (INFRA / "compose.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert (set(asked), len(told)) == (set(told), 5)
    assert "which five values it wants" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_volumes_are_declared_and_no_password_is_written_down() -> None:
    named = {
        str(volume).partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not str(volume).startswith((".", "/"))
    }
    assert named == set(COMPOSE["volumes"])
    text = (INFRA / "compose.yaml").read_text(encoding="utf-8")
    assert all(value.startswith("${") for value in re.findall(r"PASSWORD: (\S+)", text))


@pytest.mark.journey
@pytest.mark.slow
def test_the_image_builds_where_there_is_an_engine() -> None:
    engine = shutil.which("docker") or shutil.which("podman")
    if engine is None or subprocess.run([engine, "info"], capture_output=True, check=False).returncode:
        pytest.skip("no container engine runs here")
    done = subprocess.run(
        [engine, "build", "--file", str(DOCKERFILE), "--tag", "skerry:test", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
