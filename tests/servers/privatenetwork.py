"""A network of its own for a journey: a namespace with nothing but loopback, where port 25 and port 53 are free.

    with private_network() as network:
        with dns_world(records, zones, resolver_port=53) as world, postfix(network, "mx.post.test") as other: ...

Inside the context the *thread* that opened it is in the namespace, and with it every program, thread and socket that
it makes from then on; other threads stay where they were. All of 127.0.0.0/8 is there, so that each host of a journey
can have an address and its port 25. `/etc/resolv.conf` says 127.0.0.1 for programs that are started with `prefix`.

It needs root, like the ports themselves; without it a journey is skipped, or fails under CI=true.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.presence import need, refuse


@dataclass(frozen=True, slots=True)
class PrivateNetwork:
    """A namespace by its name."""

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """Words in front of a command that reads /etc/resolv.conf."""
        return ("ip", "netns", "exec", self.name)

    def add(self, address: str) -> None:
        """Give loopback an address by name, for programs that look through the list of them."""
        _ip("-n", self.name, "address", "add", f"{address}/8", "dev", "lo")


@contextmanager
def private_network() -> Iterator[PrivateNetwork]:
    """Enter a new namespace with this thread, and leave and remove it afterwards."""
    need("ip")
    if os.geteuid() != 0:
        refuse("needs root for a network namespace")
    network = PrivateNetwork(f"skerry-{secrets.token_hex(4)}")
    folder = Path("/etc/netns") / network.name
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions trust-ad edns0\n")
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _ip("netns", "add", network.name)
        inside = os.open(f"/run/netns/{network.name}", os.O_RDONLY)
        try:
            _ip("-n", network.name, "link", "set", "lo", "up")
            os.setns(inside, os.CLONE_NEWNET)
            yield network
        finally:
            os.setns(outside, os.CLONE_NEWNET)
            os.close(inside)
            _ip("netns", "del", network.name)
    finally:
        os.close(outside)
        shutil.rmtree(folder)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        refuse(f"cannot make a network namespace here: ip {' '.join(words)}: {done.stderr.strip()}")
