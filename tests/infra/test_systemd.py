"""The units: accepted by systemd without a word, hardened, and agreeing with the program about key files."""

from __future__ import annotations

import configparser
import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.presence import need
from webadmin import environ
from webadmin.processes import prepare

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "infra" / "systemd"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DAEMONS = (
    "skerry-smtpd@.service",
    "skerry-dispatchd@.service",
    "skerry-imapd@.service",
    "skerry-web@.service",
    "skerry-worker@.service",
)
SERVICES = (*DAEMONS, "skerry-prepare@.service", "skerry-directory@.service")
# systemd-analyze rates from 0.0 (nothing allowed) to 10.0; what is left is the network, which mail needs.
EXPOSURE_LIMIT = 1.5


class _Unit(configparser.RawConfigParser):
    """A unit file: a key may stand several times, and its values are kept apart by newlines."""

    def __init__(self) -> None:
        super().__init__(strict=False, dict_type=_Repeating, delimiters=("=",), comment_prefixes=("#",))

    def optionxform(self, optionstr: str) -> str:
        return optionstr


class _Repeating(dict):  # type: ignore[type-arg]
    """configparser's own trick: lists are extended, so a repeated key keeps all its values."""

    def __setitem__(self, key: str, value: object) -> None:
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def _unit(name: str) -> _Unit:
    unit = _Unit()
    unit.read(UNITS / name)
    return unit


def _values(name: str, key: str) -> list[str]:
    return _unit(name).get("Service", key, fallback="").split("\n")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as on a machine, with programs that exist here instead of those of /opt/skerry."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.rglob("*.service"):
        text = re.sub(r"/opt/skerry/\.venv/bin/\w+", sys.executable, path.read_text())
        path.write_text(text)
    for path in folder.rglob("*"):
        if path.suffix in {".service", ".target", ".conf"}:
            path.write_text(path.read_text().replace("file:/opt/skerry/docs/operations.md", f"file:{ROOT}/README.md"))
    return folder


def _analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:/usr/lib/systemd/system:/lib/systemd/system", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.journey
def test_systemd_accepts_every_unit_without_a_word(installed: Path) -> None:
    need("systemd-analyze")
    instances = [str(installed / name.replace("@.", "@is-1.")) for name in SERVICES]
    instances.append(str(installed / "skerry-directory@is-1.socket"))
    targets = [str(installed / "skerry.target"), str(installed / "skerry@is-1.target")]
    done = _analyze(installed, "verify", "--man=no", "--recursive-errors=yes", *instances, *targets)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.journey
def test_a_mistake_in_a_unit_or_in_the_shared_rules_is_seen(installed: Path) -> None:
    need("systemd-analyze")
    rules = installed / "skerry-.service.d" / "hardening.conf"
    rules.write_text(rules.read_text() + "NoNewPrivilege=yes\n")
    done = _analyze(installed, "verify", "--man=no", str(installed / "skerry-smtpd@is-1.service"))
    assert "NoNewPrivilege" in done.stderr


@pytest.mark.journey
@pytest.mark.parametrize("name", SERVICES)
def test_little_is_exposed(name: str, installed: Path) -> None:
    need("systemd-analyze")
    unit = str(installed / name.replace("@.", "@is-1."))
    done = _analyze(installed, "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= EXPOSURE_LIMIT, done.stdout


@pytest.mark.parametrize(
    "rule",
    [
        "LimitCORE=0",
        "MemorySwapMax=0",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "User=skerry-%i",
        "StateDirectoryMode=0700",
        "SystemCallFilter=@system-service",
    ],
)
def test_the_rules_that_guard_mail_in_memory_stand_in_the_shared_file(rule: str) -> None:
    assert rule in (UNITS / "skerry-.service.d" / "hardening.conf").read_text().splitlines()


@pytest.mark.parametrize("name", DAEMONS)
def test_each_daemon_gets_every_key_file_as_a_credential_and_cannot_see_their_folder(name: str) -> None:
    wanted = {*prepare.KEY_FILES, "cell.pem", "cell.key"}
    given = dict(value.split(":", 1) for value in _values(name, "LoadCredential"))
    assert given == {key: f"/etc/skerry/%i/keys/{key}" for key in wanted}
    assert "SKERRY_KEYS_DIR=%d" in _values(name, "Environment")
    assert any("-/etc/skerry/%i/keys" in value for value in _values(name, "InaccessiblePaths"))


@pytest.mark.parametrize("word", ["smtpd", "dispatchd", "web", "worker"])
def test_who_queues_mail_or_shows_the_queue_has_its_keys_where_they_can_be_made(word: str) -> None:
    folder = "SKERRY_QUEUE_KEYS_DIR=/var/lib/skerry/%i/queue-keys"
    assert folder in _values(f"skerry-{word}@.service", "Environment")
    assert folder.replace("%i", "is-1") in OPERATIONS, "the operator's command line reads the same"


def test_the_page_for_operators_installs_what_the_units_need() -> None:
    folder = re.search(r"install -m 0(\d+) -d /etc/skerry\b", OPERATIONS)
    assert folder
    assert int(folder[1], 8) & 0o001, "the cell's user passes through to ConfigurationDirectory=skerry/%i/keys"
    for word in ("prepare", "smtpd", "imapd", "dispatchd", "worker", "web"):
        assert f"| `skerry-{word}@is-1` |" in OPERATIONS
    at_least = OPERATIONS.partition("Set at least")[2].partition("certificate.")[0]
    ports = [name for name in environ.Environ.model_fields if name.endswith("_port") and name != "web_port"]
    assert [name for name in ports if f"`SKERRY_{name.upper()}=" not in at_least] == []


@pytest.mark.parametrize("name", SERVICES)
def test_each_command_is_one_of_the_programs_own(name: str) -> None:
    word = _unit(name).get("Service", "ExecStart").rpartition("manage.py ")[2].removesuffix(" serve")
    assert name == f"skerry-{word}@.service"
    assert (ROOT / "webadmin" / "management" / "commands" / f"{word}.py").is_file()


@pytest.mark.parametrize("name", DAEMONS)
def test_no_daemon_looks_into_the_directory_and_who_claims_names_asks_at_its_socket(name: str) -> None:
    assert any("-/var/lib/skerry/%i/directory" in value for value in _values(name, "InaccessiblePaths"))
    socket = "SKERRY_DIRECTORY_SOCKET=" + _unit("skerry-directory@.socket").get("Socket", "ListenStream")
    assert (socket in _values(name, "Environment")) == (name in {"skerry-web@.service", "skerry-worker@.service"})


def test_what_answers_for_the_directory_gets_nothing_of_the_cells() -> None:
    unit = _unit("skerry-directory@.service")["Service"]
    # hardening.conf gives every service the cell's file of settings: here the environment begins empty.
    assert unit["ExecStart"].startswith("/usr/bin/env -i ")
    assert {word.partition("=")[0] for word in unit["ExecStart"].split() if word.startswith("SKERRY_")} == {
        "SKERRY_ROLE",
        "SKERRY_CELL",
        "SKERRY_HOME",
        "SKERRY_LOG_FORMAT",
    }
    assert {"-/etc/skerry/%i/keys", "-/var/lib/skerry/%i/%i"} < set(unit["InaccessiblePaths"].split())
    assert "LoadCredential" not in unit


def test_the_web_process_listens_on_loopback_whatever_the_settings_say() -> None:
    assert "/usr/bin/env SKERRY_WEB_BIND=127.0.0.1 " in _unit("skerry-web@.service").get("Service", "ExecStart")


def test_every_process_of_a_real_host_knows_that_it_is_one() -> None:
    """Told to listen on loopback only, one would let everybody sign up and ask no second operator."""
    for name in SERVICES:
        assert not re.search(r"SKERRY_BIND\b", (UNITS / name).read_text().replace("# Not SKERRY_BIND", "")), name
    settings = {"bind": "::", "web_bind": "127.0.0.1", "hostname": "mail.example.is", "signup_domain": "example.is"}
    web = environ.read(dict(settings))
    assert web.web_listens_on == "127.0.0.1"
    assert (web.who_signs_up, web.second_person_rule) == ("voucher", "needed")
    assert web.web_address == "https://mail.example.is"


@pytest.mark.parametrize("name", DAEMONS)
def test_no_daemon_can_see_the_directorys_folder(name: str) -> None:
    assert any("-/var/lib/skerry/%i/directory" in value for value in _values(name, "InaccessiblePaths"))


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_starts_only_behind_the_preparation_and_comes_back_when_it_dies(name: str) -> None:
    unit = _unit(name)
    assert unit.get("Unit", "Requires") == "skerry-prepare@%i.service"
    assert "skerry-prepare@%i.service" in unit.get("Unit", "After").split()
    assert unit.get("Service", "Restart") == "always"


def test_no_service_stays_down_for_having_failed_often() -> None:
    """Nor does the directory's socket, which systemd would shut with the service that it starts."""
    rules = _Unit()
    rules.read(UNITS / "skerry-.service.d" / "hardening.conf")
    assert rules.get("Unit", "StartLimitIntervalSec") == "0"
    answering = _unit("skerry-directory@.service")["Service"]
    assert (answering["Restart"], answering["RestartSec"]) == ("on-failure", "5"), "and not as fast as questions come"


def test_only_listeners_on_low_ports_keep_a_capability() -> None:
    for name in SERVICES:
        expected = ["CAP_NET_BIND_SERVICE"] if name in {"skerry-smtpd@.service", "skerry-imapd@.service"} else [""]
        assert _values(name, "CapabilityBoundingSet") == expected, name


@pytest.mark.slow  # starts a program
def test_the_program_runs_where_memory_is_never_writable_and_executable() -> None:
    """MemoryDenyWriteExecute: the libraries below sealing, TLS and the event loop must not need such pages."""
    set_mdwe, refuse_exec_gain = 65, 1  # prctl(2): PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (Linux 6.3)
    program = f"""
import ctypes, sys
if ctypes.CDLL(None).prctl({set_mdwe}, {refuse_exec_gain}, 0, 0, 0):
    sys.exit(77)
import psycopg, uvloop, ssl, sqlite3
from mailhost.seal import HybridIdentity, Summary, open_file, seal
from mailhost.seal.password import Argon2Parameters, derive_keys
derive_keys("password", bytes(16), Argon2Parameters.insecure_for_tests())
identity = HybridIdentity.generate()
sealed = seal(identity.recipient, b"Subject: x\\r\\n\\r\\ny\\r\\n", Summary(size=1, internaldate=0))
assert open_file([identity], sealed.header + sealed.payload) == b"Subject: x\\r\\n\\r\\ny\\r\\n"
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        assert ctypes.sizeof(ctypes.c_void_p) == 8
        pytest.skip("this kernel does not know PR_SET_MDWE")
    assert done.returncode == 0, done.stderr
