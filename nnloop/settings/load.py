"""From a composed config to checked settings. Nothing below this sees OmegaConf."""

from dataclasses import dataclass, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnloop.errors import SettingsError
from nnloop.settings import (
    AdmissionSettings,
    AdoptedCorpusSettings,
    AdoptJobSettings,
    BudgetSettings,
    CrossoverContextSettings,
    DashboardJobSettings,
    DatasetSettings,
    DeltaSettings,
    EvaluateJobSettings,
    ExportJobSettings,
    FullSettings,
    HfLlmSettings,
    ImagenetteSettings,
    InspirationsContextSettings,
    IslandsParentsSettings,
    LemurCorpusSettings,
    LemurProxySettings,
    LocalExecutorSettings,
    LoraSettings,
    MemoryContextSettings,
    MemoryJobSettings,
    MinHashSettings,
    NoFinetuneSettings,
    NoNoveltySettings,
    NoTrackerSettings,
    OpenAiLlmSettings,
    PowerLawParentsSettings,
    PrepareJobSettings,
    PretrainSettings,
    ProxySettings,
    QualityDiversityParentsSettings,
    RandomLlmSettings,
    ReportJobSettings,
    SandboxSettings,
    ScriptedLlmSettings,
    SearchJobSettings,
    SearchSettings,
    SeedCorpusSettings,
    SelectionSettings,
    Settings,
    SingleContextSettings,
    SlurmExecutorSettings,
    SvhnSettings,
    TopParentsSettings,
    UniformParentsSettings,
    ValidateJobSettings,
    WandbSettings,
)
from nnloop.settings.checks import check, refuse_unknown

KINDS: dict[str, dict[str, type]] = {
    "job": {
        "search": SearchJobSettings,
        "evaluate": EvaluateJobSettings,
        "export": ExportJobSettings,
        "adopt": AdoptJobSettings,
        "memory": MemoryJobSettings,
        "report": ReportJobSettings,
        "validate": ValidateJobSettings,
        "prepare": PrepareJobSettings,
        "pretrain": PretrainSettings,
        "dashboard": DashboardJobSettings,
    },
    "llm": {
        "hf": HfLlmSettings,
        "openai": OpenAiLlmSettings,
        "random": RandomLlmSettings,
        "scripted": ScriptedLlmSettings,
    },
    "dataset": {
        **dict.fromkeys(("cifar10", "cifar100", "mnist", "celeba", "digits"), DatasetSettings),
        "svhn": SvhnSettings,
        "imagenette": ImagenetteSettings,
    },
    "mode": {"delta": DeltaSettings, "full": FullSettings},
    "proxy": {"fast": ProxySettings, "long": ProxySettings, "lemur": LemurProxySettings},
    "parents": {
        "uniform": UniformParentsSettings,
        "top": TopParentsSettings,
        "power_law": PowerLawParentsSettings,
        "quality_diversity": QualityDiversityParentsSettings,
        "islands": IslandsParentsSettings,
    },
    "context": {
        "single": SingleContextSettings,
        "memory": MemoryContextSettings,
        "inspirations": InspirationsContextSettings,
        "crossover": CrossoverContextSettings,
    },
    "finetune": {"lora": LoraSettings, "off": NoFinetuneSettings},
    "novelty": {
        "graph": MinHashSettings,
        "tokens": MinHashSettings,
        "chars": MinHashSettings,
        "off": NoNoveltySettings,
    },
    "corpus": {"seeds": SeedCorpusSettings, "lemur": LemurCorpusSettings, "adopted": AdoptedCorpusSettings},
    "sandbox": {"": SandboxSettings},
    "executor": {"local": LocalExecutorSettings, "slurm": SlurmExecutorSettings},
    "tracker": {"wandb": WandbSettings, "none": NoTrackerSettings},
    "admission": {"": AdmissionSettings},
    "selection": {"": SelectionSettings},
    "budget": {"": BudgetSettings},
    "search": {"": SearchSettings},
}
"""The dataclass of each group's option, by its engine (llm) or name; "" where all options share one."""


def load(config: DictConfig) -> Settings:
    """Check a composed config against the dataclasses above. Raises SettingsError: key, value, what is allowed."""
    groups = {group: _load_group(config, group) for group in KINDS}
    plain = {field.name: field.type for field in fields(Settings) if field.name not in KINDS}
    refuse_unknown("", set(map(str, config)), set(plain) | set(KINDS))
    values = OmegaConf.to_object(_typed(OmegaConf.structured(_Plain), OmegaConf.masked_copy(config, list(plain)), ""))
    settings = Settings(**groups, **{name: getattr(values, name) for name in plain})
    check(settings)
    return settings


def keys_beside(key: str) -> list[str]:
    """Every key that can stand where `key` does (llm.nope: all that any option of the group llm has)."""
    group, dot, _ = key.partition(".")
    if not dot or group not in KINDS:
        return sorted(field.name for field in fields(Settings))
    return sorted({f"{group}.{field.name}" for kind in KINDS[group].values() for field in fields(kind)})


@dataclass
class _Plain:
    """The settings beside the groups, for OmegaConf's type checks."""

    name: str
    seed: int
    cycles: int
    candidates: int
    retries: int
    candidate: str | None
    runs: str | None
    to: str | None
    folder: str | None
    summaries: str | None
    resume: str
    dry_run: bool


def _load_group(config: DictConfig, group: str) -> Any:
    node = config[group]
    kinds = KINDS[group]
    if "" in kinds:
        kind = kinds[""]
    else:
        key = "engine" if group == "llm" else "name"
        value = str(node.get(key))
        if value not in kinds:
            raise SettingsError(f"{group}.{key}={value}: must be one of {', '.join(sorted(kinds))}")
        kind = kinds[value]
    refuse_unknown(f"{group}.", set(map(str, node)), {field.name for field in fields(kind)})
    return OmegaConf.to_object(_typed(OmegaConf.structured(kind), node, f"{group}."))


def _typed(schema: DictConfig, node: DictConfig, prefix: str) -> DictConfig:
    """Merge key by key, so that an error names its key."""
    for key in node:
        if OmegaConf.is_missing(node, key):
            continue  # told below
        try:
            value = node[key]
            OmegaConf.update(schema, str(key), value, force_add=False)
        except OmegaConfBaseException as error:
            first = str(error).strip().splitlines()[0]
            shown = node._get_node(key)
            raise SettingsError(f"{prefix}{key!s}={shown}: {first}") from None
    missing = sorted(str(key) for key in OmegaConf.missing_keys(schema))
    if missing:
        raise SettingsError(f"{prefix}{missing[0]}: a value is needed, none was given")
    return schema
