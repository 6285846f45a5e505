"""Time of patching as the input grows: microseconds a line must not grow with the lines.

    python tests/bench/bench_patch.py

Prints one line for each kind of input and size, and fails where a kind is clearly worse than linear.
"""

import contextlib
import sys
import time
from collections.abc import Callable

from nnloop.patching.patch import PatchError, apply_patch

SIZES = (2_000, 8_000, 32_000)
WORSE = 4.0
"""Times that a line may cost at the largest size what it costs at the smallest: timer noise and caches included."""

NETWORK = "".join(f"        self.conv{at} = nn.Conv2d({at}, {at + 1}, 3)\n" for at in range(200))
HUNK = "@@ @@\n-        self.conv7 = nn.Conv2d(7, 8, 3)\n+        self.conv7 = nn.Conv2d(7, 9, 3)\n"


def _correct(size: int) -> tuple[str, str]:
    """A diff of every eighth line of a long source."""
    lines = [f"line {at}\n" for at in range(size)]
    hunks = [
        f"@@ -{at + 1},3 +{at + 1},3 @@\n line {at}\n-line {at + 1}\n+x\n line {at + 2}\n"
        for at in range(0, size - 3, 8)
    ]
    return "".join(lines), "".join(hunks)


def _numberless(size: int) -> tuple[str, str]:
    base, diff = _correct(size)
    return base, "".join(line if not line.startswith("@@") else "@@ @@\n" for line in diff.splitlines(True))


KINDS: dict[str, Callable[[int], tuple[str, str]]] = {
    "correct, both grow": _correct,
    "no numbers, both grow": _numberless,
    "one hunk repeated": lambda size: (NETWORK, HUNK * (size // 3)),
    "one long hunk": lambda size: (NETWORK, "@@ @@\n" + " nowhere\n" * size + "+x\n"),
    "additions": lambda size: (NETWORK, "@@ -1,0 +2 @@\n" + "+x = 1\n" * size),
    "prose": lambda size: (NETWORK, "- It is wider.\n" * size + HUNK),
    "elisions": lambda size: (NETWORK, "@@ @@\n" + " ...\n" * size + "+x\n"),
    "files": lambda size: (NETWORK, "".join(f"--- a/{at}\n+++ b/{at}\n{HUNK}" for at in range(size // 5))),
    "same line over and over": lambda size: ("x = 1\n" * size, "@@ @@\n" + " x = 1\n" * (size // 2) + "-y\n+z\n"),
}


def main() -> int:
    worst = 0.0
    for name, make in KINDS.items():
        costs = [_microseconds_a_line(*make(size)) for size in SIZES]
        worst = max(worst, costs[-1] / costs[0])
        sizes = "".join(f"{size:>8,} lines {cost:5.2f} us each" for size, cost in zip(SIZES, costs, strict=True))
        print(f"{name:26}{sizes}")
    print(f"cost of a line at the largest size by that at the smallest: {worst:.2f} at most")
    return int(worst > WORSE)


def _microseconds_a_line(base: str, diff: str) -> float:
    """Best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        with contextlib.suppress(PatchError):
            apply_patch(base, diff)
        best = min(best, time.process_time() - start)
    return best / (base.count("\n") + diff.count("\n")) * 1e6


if __name__ == "__main__":
    sys.exit(main())
