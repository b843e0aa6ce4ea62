"""What `skerry doctor` looks at: this machine and this cell, one check a function, each with its remedy.

A check is a plain function of the settings and the moment; it changes nothing and answers with OK, WARNING
(works, should be better) or PROBLEM (does not work, or not safely). One that breaks is a problem of its own and
stops no other.
"""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from django.db import DatabaseError, connection

from mailhost.seal import HybridIdentity, Summary, open_file, seal
from webadmin.cell import cellcert, identity, tls
from webadmin.cell.keyfiles import KeyFileDamaged, KeyFilesOpen
from webadmin.environ import LOOPBACK, Environ, unknown
from webadmin.processes import serving
from webadmin.processes.prepare import KEY_FILES

CERTIFICATE_WARNING = timedelta(days=21)
DISK_PROBLEM = 1 << 30  # octets free below which a large message may fail
DISK_WARNING = 0.10  # part of the disk
# No release of this program is older: a clock before it is wrong.
EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, how it is, and what to do if it is not well."""

    name: str
    state: State
    detail: str
    remedy: str = ""


type Looker = Callable[[Environ, datetime], Iterator[Check]]


def run(environ: Environ, *, now: datetime, lookers: Sequence[Looker] | None = None) -> list[Check]:
    """All checks, in the order in which one would repair what they find; those of the machine unless told others."""
    found: list[Check] = []
    for look in LOOKERS if lookers is None else lookers:
        name = look.__name__.strip("_")
        try:
            found.extend(look(environ, now))
        except Exception as error:  # noqa: BLE001  # one broken check must not hide the others
            what = type(error).__name__
            found.append(Check(name, State.PROBLEM, f"the check itself failed ({what})", "report this as a fault"))
    return found


def _settings(environ: Environ, _now: datetime) -> Iterator[Check]:
    yield Check("settings", State.OK, f"cell {environ.cell}, data in {environ.home}")
    for name, meant in unknown().items():
        yield Check(
            "settings",
            State.WARNING,
            f"{name} is no setting; what it says counts nowhere",
            f"write {meant}" if meant else "remove it; infra/env.example lists them all",
        )
    if environ.hostname == "localhost" and not environ.serves_loopback_only:
        yield Check(
            "hostname",
            State.WARNING,
            "this host listens to others and calls itself localhost",
            "set SKERRY_HOSTNAME to the name in this host's MX and PTR records",
        )
    if not environ.web_bind and environ.bind not in LOOPBACK:
        yield Check(
            "web pages",
            State.WARNING,
            f"in plain HTTP for everybody at port {environ.web_port}, past any proxy: SKERRY_BIND is for them too",
            "set SKERRY_WEB_BIND=127.0.0.1 and let a proxy on this machine end TLS",
        )


def _clock(_environ: Environ, now: datetime) -> Iterator[Check]:
    if now < EARLIEST:
        yield Check(
            "clock",
            State.PROBLEM,
            f"the clock says {now:%Y-%m-%d}",
            "set the clock; certificates and DKIM depend on it",
        )
    else:
        yield Check("clock", State.OK, f"{now:%Y-%m-%d %H:%M} UTC")


def _disk(environ: Environ, _now: datetime) -> Iterator[Check]:
    folder = environ.home if environ.home.exists() else environ.home.parent
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / (1 << 30):.1f} GiB free of {usage.total / (1 << 30):.1f}"
    remedy = "free space or enlarge the disk; when it is full, mail is deferred with 452 4.3.1"
    if usage.free < DISK_PROBLEM:
        yield Check("disk", State.PROBLEM, detail, remedy)
    elif usage.free < DISK_WARNING * usage.total:
        yield Check("disk", State.WARNING, detail, remedy)
    else:
        yield Check("disk", State.OK, detail)


def _keys(environ: Environ, _now: datetime) -> Iterator[Check]:
    if not environ.keys.is_dir():
        yield Check("keys", State.WARNING, f"{environ.keys} does not exist yet", "run `skerry init`")
        return
    missing = [name for name in (*KEY_FILES, "cell.key", "cell.pem") if not (environ.keys / name).exists()]
    if missing:
        yield Check(
            "keys",
            State.PROBLEM,
            f"missing in {environ.keys}: {', '.join(missing)}",
            "restore them from the key backup; only for a new cell let `skerry init` make them",
        )
    open_to_others = [
        path.name
        for path in (environ.keys, *sorted(environ.keys.iterdir()))
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.name != "cell.pem"
    ]
    if open_to_others:
        yield Check(
            "key permissions",
            State.PROBLEM,
            f"others on this machine can read: {', '.join(open_to_others)}",
            f"chmod -R go= {environ.keys}",
        )
    if not missing and not open_to_others:
        yield Check("keys", State.OK, f"{len(KEY_FILES) + 1} key files, readable by their owner only")


def _cell(environ: Environ, _now: datetime) -> Iterator[Check]:
    try:
        identity.check(environ)
    except (identity.NotPrepared, identity.OldSchema) as problem:
        yield Check("cell", State.WARNING, str(problem), "run `skerry init`")
    except identity.WrongCell as problem:
        yield Check("cell", State.PROBLEM, str(problem), "see above; nothing of this cell may start like this")
    except (KeyFileDamaged, KeyFilesOpen) as problem:
        yield Check("cell", State.PROBLEM, str(problem), "restore the key files")
    except DatabaseError as problem:
        yield Check("database", State.PROBLEM, identity.in_words(problem), "start it, or correct SKERRY_DATABASE_URL")
    else:
        certificate = cellcert.read(environ.keys)
        yield Check("cell", State.OK, f"setting, database and certificate agree on {certificate.cell}")
        yield Check("database", State.OK, f"{connection.display_name}, schema up to date")


def _certificate(environ: Environ, now: datetime) -> Iterator[Check]:
    cert, key = tls.files(environ)
    if environ.tls_cert is None and not cert.exists():
        yield Check("certificate", State.WARNING, "none yet", "run `skerry init`; it makes a self-signed one")
        return
    try:
        tls.server_context(cert, key)
        end = tls.leaf(cert).not_valid_after_utc
    except (tls.NoCertificate, OSError, ValueError, IndexError) as problem:
        yield Check("certificate", State.PROBLEM, str(problem), "put a certificate and its key in place")
        return
    left, kind = end - now, "self-signed" if environ.tls_cert is None else "configured"
    renew = "renew it; running processes take the new files by themselves"
    detail = f"{kind}, valid until {end:%Y-%m-%d}"
    if left < timedelta(0):
        yield Check("certificate", State.PROBLEM, detail, renew)
    elif left < CERTIFICATE_WARNING:
        yield Check("certificate", State.WARNING, detail, renew)
    elif environ.tls_cert is None and not environ.serves_loopback_only:
        yield Check("certificate", State.WARNING, detail, "set SKERRY_TLS_CERT and SKERRY_TLS_KEY on a real host")
    else:
        yield Check("certificate", State.OK, detail)


def _sealing(_environ: Environ, _now: datetime) -> Iterator[Check]:
    identity_ = HybridIdentity.generate()
    sealed = seal(identity_.recipient, b"doctor", Summary(size=6, internaldate=0))
    if open_file([identity_], sealed.header + sealed.payload) != b"doctor":
        yield Check("sealing", State.PROBLEM, "a sealed message did not open", "reinstall the package cryptography")
    else:
        yield Check("sealing", State.OK, "a message was sealed with ML-KEM-768 + X25519 and opened")


def _tls_hybrid(_environ: Environ, _now: datetime) -> Iterator[Check]:
    if tls.has_hybrid_key_agreement():
        yield Check("tls key agreement", State.OK, f"X25519MLKEM768 ({ssl.OPENSSL_VERSION})")
    else:
        yield Check(
            "tls key agreement",
            State.WARNING,
            f"no X25519MLKEM768: {ssl.OPENSSL_VERSION}; recorded connections could be read by a future computer,"
            " sealed mail could not",
            "run on a Python whose ssl module has OpenSSL 3.5 or newer, such as Debian 13's",
        )


def _ports(environ: Environ, _now: datetime) -> Iterator[Check]:
    if serving.is_served(environ):
        yield Check("ports", State.OK, "this cell is being served")
        return
    busy = serving.busy_ports(environ)
    if busy:
        yield Check("ports", State.PROBLEM, "; ".join(busy), "stop the other program or choose other ports")
    else:
        yield Check("ports", State.OK, "free")


def _process(_environ: Environ, _now: datetime) -> Iterator[Check]:
    if os.geteuid() == 0:
        yield Check("user", State.WARNING, "running as root", "run each cell as a user of its own")
    else:
        yield Check("user", State.OK, "not root")
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", State.OK, version)


def _memory(_environ: Environ, _now: datetime) -> Iterator[Check]:
    swaps = Path("/proc/swaps")
    if swaps.exists() and len(swaps.read_text(encoding="ascii").splitlines()) > 1:
        yield Check(
            "swap",
            State.WARNING,
            "on: memory with mail in it may be written to disk",
            "switch swap off or encrypt it with a key made at each start",
        )
    else:
        yield Check("swap", State.OK, "off")


def _resolver(environ: Environ, _now: datetime) -> Iterator[Check]:
    if environ.resolver:
        yield Check("resolver", State.OK, environ.resolver)
    else:
        yield Check(
            "resolver",
            State.WARNING,
            "none is set: nothing is looked up, senders are not authenticated",
            "on a real host run a validating resolver on loopback and set SKERRY_RESOLVER",
        )


LOOKERS: tuple[Looker, ...] = (
    _settings,
    _process,
    _memory,
    _clock,
    _disk,
    _keys,
    _cell,
    _certificate,
    _sealing,
    _tls_hybrid,
    _ports,
    _resolver,
)
