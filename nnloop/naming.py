"""How run folders are named, from the overrides of the command line."""

import re
import time
from hashlib import sha256
from typing import Any

_IN_THE_NAME = ("job", "name", "llm", "dataset", "mode", "seed")
_NOT_IN_THE_NAME = (
    "executor",
    "tracker",
    "budget",
    "dataset.root",
    "dataset.mirror",
    "llm.device",
    "llm.batch_size",
    "llm.offload",
    "candidate",
    "runs",
    "to",
    "folder",
    "summaries",
)
"""Overrides that the folder's name carries anyhow, and those that say where a run runs rather than what it computes."""

_RESUMABLE = ("validate", "pretrain")

_started = time.strftime("%Y%m%d-%H%M%S")


def run_folder(job: str, name: str, *parts: Any) -> str:
    """The folder of a single run, below outputs/."""
    return f"outputs/{name}/{run_subfolder('', job, *parts)}"


def run_subfolder(
    number: int | str, job: str, llm: str, dataset: str, mode: str, seed: int, overrides: list[str]
) -> str:
    """<llm>-<dataset>-<mode>-s<seed> with every further override, so that no two runs share a folder.

    Jobs that go on where they were stopped get <job> with every override, others <job>-<time> and their number in a
    multirun.
    """
    given = sorted(override.lstrip("+") for override in overrides)
    if job == "search":
        further = [override for override in given if not _named_already(override)]
        return "-".join([llm, dataset, mode, f"s{seed}", *map(_file_name, further)])
    if job in _RESUMABLE:
        further = [override for override in given if override.partition("=")[0] not in ("job", "name")]
        return "-".join([job, *map(_file_name, further)])
    return "-".join(str(part) for part in (job, _started, number) if part != "")


def _named_already(override: str) -> bool:
    key = override.partition("=")[0]
    return key in _IN_THE_NAME or key.split(".")[0] in _NOT_IN_THE_NAME or key in _NOT_IN_THE_NAME


def _file_name(override: str) -> str:
    """The override as part of a file name: harmless characters, at most 60, a hash where that lost something."""
    text = re.sub(r"[^\w.=+,-]", "_", override)[:60]
    return text if text == override else f"{text}~{sha256(override.encode()).hexdigest()[:8]}"
