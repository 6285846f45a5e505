"""The answers to command lines that ask for no job, and the question before a search that nobody described."""

import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from nnloop.settings import HfLlmSettings, Settings

PAPER_B_SECONDS = (72.0, 108.0)
"""(least, most) for a candidate of a 7B model on an RTX 4090, fine-tune and trial included (arXiv 2605.04903)."""

PAPER_LLMS = ("deepseek", "mistral", "qwen")
"""The 7B models that this holds for; another llm.model has another name."""

_WITH_VALUES = ("--config-name", "-cn", "--config-dir", "-cd", "--config-path", "-cp", "--cfg", "-c", "--package", "-p")


def reply(arguments: Sequence[str]) -> tuple[str, int] | None:
    """Return the answer to a command line that asks for no job, with the exit code; None: it asks for one.

    A word by itself is answered by the setting that it may have been meant for.
    """
    if "--version" in arguments:
        return f"nnloop {metadata.version('nnloop')}", 0
    before = ""
    for argument in [*arguments, "--"]:
        if before in ("--config-name", "-cn") and argument.startswith("-"):
            return f"nnloop: --config-name needs the name of a sweep: {', '.join(sweeps())}", 2
        if re.fullmatch(r"[\w.-]+", argument) and not argument.startswith("-") and before not in _WITH_VALUES:
            return f"nnloop: {argument}: a setting is given as key=value; {_as_setting(argument)}", 2
        before = argument
    return None


def _as_setting(word: str) -> str:
    """Say which setting a word by itself may stand for."""
    options = {f"{file.parent.name}={file.stem}" for file in (home() / "conf").glob("*/*.yaml")}
    meant_for = sorted(option for option in options if option.partition("=")[2] == word)
    return f"did you mean {' or '.join(meant_for)}?" if meant_for else "--help lists them"


def question(settings: Settings) -> str:
    """Say what a search by these settings is about to do, as far as can be told before anything is read."""
    llm, total = settings.llm, settings.cycles * settings.candidates
    model = llm.model if isinstance(llm, HfLlmSettings) else llm.name
    billions = re.search(r"(\d+(?:\.\d+)?)b\b", model, re.I)
    size = f" ({float(billions[1]) * 2:.0f} GB to download, unless it is here)" if billions else ""
    hours = " to ".join(f"{total * seconds / 3600:.0f}" for seconds in PAPER_B_SECONDS)
    return (
        f"This starts a search: {model}{size} writes {total:,} networks for {settings.dataset.title}, in some {hours}"
        " hours of one RTX 4090 (paper B).\nA first look without GPU and download: python -m nnloop llm=tiny"
        " dataset=digits cycles=2 candidates=8\nStart the search? [y/N] "
    )


def home() -> Path:
    """Return the folder of conf/ and sweeps/: inside an installed wheel, beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    return package if (package / "conf").is_dir() else package.parent


def sweeps() -> list[str]:
    """Return the names of the ready-made sweeps."""
    return sorted(file.stem for file in (home() / "sweeps").glob("*.yaml"))
