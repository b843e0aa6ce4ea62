"""A Dovecot of its own: temporary folder, free loopback ports, one user whose folders lie below `INBOX.`."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

import trustme

from tests.patience import PATIENCE
from tests.servers.ports import free_ports

USER = "ben"
PASSWORD = "harbour light ü"


@dataclass(frozen=True)
class Dovecot:
    """Where it listens, and the certificate to trust."""

    port: int
    tls_port: int
    authority: Path


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    folder = Path(tempfile.mkdtemp(prefix="skerry-dovecot-"))
    port, tls_port = free_ports(2)
    process: subprocess.Popen[bytes] | None = None
    try:
        config = _configured(folder, port, tls_port)
        process = subprocess.Popen(["dovecot", "-F", "-c", str(config)], umask=0o022)
        _wait_for(port, process)
        yield Dovecot(port, tls_port, folder / "authority.pem")
    finally:
        if process is not None:
            process.terminate()
            process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _configured(folder: Path, port: int, tls_port: int) -> Path:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    root = os.geteuid() == 0
    # Dovecot refuses to open mail as root.
    owner = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.geteuid())
    mail = folder / "mail"
    mail.mkdir()
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
    # Its own user reads these, whatever the umask.
    for name in ("users", "server.pem", "authority.pem"):
        (folder / name).chmod(0o644)
    config = folder / "dovecot.conf"
    group = grp.getgrgid(owner.pw_gid).gr_name
    config.write_text(
        f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
disable_plaintext_auth = no
first_valid_uid = 1
last_valid_uid = 65534
first_valid_gid = 1
last_valid_gid = 65534
mail_location = maildir:{mail}/Maildir
{"" if root else f"default_login_user = {owner.pw_name}"}
{"" if root else f"default_internal_user = {owner.pw_name}"}
default_internal_group = {"dovecot" if root else group}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={mail}
}}
service imap-login {{
  {"" if root else "chroot ="}
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  {"" if root else "chroot ="}
}}
namespace inbox {{
  inbox = yes
  prefix = INBOX.
  separator = .
  mailbox "Gesendete Dinge" {{
    special_use = \\Sent
    auto = create
  }}
}}
"""
    )
    return config


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError), create_connection(("127.0.0.1", port), timeout=1) as sock:
            if sock.recv(64):
                return
        assert process.poll() is None, "dovecot ended"
        assert time.monotonic() < deadline, "dovecot does not listen"
        time.sleep(0.05)
