"""The names of run folders: the settings that affect results, from the overrides of the command line."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from nnloop.settings import Settings
from nnloop.settings.command import readable
from nnloop.settings.keys import affects, short
from nnloop.settings.setting import COMPUTED, FORK, NAME

LIMIT = 100
"""Characters of a folder's name; W&B takes 128 for a run and for an artifact."""

_LONGEST = 40  # characters of one override
_RESUMABLE = ("validate", "incumbent", "pretrain")

_started = time.strftime("%Y%m%d-%H%M%S")


def run_folder(settings: Settings, overrides: Sequence[str]) -> str:
    """Return the folder of a single run, below outputs/."""
    return f"{home(settings.name)}/{run_subfolder(settings, overrides)}"


def home(name: str) -> str:
    """Return the folder of everything that is called `name`; a name that is refused later never leaves outputs/."""
    return f"outputs/{name if re.fullmatch(NAME, name) else 'refused'}"


def run_subfolder(settings: Settings, overrides: Sequence[str], number: int | None = None) -> str:
    """Return <llm>-<dataset>-<mode>-s<seed> and every other override that affects results: no two runs share a folder.

    `settings` may be a composed config too, and `number` is the job's in a multirun. Other jobs are in the folder
    jobs/: one that goes on where it was stopped as <job> and its overrides, any other as <job>-<time>-<number>.
    """
    job, given = settings.job.name, _telling(overrides)
    if job == "search":
        # an option of the user's own may lack its name, which is told when the settings are loaded
        parts = {key: getattr(getattr(settings, key), "name", "refused") for key in ("llm", "dataset", "mode")}
        parts["dataset"] = _dataset(settings.dataset, parts["dataset"])
        for key, name in parts.items():
            given.pop(f"{key}.name", None)
            if given.get(key) in (name, getattr(getattr(settings, key), "name", None)):
                del given[key]
        given.pop("seed", None)
        fork = FORK if given.get("resume") == "fork" else ""
        if fork:
            del given["resume"]
        return _plain([*parts.values(), f"s{settings.seed}"], given, limit=LIMIT - len(FORK)) + fork
    if job in _RESUMABLE:
        return f"jobs/{_plain([job], given, limit=LIMIT)}"
    return "jobs/" + "-".join(str(part) for part in (job, _started, number) if part is not None)


def _dataset(dataset: Any, name: str) -> str:
    """Return a dataset's name; of an own one with the name of its folder or file, which two of them rarely share."""
    place = {"folder": "root", "npz": "root", "hf": "path"}.get(name)
    if place is None or (isinstance(dataset, Mapping) and place not in dataset):  # its lack is told when loaded
        return name
    last = str(getattr(dataset, place)).rstrip("/").rpartition("/")[2].removesuffix(".npz")
    return "_".join(filter(None, [name, re.sub(r"[^A-Za-z0-9_.]+", "_", last)]))


def _telling(overrides: Sequence[str]) -> dict[str, str]:
    """Return the value of each override that affects results, in the keys' order; the last of a key counts."""
    pairs = [readable(override).partition("=") for override in overrides]
    given = {key: value for key, _, value in pairs if affects(key) in COMPUTED and key not in ("job", "resume")}
    resume = [value for key, _, value in pairs if key == "resume" and value != "continue"]
    return dict(sorted(given.items())) | ({"resume": resume[-1]} if resume else {})


def _plain(base: Sequence[str], given: Mapping[str, str], *, limit: int) -> str:
    """Return a file name of letters, digits and . _ - in which a hash stands for everything that is not told."""
    parts = [*base, *(_part(key, value) for key, value in given.items())]
    plain = [re.sub(r"[^A-Za-z0-9_.-]+", "_", part)[:_LONGEST] for part in parts]
    name = "-".join(plain)
    if plain == parts and len(name) <= limit and all(_is_clear(key, value) for key, value in given.items()):
        return name
    digest = sha256(json.dumps([*base, *given.items()]).encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-_.')}-{digest}"


def _part(key: str, value: str) -> str:
    return value if key == "experiment" else f"{short(key) or key}_{value}"


def _is_clear(key: str, value: str) -> bool:
    """Tell whether no other override could make the same part of a name, or two parts that read like it."""
    if "-" in value and not re.fullmatch(r"-?[\d.]+(e-?\d+)?", value):
        return False
    if key == "experiment":
        return not any(short(value[: end.start()]) for end in re.finditer("_", value))
    return short(key) is not None
