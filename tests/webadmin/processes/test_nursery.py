"""Forked processes: nothing of the parent's but what it loaded, and nothing that harms the parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.journeys.house import ROOT

pytestmark = pytest.mark.slow  # each starts a program that forks

# A single-threaded parent that forks the function `body` of the given text once for each of the numbers, and prints
# what each child wrote into its descriptor, and how it ended.
PARENT = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
from webadmin.processes import nursery
kept = open(sys.executable, "rb")
os.set_inheritable(kept.fileno(), True)
signal.signal(signal.SIGTERM, lambda *_: print("the parent was meant"))
exec(sys.argv[2])
told = []
for number in range(int(sys.argv[3])):
    reading, writing = os.pipe()
    pid = nursery.forked(body)(writing)
    os.close(writing)
    with open(reading) as pipe:
        said = pipe.read()
    told.append([said, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])])
print(json.dumps(told))
"""


def children(body: str, count: int = 1) -> tuple[list[Any], str]:
    """What each child said and its exit code; what all of them wrote on stderr."""
    text = "def body(fd, parent):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    words = [sys.executable, "-W", "error", "-c", PARENT, str(ROOT), text, str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_randomness_is_each_childs_own() -> None:
    told, _ = children(
        "import random, ssl, nacl.utils, uuid, json\n"
        "drawn = [random.random(), ssl.RAND_bytes(8).hex(), nacl.utils.random(8).hex(), str(uuid.uuid4())]\n"
        "os.write(fd, json.dumps(drawn).encode())",
        count=2,
    )
    (first, _), (second, _) = told
    assert not set(json.loads(first)) & set(json.loads(second))


def test_what_the_parent_had_open_leads_nowhere_and_its_number_is_not_given_anew() -> None:
    [[said, code]], _ = children(
        "found = {int(name): os.readlink(f'/proc/self/fd/{name}') for name in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{name}')}\n"
        "new = os.open(sys.executable, os.O_RDONLY)\n"
        "os.write(fd, json.dumps([found, fd, kept.fileno(), new]).encode())"
    )
    found, ready, kept, new = json.loads(said)
    assert {found[number] for number in set(found) - {"1", "2", str(ready)}} == {os.devnull}
    assert found[str(kept)] == os.devnull
    assert str(new) not in found
    assert code == 0


def test_a_signal_means_the_child_and_ends_it() -> None:
    [[_, code]], _ = children("os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()")
    assert code == -signal.SIGTERM


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("raise SystemExit(7)", 7),
        ("sys.exit('a sentence')", 1),
        ("sys.exit()", 0),
        ("return", 0),
        ("raise RuntimeError('broken')", 1),
        ("raise KeyboardInterrupt", 1),
        ("os.abort()", -signal.SIGABRT),
    ],
)
def test_however_a_child_ends_its_parent_goes_on(body: str, wanted: int) -> None:
    told, _ = children(body, count=2)
    assert [code for _, code in told] == [wanted, wanted]


def test_once_settled_nothing_leaves_a_core_file() -> None:
    [[said, _]], _ = children(
        "import resource, types\n"
        "nursery.SHARED, nursery.connections = (), types.SimpleNamespace(close_all=lambda: None)\n"
        "nursery.settle()\n"
        "os.write(fd, json.dumps(resource.getrlimit(resource.RLIMIT_CORE)).encode())"
    )
    assert json.loads(said) == [0, 0]


def test_a_child_may_run_an_event_loop() -> None:
    told, _ = children("import asyncio\nasyncio.run(asyncio.sleep(0))\nos.write(fd, b'ran')")
    assert told == [["ran", 0]]


def test_a_child_is_called_by_its_name() -> None:
    [[said, _]], _ = children(
        "from webadmin.processes import title\n"
        "assert title.show('imapd-1')\n"
        "os.write(fd, open('/proc/self/cmdline').read().rstrip(chr(0)).encode())"
    )
    assert said == "skerry: imapd-1"


def test_a_name_is_cut_to_the_room_there_is() -> None:
    [[said, _]], _ = children(
        "from webadmin.processes import title\n"
        "room = os.path.getsize('/proc/self/cmdline') or len(open('/proc/self/cmdline').read())\n"
        "assert title.show('x' * 100000)\n"
        "shown = open('/proc/self/cmdline').read()\n"
        "os.write(fd, json.dumps([room, len(shown), shown[:10], shown[-1]]).encode())"
    )
    room, shown, begin, last = json.loads(said)
    assert (shown, begin, last) == (room, "skerry: xx", "\0")
