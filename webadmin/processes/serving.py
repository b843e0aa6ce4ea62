"""`serve`: one machine's whole cell, from an empty folder to a banner, and then until it is told to stop.

In this order: nobody else serves this cell, the ports are free, the cell is prepared (folders, keys, database,
certificate, demo data), the processes run, all of them serve, the banner is printed. So a port that is open is
one behind which everything is in place. An expected refusal is one sentence on stderr and exit code 1.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from mailhost.provision.errors import CannotProvision
from webadmin import logs, metrics
from webadmin.cell import identity, notarial
from webadmin.cell.control import DirectoryProcess
from webadmin.cell.keyfiles import read_or_make
from webadmin.environ import Environ
from webadmin.processes import banner, demo, nursery, prepare, supervised, supervisor
from webadmin.version import VERSION

# What each port of a cell is called, and the setting that moves it.
PORTS = (
    ("web", "web_port"),
    ("SMTP, mail from other hosts", "mx_port"),
    ("submission with STARTTLS", "submission_port"),
    ("submission over TLS", "submissions_port"),
    ("IMAP with STARTTLS", "imap_port"),
    ("IMAP over TLS", "imaps_port"),
)
# A cell that was stopped a moment ago may still be letting go of its ports.
PORT_PATIENCE = 3.0


class CannotServe(Exception):
    """The text says what stands in the way and which setting moves it."""


def serve(
    environ: Environ, *, demo_tenant: str | None, ready_fd: int | None = None, supervised_by: int | None = None
) -> None:
    """Prepare and run the cell until SIGTERM or SIGINT; SystemExit(1) when it cannot."""
    logs.configure(environ.log_format, environ.log_level)
    ready = supervised.attach(ready_fd, supervised_by)
    try:
        with _only_one(environ):
            _wait_for_ports(environ)
            logins = _prepare(environ, demo_tenant)
            text = banner.text(environ, VERSION, logins, demo_tenant)
            nursery.settle()
            supervisor.run(programs(environ), ready=lambda: _serves(text, ready))
    except (CannotServe, CannotProvision, supervisor.CannotStart, *prepare.EXPECTED) as problem:
        sys.stderr.write(f"error: {identity.in_words(problem)}\n")
        raise SystemExit(1) from None


def programs(environ: Environ) -> list[supervisor.Program]:
    """The processes of the cell."""
    wanted = [
        *((f"smtpd-{number}", "smtpd") for number in range(1, environ.workers(environ.smtpd_workers) + 1)),
        *((f"imapd-{number}", "imapd") for number in range(1, environ.workers(environ.imapd_workers) + 1)),
        ("dispatchd", "dispatchd"),
        ("web", "web"),
        ("worker", "worker"),
    ]
    return [supervisor.Program(name, nursery.daemon(name, word)) for name, word in wanted]


def _prepare(environ: Environ, demo_tenant: str | None) -> list[demo.Login]:
    """Everything that must be in place before a port opens; the demo logins that were made."""
    now = datetime.now(UTC)
    identity.refuse_unfinished(environ)
    prepare.prepare(environ, now=now, again=True)
    metrics.clear(environ.run)
    metrics.keep_numbers(environ.run)
    if demo_tenant is None:
        return []
    return demo.prepare(
        now=now,
        claims=DirectoryProcess(environ),
        notary=notarial.notary(environ, today=now.date()),
        server_key=read_or_make(environ.keys / "app-password.key"),
        quota_bytes=environ.default_quota_bytes,
        tenant=demo_tenant,
    )


def _serves(text: str, ready: Callable[[], None]) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
    ready()


@contextmanager
def _only_one(environ: Environ) -> Iterator[None]:
    """Hold the cell's lock; the kernel lets go of it when this process ends, however it ends. Raises CannotServe."""
    environ.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(environ.run / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CannotServe(
            f"cell {environ.cell} is being served from {environ.home} already; stop that one first, or use another"
            " SKERRY_HOME or SKERRY_CELL"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


def is_served(environ: Environ) -> bool:
    """Whether a `serve` of this cell is running on this machine."""
    try:
        with _only_one(environ):
            return False
    except CannotServe:
        return True


def _wait_for_ports(environ: Environ) -> None:
    """Return when every port is free. Raises CannotServe with all that are not."""
    deadline = time.monotonic() + PORT_PATIENCE
    while problems := busy_ports(environ):
        if time.monotonic() > deadline:
            raise CannotServe("\n  ".join(["these ports cannot be used:", *problems]))
        time.sleep(0.1)


def busy_ports(environ: Environ) -> list[str]:
    """One sentence for each port that cannot be bound, naming the setting that moves it."""
    found = []
    for what, name in PORTS:
        port, setting = getattr(environ, name), f"SKERRY_{name.upper()}"
        reason = _bind_problem(environ.web_listens_on if name == "web_port" else environ.bind, port)
        if reason == errno.EADDRINUSE:
            found.append(f"{port} ({what}) is in use by another program; stop it, or set {setting}")
        elif reason in {errno.EACCES, errno.EPERM}:
            found.append(f"{port} ({what}) needs a privilege this user lacks; set {setting} to 1024 or more")
        elif reason is not None:
            found.append(f"{port} ({what}): {os.strerror(reason)}; check SKERRY_BIND and {setting}")
    return found


def _bind_problem(host: str, port: int) -> int | None:
    """The error number of binding, None when it works."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in addresses:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as problem:
        return problem.errno or errno.EIO
    return None
