"""Seeds derived from names, so that every random choice can be repeated whatever ran before it."""

import hashlib


def derive(*parts: object) -> int:
    """Return a seed in [0, 2**31) from the parts' text, the same on every machine.

    Name the use after the run's seed: derive(seed, "finetune", cycle).
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
