"""Debian's rspamd with the configuration that we recommend, in a temporary folder, on a free loopback port."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.presence import need

OURS = Path(__file__).resolve().parents[2] / "infra" / "rspamd" / "local.d"
# It compiles its expressions first, which takes half a minute on a busy machine.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class RunningRspamd:
    """Where it answers, and where it would write if it wrote."""

    url: str
    folder: Path


@contextmanager
def rspamd() -> Iterator[RunningRspamd]:
    """A running rspamd while the context lasts."""
    need("rspamd")
    folder = Path(tempfile.mkdtemp(prefix="skerry-rspamd-"))
    port = free_port()
    shutil.copytree(OURS, folder / "etc" / "local.d")
    (folder / "etc/local.d/worker-normal.inc").write_text(f'bind_socket = "127.0.0.1:{port}";\ncount = 1;\n')
    with (folder / "etc/local.d/options.inc").open("a") as options:
        options.write("disable_hyperscan = true;\n")
    for name in ("db", "run", "log"):
        (folder / name).mkdir()
    variables = {"LOCAL_CONFDIR": "etc", "DBDIR": "db", "RUNDIR": "run", "LOGDIR": "log"}
    words = ["rspamd", "-i", "-f", "-c", "/etc/rspamd/rspamd.conf"]
    words += [f"--var={name}={folder / place}" for name, place in variables.items()]
    with (folder / "log" / "output").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait(process, f"http://127.0.0.1:{port}/ping", folder)
        yield RunningRspamd(f"http://127.0.0.1:{port}", folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        log = (folder / "log" / "output").read_text()[-2000:]
        assert process.poll() is None, f"rspamd ended: {log}"
        assert time.monotonic() < deadline, f"rspamd does not answer: {log}"
        time.sleep(0.2)
