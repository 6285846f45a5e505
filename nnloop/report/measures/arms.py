"""Arms of a comparison: runs with equal settings but for the seed, named by the settings in which the arms differ."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.report.measures.read import Run
from nnloop.settings.keys import affecting
from nnloop.settings.setting import RESULT

_MOST_PAIRS = 24
UNTUNED = frozenset({"random", "scripted"})
"""Engines that have no weights, so that the settings of a fine-tune are nothing to them."""
_ALWAYS_SHOWN = ("llm", "mode", "context", "finetune")


@dataclass(frozen=True, slots=True)
class Arm:
    """Runs in the order of their seeds, one a seed, and the settings that set them apart from the other arms'."""

    parts: dict[str, str]
    shown: Sequence[str]  # keys of `parts` that are enough to tell the arms apart
    runs: Sequence[Run]

    @property
    def name(self) -> str:
        """The arm's shown settings, such as llm=tiny, finetune=off."""
        return ", ".join(f"{key}={self.parts[key]}" for key in self.shown if key in self.parts)

    @property
    def by_seed(self) -> dict[int, Run]:
        """The arm's runs by their seeds."""
        return {run.seed: run for run in self.runs}


def arms_of(runs: Sequence[Run]) -> list[Arm]:
    """Group runs of one protocol by arm; of two runs of one arm and seed the one with more cycles is taken."""
    known = [_settings(run) for run in runs]
    differing = _differing(known)
    parts: dict[str, dict[str, str]] = {}
    members: dict[str, dict[int, Run]] = defaultdict(dict)
    for run, settings in zip(runs, known, strict=True):
        shown = _parts(settings, differing)
        other = members[str(shown)].get(run.seed)
        parts[str(shown)] = shown
        if other is None or len(run.reports) > len(other.reports):
            members[str(shown)][run.seed] = run
    telling = _telling(list(parts.values()))
    arms = [Arm(parts[key], telling, [of_arm[seed] for seed in sorted(of_arm)]) for key, of_arm in members.items()]
    return sorted(arms, key=lambda arm: arm.name)


def pairs(arms: Sequence[Arm], baseline: str | None = None) -> list[tuple[Arm, Arm]]:
    """Return the arms to compare: every two that differ in one setting, or every arm with each baseline arm.

    `baseline` is one or more of the parts of an arm's name, such as "finetune=off"; every arm that has them is a
    baseline arm. Raises RunFolderError if no arm has.
    """
    near = [(a, b) for a, b in combinations(arms, 2) if _distance(a, b) == 1]
    if baseline is None:
        return near if 0 < len(near) <= _MOST_PAIRS else [(arm, arms[0]) for arm in arms[1:]]
    wanted = {part.strip() for part in baseline.split(",")}
    bases = [arm for arm in arms if wanted <= {f"{key}={value}" for key, value in arm.parts.items()}]
    if not bases:
        raise RunFolderError(f"job.baseline={baseline}: no arm has that; there are {'; '.join(a.name for a in arms)}")
    compared = [(arm, base) for base in bases for arm in arms if arm not in bases]
    return compared if len(bases) == 1 else [(arm, base) for arm, base in compared if _distance(arm, base) == 1]


def contrast(first: Arm, second: Arm) -> str:
    """Return the difference of two arms in words, such as "finetune: lora minus off (llm=tiny, mode=delta)"."""
    differing = [key for key in first.parts if first.parts[key] != second.parts.get(key, first.parts[key])]
    if len(differing) != 1:
        return f"{first.name} minus {second.name}"
    (key,) = differing
    rest = ", ".join(f"{other}={value}" for other, value in (second.parts | first.parts).items() if other != key)
    return f"{key}: {first.parts[key]} minus {second.parts[key]}" + (f" ({rest})" if rest else "")


def _distance(first: Arm, second: Arm) -> int:
    """Count the settings in which two arms differ; a setting that one of them doesn't have isn't counted."""
    return sum(first.parts[key] != second.parts[key] for key in first.parts.keys() & second.parts.keys())


def _settings(run: Run) -> dict[str, Any]:
    """Return by dotted key the settings that can make an arm; an engine that can't be tuned has no fine-tune."""
    ignored = ("seed", "finetune.") if run.setting("llm.engine") in UNTUNED else ("seed",)
    known = affecting(run.meta["settings"], RESULT)
    if known.get("mode.prompt"):  # the words count, wherever they lay
        words = json.dumps(run.meta.get("prompts"), sort_keys=True)
        known["mode.prompt"] = f"{known['mode.prompt']}~{sha256(words.encode()).hexdigest()[:6]}"
    return {key: value for key, value in known.items() if not key.startswith(ignored)}


def _differing(known: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys that tell arms apart: names of options, and settings that differ between runs of one option."""
    differing = []
    for key in dict.fromkeys(key for settings in known for key in settings):
        name = f"{key.partition('.')[0]}.name"
        by_option: dict[Any, set[str]] = defaultdict(set)
        for settings in known:
            if key in settings:
                by_option[settings.get(name)].add(str(settings[key]))
        if (key == name and len(by_option) > 1) or any(len(values) > 1 for values in by_option.values()):
            differing.append(key)
    return differing


def _parts(settings: Mapping[str, Any], differing: Sequence[str]) -> dict[str, str]:
    """Return the settings that set a run apart, or its LLM and mode if all runs have the same."""
    shown = [key for key in differing if key in settings] or ["llm.name", "mode.name"]
    return {key.removesuffix(".name"): str(settings.get(key)) for key in shown}


def _telling(parts: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the keys in `_ALWAYS_SHOWN`, with as many others as are needed to tell the arms apart."""
    keys = list(dict.fromkeys(key for arm in parts for key in arm))
    for key in [key for key in keys[::-1] if key not in _ALWAYS_SHOWN]:
        rest = [other for other in keys if other != key]
        if len({tuple(arm.get(other) for other in rest) for arm in parts}) == len(parts):
            keys = rest
    return keys
