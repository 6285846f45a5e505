"""Hyperparameters and transform of a network in prompts and answers (paper B's <hp> and <tr>).

A transform is shown as the code that torchvision would take, and read from such code as a name: no code of an answer is
run. What can't be read counts as not given, and the parent's stays.
"""

import json
import math
import re
from collections.abc import Mapping

from nnloop.settings.transforms import SIZES, is_transform, parse_transform

BOUNDS = {"lr": (1e-8, 1.0), "momentum": (0.0, 0.9999), "dropout": (0.0, 0.99), "batch": (2, 4096)}
"""Hyperparameters with a meaning for every network, and the values that an answer may give them."""


def tagged_block(hp: Mapping[str, float], transform: str) -> str:
    """Write both as an answer has them, before its diff."""
    return f"<hp>{hp_text(hp)}</hp>\n<tr>\n{transform_text(transform)}\n</tr>\n"


def hp_text(hp: Mapping[str, float]) -> str:
    """Write hyperparameters as JSON, sorted by name."""
    return json.dumps({key: int(value) if key == "batch" else value for key, value in sorted(hp.items())})


def transform_text(name: str) -> str:
    """Write the code of a transform that is known by this name."""
    known = parse_transform(name)
    steps = [f"transforms.Resize({known.size})", f"transforms.CenterCrop({known.size})"] if known.size else []
    steps += ["transforms.RandomHorizontalFlip()"] if known.flip else []
    steps += ["transforms.ToTensor()", *(["transforms.Normalize(*norm)"] if known.normalise else [])]
    return f"def transform(norm):\n    return transforms.Compose([{', '.join(steps)}])"


def read_hp(answer: str) -> dict[str, float]:
    """Return the hyperparameters that an answer gives; names and values outside of BOUNDS are left out."""
    text = _tag(answer, "hp")
    try:
        given = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    values = {key: _number(given.get(key), *bounds) for key, bounds in BOUNDS.items()}
    return {key: value for key, value in values.items() if value is not None}


def read_transform(answer: str) -> str:
    """Return the name of an answer's transform; "" if it gives none that is known here."""
    text = _tag(answer, "tr")
    if "ToTensor" not in text and "Normalize" not in text:
        return ""
    sizes = re.findall(r"(?:Resize|CenterCrop)\(\s*\(?(\d+)", text)
    steps = set(re.findall(r"transforms\.(\w+)\(", text)) - {"Compose", "Resize", "CenterCrop", "ToTensor"}
    if steps - {"RandomHorizontalFlip", "Normalize"} or any(size not in map(str, SIZES) for size in sizes):
        return ""
    parts = ["norm" if "Normalize" in steps else "echo", *sizes[:1]]
    name = "_".join([*parts, *(["flip"] if "RandomHorizontalFlip" in steps else [])])
    return name if is_transform(name) else ""


def _tag(answer: str, name: str) -> str:
    tagged = re.search(rf"<{name}>(.*?)</{name}>", answer, re.S)
    return tagged[1].strip() if tagged else ""


def _number(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if low <= value <= high else None
