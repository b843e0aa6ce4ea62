"""The interface's buckets: the same burst and drip whoever keeps them, and one bucket for all processes of a cell."""

from __future__ import annotations

import multiprocessing
import struct
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.pool import Pool
from pathlib import Path

import pytest

from tests.servers.presence import need
from webadmin.api import rates, redisrates
from webadmin.environ import Environ
from webadmin.settings import ENVIRON


def keepers(folder: Path) -> list[rates.Keeper]:
    return [rates.Memory(), rates.SharedFile(folder / "run" / "api-rates")]


@pytest.mark.parametrize("kept", [0, 1], ids=["memory", "file"])
def test_a_bucket_gives_a_burst_and_then_a_steady_drip(kept: int, tmp_path: Path) -> None:
    buckets = rates.Buckets(keepers(tmp_path)[kept], burst=3, a_second=2)
    assert [buckets.take(1, 100.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take(1, 100.0) == pytest.approx(0.5)
    assert buckets.take(2, 100.0) == 0
    assert buckets.take(1, 100.5) == 0
    assert buckets.take(1, 100.5) > 0
    assert [buckets.take(1, 1000.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take(1, 1000.0) > 0


def test_a_burst_is_what_is_promised(tmp_path: Path) -> None:
    buckets = rates.Buckets(rates.SharedFile(tmp_path / "api-rates"))
    assert sum(buckets.take(1, 5e9) == 0 for _ in range(rates.BURST + 5)) == rates.BURST


def ask(path: str) -> int:
    """How many of forty requests one process lets pass."""
    buckets = rates.Buckets(rates.SharedFile(Path(path)), burst=50, a_second=0.001)
    return sum(buckets.take(7, time.time()) == 0 for _ in range(40))


@pytest.mark.slow  # starts programs
def test_processes_share_one_bucket(tmp_path: Path) -> None:
    with Pool(3, context=multiprocessing.get_context("spawn")) as pool:
        passed = pool.map(ask, [str(tmp_path / "api-rates")] * 3)
    assert sum(passed) == 50


def test_full_buckets_are_forgotten_and_the_file_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "api-rates"
    buckets = rates.Buckets(rates.SharedFile(path), burst=2, a_second=1)
    for who in range(50):
        buckets.take(who, who * 10.0)
    assert path.stat().st_size == 16
    monkeypatch.setattr(rates, "MANY", 10)
    for who in range(50):
        buckets.take(who, 1000.0)
    assert path.stat().st_size == 160


@pytest.mark.parametrize(
    "damage", [b"", b"x" * 7, b"\xff" * 160, struct.pack("<qd", 1, 1e300), struct.pack("<qd", 1, -1)]
)
def test_a_damaged_file_stops_nobody(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "api-rates"
    path.write_bytes(damage)
    buckets = rates.Buckets(rates.SharedFile(path), burst=1, a_second=1)
    assert buckets.take(1, 1000.0) == 0
    assert buckets.take(1, 1000.0) == pytest.approx(1)


def test_a_clock_that_was_set_back_locks_nobody_out(tmp_path: Path) -> None:
    buckets = rates.Buckets(rates.SharedFile(tmp_path / "api-rates"), burst=2, a_second=1)
    buckets.take(1, 9000.0)
    assert buckets.take(1, 1000.0) == 0


def test_a_keeper_that_does_not_answer_lets_requests_pass(tmp_path: Path) -> None:
    (tmp_path / "api-rates").mkdir()
    buckets = rates.Buckets(rates.SharedFile(tmp_path / "api-rates"), burst=1, a_second=0.001)
    assert [buckets.take(1, 1000.0) for _ in range(3)] == [0, 0, 0]
    nobody = rates.Buckets(redisrates.InRedis(f"redis+socket://{tmp_path}/nobody.sock", "is-1"), burst=1)
    assert [nobody.take(1, 1000.0) for _ in range(3)] == [0, 0, 0]


def test_a_cell_with_redis_keeps_them_there_and_another_in_its_folder(tmp_path: Path) -> None:
    here: Environ = ENVIRON.model_copy(update={"home": tmp_path, "broker_url": ""})
    rates.of_cell(here).take(1, time.time())
    assert (here.run / "api-rates").stat().st_size == 16
    there = here.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    assert isinstance(rates.of_cell(there)._keeper, redisrates.InRedis)


@pytest.mark.parametrize(
    ("broker", "redis"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://:secret@redis.is-1.test:6380/2", "rediss://:secret@redis.is-1.test:6380/2"),
        ("redis+socket:///run/redis/redis.sock", "unix:///run/redis/redis.sock?db=0"),
        ("redis+socket:///run/redis/redis.sock?virtual_host=3", "unix:///run/redis/redis.sock?db=3"),
        ("redis+socket://:pw@/run/redis.sock?virtual_host=1", "unix://:pw@/run/redis.sock?db=1"),
    ],
)
def test_the_brokers_address_is_read_as_redis_does(broker: str, redis: str) -> None:
    assert redisrates.address(broker) == redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The broker's URL of a Redis of this test's own, at a Unix socket."""
    need("redis-server", "redis-cli")
    socket = tmp_path / "redis.sock"
    words = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        while subprocess.run(["redis-cli", "-s", str(socket), "ping"], capture_output=True, check=False).returncode:
            time.sleep(0.05)
        yield f"redis+socket://{socket}"
    finally:
        running.terminate()
        running.wait()


@pytest.mark.journey
def test_redis_keeps_the_same_buckets_for_several_machines(server: str) -> None:
    mine, theirs = (rates.Buckets(redisrates.InRedis(server, "is-1"), burst=20, a_second=0.1) for _machine in "ab")
    # Each by its own wrong clock.
    passed = [(mine.take(1, 0.0) == 0) + (theirs.take(1, 5e9) == 0) for _turn in range(15)]
    assert sum(passed) == 20
    assert 0 < mine.take(1, 0.0) <= 10
    assert theirs.take(2, 0.0) == 0
    other_cell = rates.Buckets(redisrates.InRedis(server, "no-1"), burst=1, a_second=0.1)
    assert other_cell.take(1, 0.0) == 0
    assert other_cell.take(1, 0.0) > 0
