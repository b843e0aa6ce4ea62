"""How long sealing and opening take: `python -m tests.bench.bench_seal`.

Each line is the processor time of the fastest of many rounds, taken in turns so that a busy neighbour slows all lines
alike. The two lines of a file key are the bare key encapsulation, below which nothing can go.
"""

import random
import time
from collections.abc import Callable

from mailhost.seal import HybridIdentity, Summary, open_header, open_payload, seal
from tests.seal.people import SUMMARY

ROUNDS = 60
TIMES = 20
WORDS = [
    "mail",
    "island",
    "harbour",
    "letter",
    "seal",
    "owner",
    "country",
    "proof",
    "key",
    "open",
    "the",
    "of",
    "and",
    "to",
    "in",
    "that",
]


def letter(size: int) -> bytes:
    """Text that compresses about as well as mail does."""
    source = random.Random(1)
    words = [
        f"{source.choice(WORDS)}{source.randrange(1000) if source.random() < 0.3 else ''}" for _ in range(size // 4)
    ]
    return " ".join(words).encode()[:size]


def main() -> None:
    ada = HybridIdentity.generate()
    small, summary = letter(4096), Summary(size=4096, internaldate=0, subject=SUMMARY.subject, envelope="x" * 300)
    sealed = seal(ada.recipient, small, summary)
    opened = open_header([ada], sealed.header)
    stanza = ada.recipient.wrap(bytes(16))
    big = random.Random(2).randbytes(25 << 20)
    big_sealed = seal(ada.recipient, big, summary)
    big_opened = open_header([ada], big_sealed.header)
    lines: dict[str, tuple[Callable[[], object], int]] = {
        "wrap a file key": (lambda: ada.recipient.wrap(bytes(16)), TIMES),
        "seal 4 KiB": (lambda: seal(ada.recipient, small, summary), TIMES),
        "unwrap a file key": (lambda: ada.unwrap([stanza]), TIMES),
        "open a header": (lambda: open_header([ada], sealed.header), TIMES),
        "open 4 KiB": (lambda: open_payload(opened, sealed.payload, 4096), TIMES),
        "seal 25 MiB": (lambda: seal(ada.recipient, big, summary), 0),
        "open 25 MiB": (lambda: open_payload(big_opened, big_sealed.payload, len(big)), 0),
    }
    best = dict.fromkeys(lines, float("inf"))
    for number in range(ROUNDS):
        for name, (action, times) in lines.items():
            if not times and number % 20:
                continue
            begin = time.thread_time()
            for _ in range(times or 1):
                action()
            best[name] = min(best[name], (time.thread_time() - begin) / (times or 1))
    for name, seconds in best.items():
        print(f"{name:20} {seconds * 1e6:10.0f} µs")


if __name__ == "__main__":
    main()
