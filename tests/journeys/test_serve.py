"""`serve` from an empty folder: the banner, the demo, stopping, restarting, and what stands in its way."""

from __future__ import annotations

import imaplib
import os
import re
import signal
import smtplib
import socket
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from mailhost.adapters.imapstore.openers import spare_cores
from tests.journeys.house import House, house, neighbour, prepared, wait_until_gone
from tests.journeys.test_kill import _unverified
from tests.patience import PATIENCE, eventually

pytestmark = [pytest.mark.journey, pytest.mark.slow]

LOGIN = re.compile(r"(\w+@demo\.test) \((\w+) access.*?\n +app password +(\S+)\n +account password +(\S+)")


def wait_for(text: str, cell: House) -> None:
    eventually(lambda: text in cell.log, lambda: cell.log[-3000:])


def forked_by(pid: int) -> list[int]:
    """Processes that this one has forked and that live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def fetched(port: int, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://localhost:{port}{path}", timeout=60) as answer:
        return answer.status, answer.read().decode()


def test_first_start_demo_logins_once_health_metrics_and_a_quick_end() -> None:
    with house(SKERRY_SMTPD_WORKERS="2", SKERRY_IMAPD_WORKERS="1") as cell:
        cell.start("--demo")
        wait_for("Ctrl-C stops it", cell)
        logins = {address: (access, app, account) for address, access, app, account in LOGIN.findall(cell.log)}
        assert {address: access for address, (access, *_) in logins.items()} == {
            "open@demo.test": "session",
            "sealed@demo.test": "sealed",
        }
        for address, (_, password, _account) in logins.items():
            with imaplib.IMAP4_SSL("localhost", cell.ports["IMAPS"], ssl_context=_unverified()) as client:
                assert client.login(address, password)[0] == "OK"
                assert client.select("INBOX")[0] == "OK"
        keys = cell.skerry(
            "mailbox", "secret-key", "open@demo.test", "--password-stdin", answer=logins["open@demo.test"][2] + "\n"
        )
        assert keys["secret_keys"][0].startswith("AGE-SECRET-KEY-PQ-1")
        with smtplib.SMTP("localhost", cell.ports["MX"], timeout=60) as client:
            client.ehlo()
            client.mail("ada@example.net")
            said = {name: client.rcpt(f"{name}@demo.test")[0] for name in ("temperror", "permerror", "full", "nobody")}
            assert said == {"temperror": 451, "permerror": 550, "full": 452, "nobody": 550}
        assert fetched(cell.ports["WEB"], "/healthz") == (200, '{"status": "ok"}')
        assert "skerry_imap_events_total" in fetched(cell.ports["WEB"], "/metrics")[1]
        lines = cell.children()
        assert {"smtpd", "imapd", "web", "worker"} <= {
            line.removeprefix("skerry: ").partition("-")[0].strip() for line in lines.values()
        }
        children = list(lines)
        assert cell.process is not None
        assert {os.getpgid(pid) for pid in children} == {cell.process.pid}
        # Each imapd has the process beside it from which those are forked that open headers for it.
        nurseries = [nursery for pid, line in lines.items() if "imapd" in line for nursery in forked_by(pid)]
        assert len(nurseries) == (sum("imapd" in line for line in lines.values()) if spare_cores() else 0)
        # A fork copies one thread; what another thread held would be held in the child for ever.
        assert len(list(Path(f"/proc/{cell.process.pid}/task").iterdir())) == 1

        os.kill(cell.process.pid, signal.SIGTERM)
        assert cell.process.wait(timeout=PATIENCE) == 0
        wait_until_gone([*children, *nurseries])

        before = len(cell.log)
        cell.start("--demo")
        wait_for("skerry app-password add open@demo.test", cell)
        assert not LOGIN.findall(cell.log[before:])
        assert logins["open@demo.test"][1] not in cell.log[before:]
        cell.stop()
        # One busy moment of the machine is longer than the supervisor's grace.
        assert cell.log.count("did not end by themselves") < 2, "each ends by itself"


def test_a_child_that_is_killed_comes_back_and_orphans_end() -> None:
    with prepared(SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1") as cell:
        cell.start()
        wait_for("Ctrl-C stops it", cell)
        for word in ("smtpd", "imapd", "web"):
            [victim] = [pid for pid, line in cell.children().items() if f"skerry: {word}" in line]
            os.kill(victim, signal.SIGKILL)
            wait_for(f"{word}-1 ended with signal-SIGKILL" if word != "web" else "web ended with signal", cell)
        cell.wait_until_served()
        children = list(cell.children())
        assert cell.process is not None
        os.kill(cell.process.pid, signal.SIGKILL)
        cell.process.wait()
        wait_until_gone(children)  # none outlives its supervisor
        cell.start()


def test_what_stands_in_the_way_is_said_in_one_sentence() -> None:
    with house(SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1") as cell:
        with closing(socket.socket()) as other:
            other.bind(("127.0.0.1", cell.ports["IMAPS"]))
            refused = cell.manage("serve")
            assert refused.returncode == 1
            assert f"{cell.ports['IMAPS']} (IMAP over TLS) is in use" in refused.stderr
            assert "SKERRY_IMAPS_PORT" in refused.stderr
            assert "Traceback" not in refused.stderr
        assert not (cell.home / "is-1" / "cell.sqlite3").exists(), "nothing is made before the ports are known free"
        cell.start()
        second = cell.manage("serve")
        assert second.returncode == 1
        assert "is being served from" in second.stderr


def test_daemons_of_another_cell_do_not_start() -> None:
    with prepared() as cell:
        stranger = House(
            cell.home, {"SKERRY_CELL": "no-1", "SKERRY_KEYS_DIR": str(cell.home / "is-1" / "keys")}, loaded=True
        )
        for words in (("smtpd",), ("imapd",), ("web",), ("worker",), ("serve",), ("prepare",), ("verify",)):
            refused = stranger.manage(*words)
            assert refused.returncode == 1, words
            assert "cell" in refused.stderr
            assert "Traceback" not in refused.stderr
        (cell.home / "no-1").mkdir(exist_ok=True)
        (cell.home / "is-1" / "cell.sqlite3").rename(cell.home / "no-1" / "cell.sqlite3")
        moved = House(cell.home, {"SKERRY_CELL": "no-1"}, loaded=True)
        assert "database belongs to cell is-1" in moved.skerry("tenant", "list", fails=True)["error"]


def test_two_cells_share_a_directory_that_knows_no_domain_by_name() -> None:
    with prepared() as iceland, neighbour(iceland, "no-1") as norway:
        iceland.skerry("tenant", "add", "harbour")
        iceland.skerry("domain", "add", "example.is", "--tenant", "harbour")
        norway.skerry("tenant", "add", "fjord")
        assert "another cell" in norway.skerry("tenant", "add", "harbour", fails=True)["error"]
        assert "another cell" in norway.skerry("domain", "add", "Example.IS", "--tenant", "fjord", fails=True)["error"]
        iceland.skerry("domain", "delete", "example.is", "--yes")
        norway.skerry("domain", "add", "example.is", "--tenant", "fjord")
        iceland.skerry("tenant", "delete", "harbour", "--at-once", "--yes")
        norway.skerry("tenant", "add", "harbour")
        files = [path for path in (iceland.home / "directory").rglob("*") if path.is_file()]
        assert any(b"harbour" in path.read_bytes() for path in files)
        assert not any(b"example.is" in path.read_bytes() for path in files)


def test_a_wrong_setting_is_named_before_anything_starts() -> None:
    with house(SKERRY_MX_PORT="99999", SKERRY_CELL="Iceland") as cell:
        refused = cell.manage("serve")
        assert refused.returncode == 2
        for name in ("SKERRY_MX_PORT", "SKERRY_CELL"):
            assert name in refused.stderr
        assert "Traceback" not in refused.stderr


def test_the_renewed_certificate_is_served_without_a_restart() -> None:
    def served(cell: House) -> bytes:
        raw = socket.create_connection(("127.0.0.1", cell.ports["IMAPS"]), timeout=60)
        with _unverified().wrap_socket(raw) as wrapped:
            return wrapped.getpeercert(binary_form=True) or b""

    with prepared(SKERRY_SMTPD_WORKERS="1", SKERRY_IMAPD_WORKERS="1") as cell:
        cell.start()
        first = served(cell)
        assert served(cell) == first
        pem = cell.home / "is-1" / "tls" / "self-signed.pem"
        old = pem.read_bytes()
        pem.unlink()
        assert cell.manage("prepare").returncode == 0
        assert pem.read_bytes() != old
        eventually(lambda: served(cell) != first, lambda: "the old certificate is still served")
