"""The messages of Hydra, OmegaConf and nnloop about wrong settings, in one line each."""

import re

from hydra.errors import OverrideParseException
from yaml import MarkedYAMLError

from nnloop.command_line import sweeps
from nnloop.settings.hints import meant, unknown_key, unknown_option

_HINTS = re.compile(r"(Config search path:|full_key: |To append to your config use|See http).*", re.S)
"""What Hydra and OmegaConf add to their messages that helps nobody on one line."""

_NO_OPTION = re.compile(r"Could not find '(\w+)/([^']*)'.*Available options in '\w+':(.*?)(?:Config search|$)", re.S)
_NO_CONFIG = re.compile(r"Cannot find primary config '([^']*)'")
_SEVERAL = re.compile(r"Ambiguous value for argument '(.*?)'\n", re.S)


def one_line(error: BaseException) -> str:
    """Return the messages of an error and its causes in one line, without Hydra's hints on structure."""
    unknown = re.match(r"Could not override '([^']+)'", str(error))
    if unknown:
        return unknown_key(unknown[1])
    option = _NO_OPTION.search(str(error))
    if option:
        return unknown_option(option[1], option[2], option[3].split())
    sweep = _NO_CONFIG.search(str(error))
    if sweep:
        return f"--config-name {sweep[1]}: no such sweep; {meant(sweep[1], sweeps())}"
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        return f"{error.problem_mark.name}, line {error.problem_mark.line + 1}: no YAML: {error.problem}"
    several = _SEVERAL.search(str(error))
    if several:
        return f"{several[1]}: one value is needed (-m tries several); a text with commas needs quotes"
    parts: list[str] = [str(error.override)] if isinstance(error, OverrideParseException) else []
    cause: BaseException | None = error
    while cause is not None:
        text = _HINTS.sub("", str(cause))
        text = re.sub(r"\s+", " ", text).strip(" .")
        if text and not any(text in part for part in parts):
            parts.append(text)
        cause = cause.__cause__
    return "; ".join(parts)
