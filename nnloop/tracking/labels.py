"""Names, tags and notes of a W&B run and its artifacts, within the lengths that W&B takes."""

import re
import shlex
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

NAME = 128  # characters of a run's or an artifact's name, at most
TAG = 64


def fit(text: str, most: int) -> str:
    """Shorten a text that is longer than `most`; the hash of all tells two of a kind apart."""
    return text if len(text) <= most else f"{text[: most - 9]}~{sha256(text.encode()).hexdigest()[:8]}"


def artifact_name(run: str, name: str) -> str:
    """Return the name of an artifact of a run, in the letters that W&B takes."""
    own = f"-{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}"
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", run)
    return fit(plain, NAME - len(own)).replace("~", "-") + own


def tags(settings: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """Return a run's tags: its LLM, dataset, mode and experiments, then every override; no two are equal."""
    groups = [str(settings[group]["name"]) for group in ("llm", "dataset", "mode")]
    experiments = [value for override in overrides if (value := override.removeprefix("experiment=")) != override]
    return list(dict.fromkeys(fit(tag, TAG) for tag in (*groups, *experiments, *overrides) if tag))


def notes(overrides: Sequence[str]) -> str:
    """Return the command that started a run."""
    return shlex.join(["python", "-m", "nnloop", *overrides])
