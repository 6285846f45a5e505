"""Messages about wrong keys, options and values, with the right one or all that are allowed."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from nnloop.settings.keys import allowed, options_with
from nnloop.settings.setting import Setting

RENAMED = {
    "repair": "retries",
    "admission.pool": "selection.rule",
    "mode.tolerant": "mode.salvage",
    "llm.rest": "llm.offload (true where it was free)",
    "llm.lora": "finetune",
    "executor.cpus": "executor.cpus_per_task",
    "executor.additional": "executor.additional_parameters",
    "executor.overhead_gb": "executor.mem_gb (of the whole job)",
}
"""Keys of former versions and their names today; a group's name stands for all of its keys."""


def unknown_key(key: str, known: Collection[str] = ()) -> str:
    """Return the message about a key that does not exist where it was given; `known` are the keys that do."""
    for old, new in RENAMED.items():
        if key == old or key.startswith(f"{old}."):
            return f"{key}: is now called {new}{key.removeprefix(old)}"
    having = options_with(key) if key.count(".") == 1 else []
    if having:
        group = key.partition(".")[0]
        return f"{key}: the option chosen for {group} has no such setting; {' or '.join(having)} has"
    return f"{key}: no such setting; {meant(key, known or allowed(key))}"


def unknown_option(group: str, option: str, known: Sequence[str]) -> str:
    """Return the message about an option that a group does not have."""
    return f"{group}={option}: no such option; {meant(option, known)}"


def meant(word: str, known: Collection[str]) -> str:
    """Ask for the known words that are like this one; list all of them if there is none."""
    tails = {one.rpartition(".")[2]: one for one in known}  # a common group would make all keys alike
    alike = [tails[tail] for tail in get_close_matches(word.rpartition(".")[2], tails, n=3, cutoff=0.7)]
    return f"did you mean {' or '.join(alike)}?" if alike else f"allowed: {', '.join(known)}"


def expected(kind: Any, rule: Setting) -> str:
    """Say in words what a setting of this type takes."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    words = [_words(one, rule) for one in kinds if one is not NoneType]
    return " or ".join([*words, *["null"] * (NoneType in kinds)])


def _words(kind: Any, rule: Setting) -> str:
    """Say what one type stands for, with the range or the words that are allowed."""
    origin = get_origin(kind)
    bounds = "" if rule.low is None or rule.high is None else f" between {rule.low:.10g} and {rule.high:.10g}"
    if origin is list:
        return f"a list such as [{','.join(map(str, rule.words[:2])) or 'a,b'}]"
    if origin is dict:
        return f"values by name such as {{name: value}}{bounds}"
    return {bool: "true or false", int: f"a whole number{bounds}", float: f"a number{bounds}"}.get(kind, "a text")
