"""How many addresses a second one core looks up in Debian's geolocation files.

Run: .venv/bin/python tests/bench/bench_geo.py
"""

import random
import time

from jurisdiction.geo import load_tor

COUNT = 300_000


def main() -> None:
    started = time.process_time()
    dataset = load_tor()
    print(f"loaded {len(dataset.ipv4.starts):,} + {len(dataset.ipv6.starts):,} ranges", end=" ")
    print(f"in {time.process_time() - started:.2f} s of processor time; made {dataset.made}")
    draw = random.Random(1)
    addresses = [".".join(str(draw.randrange(256)) for _ in range(4)) for _ in range(COUNT)]
    best = 0.0
    for _ in range(3):
        started = time.process_time()
        for address in addresses:
            dataset.label(address)
        best = max(best, COUNT / (time.process_time() - started))
    print(f"{best:,.0f} textual IPv4 look-ups/s on one core")


if __name__ == "__main__":
    main()
