"""Settings by dotted key, such as executor.wall_s: the form that command lines, run.json and kept summaries have."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from typing import Any, get_args, get_origin

from nnloop.settings.evaluation import PoolSettings
from nnloop.settings.groups import Settings, kinds, options, plain
from nnloop.settings.setting import RESULT, Affects, Setting, rules

_OF = re.compile(r"^dataset\.of\.[^.]+\.")
"""The prefix of a key of one of a pool's datasets."""


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted key."""
    if not isinstance(settings, Mapping):
        return {prefix[:-1]: settings}
    return {key: value for name, node in settings.items() for key, value in flat(node, f"{prefix}{name}.").items()}


def affecting(settings: Mapping[str, Any], *parts: Affects) -> dict[str, Any]:
    """Return the settings that affect one of these parts of a run, by dotted key."""
    return {key: value for key, value in flat(settings).items() if affects(key) in parts}


def affects(key: str) -> Affects:
    """Return the part of a run that a key affects.

    A key that no option has, such as a former version's, counts as affecting the result.
    """
    known, key = _by_key(), _OF.sub("dataset.", key)
    group, _, rest = key.partition(".")
    name = rest.partition(".")[0] or ("name" if f"{group}.name" in known else "")
    rule = known.get(f"{group}.{name}" if name else group)
    return rule.affects if rule else RESULT


def former(key: str) -> str | None:
    """Return the value that every run had before this setting existed; None: it is as old as its group."""
    rule = _by_key().get(key)
    return rule.former if rule else None


def allowed(key: str) -> list[str]:
    """Return every key that is possible in the place of `key`: for llm.nope, the keys of every LLM."""
    group, dot, _ = key.partition(".")
    if not dot or group not in kinds():
        return sorted(field.name for field in fields(Settings))
    return sorted(known for known in _by_key() if known.startswith(f"{group}."))


def extends(key: str) -> bool:
    """Tell whether a key is or lies in a setting that takes names of any kind, such as llm.template.enable_thinking.

    Whole numbers go by mode (llm.max_new_tokens.delta), so their names are known.
    """
    group, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    settings = [field for kind in kinds().get(group, []) for field in fields(kind) if field.name == name]
    return any(get_origin(field.type) is dict and get_args(field.type)[1] is not int for field in settings)


def given(settings: Settings) -> Iterator[tuple[str, Any, Setting]]:
    """Yield every setting with its key and rules; a dict's values and a list's one by one."""
    nodes: list[tuple[str, Any, Sequence[Field[Any]]]] = [("", settings, plain())]
    nodes += [(f"{group}.", getattr(settings, group), fields(getattr(settings, group))) for group in kinds()]
    if isinstance(settings.dataset, PoolSettings):
        nodes += [(f"dataset.of.{name}.", member, fields(member)) for name, member in settings.dataset.of.items()]
    for prefix, node, of_node in nodes:
        for field in of_node:
            value = getattr(node, field.name)
            for key, one in _each(prefix + field.name, value):
                yield key, one, rules(field)


def _each(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{key}.{name}", one) for name, one in value.items())
    elif isinstance(value, list):
        yield from ((key, one) for one in value)
    else:
        yield key, value


def fields_by_key(key: str) -> list[tuple[Any, Setting]]:
    """Return the type and the rules of a key in each option that has it."""
    group, _, name = key.partition(".")
    nodes = [plain()] if not name else [fields(kind) for kind in kinds().get(group, [])]
    return [(one.type, rules(one)) for some in nodes for one in some if one.name == (name or group)]


def options_with(key: str) -> list[str]:
    """Return the options of the key's group that have it, as llm.engine=openai or proxy=lemur."""
    group, _, rest = key.partition(".")
    name, word = rest.partition(".")[0], "llm.engine" if group == "llm" else group
    having = [option for option, kind in options(group).items() if name in kind.__dataclass_fields__] if rest else []
    return [f"{word}={option}" for option in sorted(having)]


def short(key: str) -> str | None:
    """Return a key's last part if no other setting ends alike, else the whole key; None for a key that no option has.

    What lies in a dict keeps its own key behind the dict's: max_new_tokens.delta.
    """
    known = _by_key()
    parts = key.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if name in known:
            same = [one for one in known if one.rpartition(".")[2] == parts[end - 1]]
            return ".".join(parts[end - 1 :]) if len(same) == 1 else key
    return key if key in (*kinds(), "experiment", "debug") else None


@cache
def _by_key() -> dict[str, Setting]:
    """Return the rules of every key of every option."""
    beside = {field.name: rules(field) for field in plain()}
    grouped = {f"{group}.{f.name}": rules(f) for group, some in kinds().items() for kind in some for f in fields(kind)}
    return beside | grouped
