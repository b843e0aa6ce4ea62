"""The edge of a daemon: logs, supervision, identity, certificate, keys and counters, handed to `mailhost.wiring`.

A management command is a door to `run`; it holds nothing itself. In this order, because each needs the one
before: logs first, so that nothing is said in the wrong words; the tie to the supervisor; then the check that
this process is of the cell that database and keys belong to. An expected refusal is one log line and exit code
1.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn

from django.core.management.base import CommandParser
from django.db import connections

from jurisdiction.declared import PlacesErrors
from mailhost.wiring.surroundings import Secrets, Surroundings
from webadmin import logs, metrics
from webadmin.cell import identity, notarial, tls
from webadmin.cell.gazetteer import Gazetteer
from webadmin.cell.keyfiles import read_or_make
from webadmin.environ import Environ
from webadmin.languages import spoken
from webadmin.processes import supervised


def add_arguments(parser: CommandParser) -> None:
    """What `serve` tells a daemon; nobody types it."""
    parser.add_argument("--ready-fd", type=int, help="descriptor that gets a byte when this process serves")
    parser.add_argument("--supervisor", type=int, help="process id with which this process ends")


def run(
    serve: Callable[[Surroundings], None], environ: Environ, *, ready_fd: int | None, supervisor: int | None
) -> NoReturn:
    """Run one daemon until SIGTERM, and end the process; SystemExit(1) when it must not or cannot start."""
    ready = begin(environ, ready_fd=ready_fd, supervisor=supervisor)
    try:
        certificates = tls.Certificates(*tls.files(environ))
    except tls.NoCertificate as problem:
        refuse(str(problem))
    around = surroundings(environ, tls=lambda: certificates.context, ready=ready)
    # The connection of the checks: the daemon's threads open their own.
    connections.close_all()
    # What is loaded by now stays: the collector need not look through it again each time mail makes it run.
    gc.collect()
    gc.freeze()
    serve(around)
    # All is committed and closed. Taking the interpreter apart costs half a second of a core in each process, and a
    # cell has two seconds to end.
    logging.shutdown()
    os._exit(0)


def surroundings(
    environ: Environ,
    *,
    tls: Callable[[], ssl.SSLContext | None] = lambda: None,
    ready: Callable[[], None] = lambda: None,
) -> Surroundings:
    """What a daemon gets, and a job that delivers a letter of the cell's own."""
    return Surroundings(
        settings=environ,
        secrets=Secrets(
            app_password=read_or_make(environ.keys / "app-password.key"),
            correspondent=read_or_make(environ.keys / "correspondent.key"),
        ),
        metrics=metrics.begin(environ.run),
        tls=tls,
        ready=ready,
        notary=lambda: notarial.notary(environ, today=datetime.now(UTC).date()),
        where=lambda: _where(environ),
        say=spoken.into,
        read_or_make=read_or_make,
    )


def _where(environ: Environ) -> Gazetteer:
    try:
        return Gazetteer(environ, notarial.installed().countries)
    except PlacesErrors as problem:
        refuse(str(problem))


def begin(environ: Environ, *, ready_fd: int | None, supervisor: int | None) -> Callable[[], None]:
    """What every process of the cell does first; what to call when it serves. SystemExit(1) for the wrong cell."""
    logs.configure(environ.log_format, environ.log_level)
    logs.catch_uncaught()
    # A core file would hold whatever mail was in memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ready = supervised.attach(ready_fd, supervisor)
    try:
        identity.refuse_unfinished(environ)
        identity.check(environ)
    except identity.EXPECTED as problem:
        refuse(identity.in_words(problem))
    return ready


def refuse(text: str) -> NoReturn:
    """Say why on stderr, for the person who started this, and end."""
    sys.stderr.write(f"error: {text}\n")
    raise SystemExit(1)
