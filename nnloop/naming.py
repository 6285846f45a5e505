"""The names of run folders: the settings that affect results, from the overrides of the command line."""

import re
import time
from collections.abc import Sequence
from hashlib import sha256

from nnloop.settings import Settings
from nnloop.settings.keys import affects
from nnloop.settings.setting import COMPUTED

_RESUMABLE = ("validate", "incumbent", "pretrain")

_started = time.strftime("%Y%m%d-%H%M%S")


def run_folder(settings: Settings, overrides: Sequence[str]) -> str:
    """Return the folder of a single run, below outputs/."""
    return f"outputs/{settings.name}/{run_subfolder(settings, overrides)}"


def run_subfolder(settings: Settings, overrides: Sequence[str], number: int | None = None) -> str:
    """Return <llm>-<dataset>-<mode>-s<seed> and every other override that affects results: no two runs share a folder.

    `settings` may be a composed config too, and `number` is the job's in a multirun. The other jobs that go on where
    they were stopped get <job> and their overrides, the rest <job>-<time>-<number>.
    """
    job, seed = settings.job.name, f"s{settings.seed}"
    if job == "search":
        names = [settings.llm.name, settings.dataset.name, settings.mode.name, seed]
        return "-".join([*names, *_named(overrides, without=("job", "llm", "dataset", "mode", "seed"))])
    if job in _RESUMABLE:
        return "-".join([job, *_named(overrides, without=("job",))])
    return "-".join(str(part) for part in (job, _started, number) if part is not None)


def _named(overrides: Sequence[str], without: Sequence[str]) -> list[str]:
    """Return the overrides that affect results, as parts of a file name in a fixed order."""
    given = {override.lstrip("+"): override.lstrip("+").partition("=")[0] for override in overrides}
    return [_file_name(one) for one, key in sorted(given.items()) if key not in without and affects(key) in COMPUTED]


def _file_name(override: str) -> str:
    """Return the override in harmless characters, at most 60, with a hash where that lost something."""
    text = re.sub(r"[^\w.=+,-]", "_", override)[:60]
    return text if text == override else f"{text}~{sha256(override.encode()).hexdigest()[:8]}"
