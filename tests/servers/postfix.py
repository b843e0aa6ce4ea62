"""Postfix as another mail host: own configuration, queue and mailboxes in a temporary folder, on its own address.

    with private_network() as network, dns_world(records, zones, resolver_port=53), postfix(network) as other:
        other.arrived("cleo")                    # messages in cleo's mailbox
        other.send("cleo@post.test", ["ada@example.is"], content)
        other.configure(smtp_tls_security_level="dane")
        other.tlsa                               # data of a TLSA 3 1 1 record for it

It takes mail for its one domain and any recipient there, sends what `send` gives it (by DNS, through the resolver of
the network), and offers STARTTLS with a certificate of `other.authority`. Nothing of the machine's own Postfix is
read or touched.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.patience import eventually
from tests.servers.presence import need
from tests.servers.privatenetwork import PrivateNetwork

# service type private unprivileged chroot wakeup maxprocesses command; nothing is chrooted.
SERVICES = """
smtp      inet  n - n - - smtpd
pickup    unix  n - n 1 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
# Names, mode and group of the folders in the queue; what Debian's package script would make.
QUEUE_FOLDERS = (
    ("active bounce corrupt defer deferred flush hold incoming private saved trace", 0o700, "root"),
    ("maildrop", 0o730, "postdrop"),
    ("public", 0o710, "postdrop"),
    ("pid", 0o755, "root"),
)


@dataclass
class Postfix:
    """One running instance at `address`, port 25."""

    folder: Path
    network: PrivateNetwork
    hostname: str
    domain: str
    address: str
    authority: trustme.CA
    certificate: bytes

    @property
    def tlsa(self) -> bytes:
        """SHA-256 of the certificate's public key: the data of TLSA 3 1 1 (RFC 7672 §3.1.1)."""
        key = x509.load_pem_x509_certificate(self.certificate).public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()

    @property
    def log(self) -> str:
        path = self.folder / "mail.log"
        return path.read_text() if path.exists() else ""

    def arrived(self, name: str) -> list[bytes]:
        """The messages that were delivered to `name` at the domain, the oldest first."""
        found = sorted((self.folder / "mail" / "all" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        mark = f"Delivered-To: {name}@{self.domain}\n".encode()
        return [text for text in (path.read_bytes() for path in found) if mark in text]

    def wait_for(self, name: str) -> list[bytes]:
        """`arrived` once something has."""
        return eventually(lambda: self.arrived(name), lambda: f"nothing for {name}: {self.log[-3000:]}")

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Put a message into its queue."""
        self._run("sendmail", "-C", str(self.folder / "etc"), "-i", "-f", sender, "--", *recipients, content=content)

    def waiting(self) -> str:
        """Its queue, in words."""
        return self._run("postqueue", "-c", str(self.folder / "etc"), "-p")

    def flush(self) -> None:
        """Try everything that waits again, now."""
        self._run("postqueue", "-c", str(self.folder / "etc"), "-f")

    def configure(self, **parameters: str) -> None:
        """Change parameters of main.cf while it runs; its processes are replaced, also without any parameter."""
        if parameters:
            pairs = [f"{name}={value}" for name, value in parameters.items()]
            self._run("postconf", "-c", str(self.folder / "etc"), "-e", *pairs)
        self._run("postfix", "-c", str(self.folder / "etc"), "reload")

    def start(self) -> None:
        self._run("postfix", "-c", str(self.folder / "etc"), "start")

    def stop(self) -> None:
        self._run("postfix", "-c", str(self.folder / "etc"), "stop")

    def _run(self, *words: str, content: bytes = b"") -> str:
        # Postfix's own environment is small, and PATH may lack /usr/sbin.
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
        done = subprocess.run(
            [*self.network.prefix, *words], input=content, capture_output=True, env=environment, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout!r} {done.stderr!r} {self.log[-2000:]}"
        return done.stdout.decode()


def _main(host: Postfix) -> str:
    """main.cf. Everything that has a place on the machine gets one in our folder."""
    owner = pwd.getpwnam("postfix")
    folder = host.folder
    return f"""
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = {host.hostname}
mydestination =
mynetworks =
inet_interfaces = {host.address}
inet_protocols = ipv4
smtp_bind_address = {host.address}
alias_maps =
virtual_mailbox_domains = {host.domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:{owner.pw_uid}
virtual_gid_maps = static:{owner.pw_gid}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_chain_files = {folder}/etc/key-and-chain.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_CAfile = {folder}/etc/authority.pem
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
in_flow_delay = 0
"""


def _prepare(host: Postfix, key: bytes) -> None:
    etc = host.folder / "etc"
    etc.mkdir()
    (etc / "main.cf").write_text(_main(host))
    (etc / "master.cf").write_text(SERVICES)
    (etc / "authority.pem").write_bytes(host.authority.cert_pem.bytes())
    (etc / "key-and-chain.pem").write_bytes(key + host.certificate)
    owner, group = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postfix").gr_gid
    for name in ("queue", "data", "mail"):
        (host.folder / name).mkdir()
    # The settings of the product take every right away from others; Postfix's own processes are others.
    for path in (host.folder, etc, host.folder / "queue"):
        path.chmod(0o755)
    for path in etc.iterdir():
        path.chmod(0o644)
    for name in ("data", "mail"):
        os.chown(host.folder / name, owner, group)
    for names, mode, of in QUEUE_FOLDERS:
        for name in names.split():
            made = host.folder / "queue" / name
            made.mkdir()
            os.chown(made, 0 if name == "pid" else owner, grp.getgrnam(of).gr_gid)
            made.chmod(mode)


@contextmanager
def postfix(
    network: PrivateNetwork, hostname: str = "mx.post.test", *, domain: str = "", address: str = "127.0.0.3"
) -> Iterator[Postfix]:
    """A Postfix while the context lasts, for `domain` (that of the host name unless it is given)."""
    need("postfix", "postconf", "postqueue", "sendmail")
    network.add(address)
    folder = Path(tempfile.mkdtemp(prefix="skerry-postfix-"))
    authority = trustme.CA()
    issued = authority.issue_cert(hostname)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    host = Postfix(folder, network, hostname, domain or hostname.partition(".")[2], address, authority, chain)
    try:
        _prepare(host, issued.private_key_pem.bytes())
        host.start()
        try:
            yield host
        finally:
            host.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
