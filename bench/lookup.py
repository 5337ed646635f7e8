"""Look-ups alone: nanoseconds a number in the list structure itself, as a process of its own.

    python bench/lookup.py FILE      FILE: one number a line; prints one JSON object

Half of the numbers asked for are in the list, half are random ones; both in random order: caches get no help.
"""

from __future__ import annotations

import json
import random
import sys
import time
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUERIES = 1_000_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main(path: str) -> None:
    sys.path.insert(0, str(ROOT))
    from native.tables import Attr, NumberList, Rcu, bench_find, sort_unique

    with open(path) as f:
        keys = sort_unique(array("Q", map(int, f)))
    rng = random.Random(1)
    hits = array("Q", (keys[rng.randrange(len(keys))] for _ in range(QUERIES // 2)))
    misses = array("Q", (rng.randrange(8613000000000, 8620000000000) for _ in range(QUERIES // 2)))
    mixed = array("Q", (x for pair in zip(hits, misses, strict=True) for x in pair))
    numbers = NumberList(Rcu())
    before, start = resident_bytes(), time.monotonic()
    numbers.load(keys, None, [Attr()])
    load_s = time.monotonic() - start
    grown = resident_bytes() - before
    print(
        json.dumps(
            {
                "numbers": len(keys),
                "load_s": load_s,
                "bytes_per_number": grown / len(keys),
                "ns_per_lookup": min(bench_find(numbers, mixed, 0) for _ in range(3)),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
