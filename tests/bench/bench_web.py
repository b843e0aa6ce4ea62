"""Server time and size of the main pages in a cell of 10,000 mailboxes and 1,000 domains.

    python -m tests.bench.bench_web            make the cell (minutes), ask every page 40 times, print p50, p95, octets
    python -m tests.bench.bench_web 20 HOME    the same with 20 rounds, in a folder that is kept and used again

Time is what one request takes of a core in this process, database included, without a network; on a machine that does
nothing else the clock on the wall, printed beside it, says the same. Size is what a browser
without a cache is sent for the page: the page itself, its style sheet, its scripts and what those import, compressed as
they are served. Targets: p95 below 50 ms; 100 kB without key handling, 250 kB with.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 40
P95_MS = 50
PLAIN, WITH_KEYS = 100_000, 250_000
FILL = ("--tenants", "10", "--domains", "1000", "--mailboxes", "10000", "--each", "200", "--mail", "20")
STATIC = re.compile(r'"/static/([^"?]+)"')
IMPORTS = re.compile(r'(?:from|import)\s*\(?"\./([^"]+)"')
OWNERS = ("mailbox", "app-passwords", "mail-programs", "own-keys", "account")
TENANTS = ("tenant", "tenant-domains", "tenant-mailboxes", "tenant-aliases", "tenant-policy", "tenant-decisions",
           "tenant-held", "tenant-access-log", "tenant-log", "tenant-tokens")  # fmt: skip
OPERATORS = ("console", "console-queue", "console-tenants", "console-jobs", "console-acts", "console-laws")
EVERYBODY = ("front", "regions", "handed-over", "sign-in", "recover")
KEYS = {"sign-in", "recover", "app-password-add", "change-password", "app-passwords"}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    home = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp(prefix="skerry-bench-web-"))
    os.environ["SKERRY_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
    skerry = Path(sys.executable).with_name("skerry")
    told = subprocess.run([skerry, "demo", "fill", *FILL, "--json"], check=True, capture_output=True, text=True)
    print(f"cell: {json.loads(told.stdout)['mailboxes']} mailboxes", flush=True)
    measure(rounds)


def measure(rounds: int) -> None:
    """Print a line for every page, and what misses its target."""
    import django

    django.setup()
    from django.conf import settings
    from django.urls import reverse

    from mailhost.models import Domain, Mailbox, Tenant
    from tests.webadmin import people
    from webadmin.accounts.models import Account
    from webadmin.web import statics

    statics.collect(settings.STATIC_ROOT)
    tenant = Tenant.objects.get(slug="demo-alder")
    founder = people.account_of("founder@alder.test", Account.Role.OWNER)
    mo = Account.objects.filter(name="mo").first() or people.mo()
    from jurisdiction.models import OperatorSession

    if not OperatorSession.objects.filter(operator="mo", closed=None).exists():
        people.state(mo)
    ada, operator, nobody = people.signed_in(founder, sudo=True), people.signed_in(mo, sudo=True), people.web()
    box, domain = Mailbox.objects.get(address="founder@alder.test"), Domain.objects.get(name="alder.test")
    own = {"tenant": tenant.slug}
    pages = [(name, reverse(name), nobody) for name in EVERYBODY]
    pages += [(name, reverse(name), ada) for name in OWNERS]
    pages += [(name, reverse(name, kwargs=own), ada) for name in TENANTS]
    pages += [
        ("domain", reverse("domain", kwargs=own | {"number": domain.pk}), ada),
        ("tenant-mailbox", reverse("tenant-mailbox", kwargs=own | {"number": box.pk}), ada),
        ("console-tenant", reverse("console-tenant", kwargs=own), operator),
    ]
    pages += [(name, reverse(name), operator) for name in OPERATORS]
    missed = [line for line in (line_of(*page, rounds, settings.STATIC_ROOT) for page in pages) if line]
    print("\n".join(["", *missed]) if missed else "\nevery page meets its target")


def line_of(name: str, path: str, client: object, rounds: int, static: Path) -> str:
    """One page; what it misses, or nothing."""
    client.get(path)  # type: ignore[attr-defined]  # what is read once in a process is read
    times, walls, content = [], [], b""
    for _ in range(rounds):
        wall, began = time.perf_counter(), time.process_time()
        answer = client.get(path)  # type: ignore[attr-defined]
        times.append((time.process_time() - began) * 1000)
        walls.append((time.perf_counter() - wall) * 1000)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        content = answer.content
    times.sort()
    middle = sorted(walls)[rounds // 2]
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    size, most = transferred(content, static), WITH_KEYS if name in KEYS else PLAIN
    print(
        f"{name:20} p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  wall {middle:7.1f} ms  {len(content):8,} octets of page  {size:8,} in all",
        flush=True,
    )
    slow = [f"p95 is {p95:.0f} ms, more than {P95_MS}"] if p95 > P95_MS else []
    large = [f"{size:,} octets, more than {most:,}"] if size > most else []
    return f"{name}: {'; '.join(slow + large)}" if slow or large else ""


def transferred(page: bytes, static: Path) -> int:
    """Octets of a page and of all that it loads."""
    waiting, seen = set(STATIC.findall(page.decode())), set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        file = static / name
        if file.suffix in {".js", ".mjs"}:
            waiting |= {str(Path(name).parent / one) for one in IMPORTS.findall(file.read_text("utf-8"))} - seen
    return len(page) + sum(served(static / name) for name in seen)


def served(file: Path) -> int:
    """A static file as it goes out: its compressed form, where there is one."""
    forms = [file.with_name(file.name + end) for end in (".br", ".gz")]
    there = [form.stat().st_size for form in forms if form.is_file()]
    return min(there) if there else len(gzip.compress(file.read_bytes())) if file.is_file() else 0


if __name__ == "__main__":
    main()
