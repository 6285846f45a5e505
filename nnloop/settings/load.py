"""Make checked settings from a composed config. No other module below sees OmegaConf."""

import re
from collections.abc import Mapping
from dataclasses import fields, make_dataclass, replace
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnloop.errors import SettingsError
from nnloop.settings.checks import check, refuse_unknown
from nnloop.settings.evaluation import PoolSettings
from nnloop.settings.groups import Kind, Settings, kinds, options, plain
from nnloop.settings.hints import expected
from nnloop.settings.setting import rules


def load(config: DictConfig) -> Settings:
    """Check a composed config against the dataclasses. Raises SettingsError: key, value, allowed values."""
    register_llm_names()
    beside = make_dataclass("Beside", [(field.name, field.type) for field in plain()])
    refuse_unknown("", set(map(str, config)), {field.name for field in fields(Settings)})
    groups = {group: _typed(_kind(config, group), config[group], f"{group}.") for group in kinds()}
    values = _typed(beside, OmegaConf.masked_copy(config, [field.name for field in plain()]), "")
    if isinstance(groups["dataset"], PoolSettings):
        groups["dataset"] = _pool(groups["dataset"], config.dataset.of)
    settings = Settings(**groups, **vars(values))
    check(settings)
    return settings


def recorded(settings: Mapping[str, Any]) -> Settings:
    """Make the settings that a run recorded. Raises SettingsError if they are another version's."""
    return load(OmegaConf.create(dict(settings)))


def register_llm_names() -> None:
    """Teach OmegaConf the names of LLMs: ${nnloop.llm:<name>,<model>,<the model that is set>}."""
    OmegaConf.register_new_resolver("nnloop.llm", llm_name, replace=True)


def llm_name(name: str, known: str | None, model: str | None) -> str:
    """Return the name if the model is the one known by it or is not set; else the model's own.

    That is the last part of a hub id, a folder or a GGUF file, without characters that are special in a file name.
    """
    if model is None or model == known:
        return name
    parts = [part for part in str(model).split("/") if part]
    if "snapshots" in parts[1:]:  # of the hub's cache: models--<owner>--<name>/snapshots/<commit>
        parts = parts[: parts.index("snapshots")]
    own = parts[-1].rpartition("--")[2] if parts else ""
    return re.sub(r"[^\w.+-]+", "-", own.removesuffix(".gguf")).strip("-.")[:40] or "llm"


def _kind(config: DictConfig, group: str) -> Kind:
    """Return the dataclass that has the option's word: its engine for an LLM, its name for others."""
    by_word = options(group)
    if not by_word:
        return kinds()[group][0]
    key = "engine" if group == "llm" else "name"
    value = str(config[group].get(key))
    if value not in by_word:
        raise SettingsError(f"{group}.{key}={value}: must be one of {', '.join(sorted(by_word))}")
    return by_word[value]


def _typed(kind: Kind, node: DictConfig, prefix: str) -> Any:
    """Build the dataclass from a config node, key by key, so that an error names its key."""
    schema = OmegaConf.structured(kind)
    refuse_unknown(prefix, set(map(str, node)), set(map(str, schema)))
    for key in node:
        if OmegaConf.is_missing(node, key):
            continue  # told below
        try:
            OmegaConf.update(schema, str(key), _listed(schema, str(key), node[key]), force_add=False)
        except OmegaConfBaseException:
            field = kind.__dataclass_fields__[str(key)]
            rule = field.metadata.get("setting") or rules(Settings.__dataclass_fields__[str(key)])
            words = expected(field.type, rule)
            raise SettingsError(f"{prefix}{key!s}={node._get_node(key)}: must be {words}") from None
    missing = sorted(str(key) for key in OmegaConf.missing_keys(schema))
    if missing:
        raise SettingsError(f"{prefix}{missing[0]}: a value is needed, none was given")
    return OmegaConf.to_object(schema)


def _pool(pool: PoolSettings, of: DictConfig) -> PoolSettings:
    """Type the settings of the pool's datasets, and drop those of others. Raises SettingsError."""
    members: dict[str, Any] = {}
    for name in pool.sets:
        if name not in of or name in members:
            wrong = f"must be of {', '.join(sorted(map(str, of)))}" if name not in of else "is named twice"
            raise SettingsError(f"dataset.sets={name}: {wrong}")
        kind = options("dataset").get(str(of[name].get("name")), PoolSettings)
        if kind is PoolSettings:
            raise SettingsError(f"dataset.of.{name}.name={of[name].get('name')}: must be a single dataset's")
        members[name] = _typed(kind, of[name], f"dataset.of.{name}.")
    if not members:
        raise SettingsError(f"dataset.sets=[]: must name at least one of {', '.join(sorted(map(str, of)))}")
    title = pool.title or ", ".join(member.title for member in members.values())
    return replace(pool, of=members, title=title)


def _listed(schema: DictConfig, key: str, value: Any) -> Any:
    """Return one word given for a list, as in finetune.targets=auto, as a list of it."""
    return [value] if isinstance(value, str) and isinstance(schema._get_node(key), ListConfig) else value
