"""Overrides as a shell and as Python give them, in the form that Hydra's grammar takes.

That grammar refuses `=`, `[`, commas, spaces and letters such as ü in a value that is not quoted. A setting whose
value is a text, a path above all, takes any of them: the value is quoted here, before Hydra parses it.
"""

import glob
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import PurePath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from nnloop.errors import SettingsError
from nnloop.settings.groups import kinds
from nnloop.settings.keys import extends, fields_by_key

_OVERRIDE = re.compile(r"(\+{0,2})([\w.]+)=(.*)", re.S)
_HYDRAS = frozenset(["hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"])


def prepare(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command line with the texts in them quoted, unless they are quoted already.

    In a multirun, commas still separate the values of a sweep, unless a path of that name exists.
    """
    sweeps = any(one in ("-m", "--multirun", "-cn") or one.startswith("--config-name") for one in arguments)
    overlays = ("experiment=null", "debug=null")  # Hydra knows no such choice: without an overlay there is none
    return [_prepared(argument, sweeps=sweeps) for argument in arguments if argument not in overlays]


def readable(override: str) -> str:
    """Return an override without Hydra's prefixes and without the quotes around its value."""
    key, equals, value = override.lstrip("+").partition("=")
    return f"{key}{equals}{_unquoted(value)}"


def override(key: str, value: object) -> str:
    """Return the override that gives a setting a value from Python. Raises SettingsError for one that has no text."""
    if key in (*kinds(), "experiment", "debug") and not isinstance(value, str | None):
        raise SettingsError(f"{key}={value!r}: must be the name of one option; a loop of calls tries several")
    if isinstance(value, str | PurePath) and _is_text(key):
        value = os.path.expanduser(value)
    try:
        return f"{'++' * extends(key)}{key}={_written(value)}"
    except TypeError as error:
        raise SettingsError(f"{key}={value!r}: {error}") from None


def _written(value: object) -> str:
    """Write a value in Hydra's grammar. Raises TypeError."""
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()  # a number of NumPy or torch
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | PurePath):
        return _quoted(str(value))
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{','.join(map(_written, value))}]"
    raise TypeError(f"a setting is a text, a number, true or false, a list or a dict, and no {type(value).__name__}")


def _prepared(argument: str, *, sweeps: bool) -> str:
    match = _OVERRIDE.fullmatch(argument)
    if match is None:
        return argument
    prefix, key, value = match.groups()
    if extends(key):
        return f"++{key}={value}"
    if not _is_text(key) or value.lower() in ("", "null"):
        return argument
    return f"{prefix}{key}={_text(value, sweeps=sweeps)}"


def _text(value: str, *, sweeps: bool) -> str:
    path = os.path.expanduser(value)
    parsed = _parsed(value)
    if re.fullmatch(r"""(['"]).*\1""", value, re.S) and parsed is not None and not parsed.is_sweep_override():
        return value
    if not sweeps or os.path.lexists(path) or glob.glob(path):
        return _quoted(path)
    if parsed is not None and parsed.is_sweep_override():
        return value
    if parsed is None and "," in value:
        return ",".join(one if one.lower() == "null" else _quoted(os.path.expanduser(one)) for one in value.split(","))
    return _quoted(path)


def _parsed(value: str) -> Any:
    try:
        return OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return None


def _quoted(value: str) -> str:
    """Quote a value by Hydra's rule: a backslash counts only before a quote and at the end."""
    inside = re.sub(r"(\\*)(')", r"\1\1\\\2", value)
    inside = re.sub(r"(\\+)$", r"\1\1", inside)
    return f"'{inside}'"


def _unquoted(value: str) -> str:
    if not re.fullmatch(r"""(['"]).*\1""", value, re.S) or len(value) < 2:
        return value
    inside = re.sub(rf"(\\*)\\{value[0]}", lambda match: match[1][: len(match[1]) // 2] + value[0], value[1:-1])
    return re.sub(r"(\\+)$", lambda match: match[1][: len(match[1]) // 2], inside)


@cache
def _is_text(key: str) -> bool:
    """Tell whether the setting takes any text."""
    if key in _HYDRAS:
        return True
    return any(kind in (str, str | None) and not rule.words for kind, rule in fields_by_key(key))
