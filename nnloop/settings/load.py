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
    Settings,
    SingleContextSettings,
    SlurmExecutorSettings,
    SvhnSettings,
    TopParentsSettings,
    UniformParentsSettings,
    ValidateJobSettings,
    WandbSettings,
)
from nnloop.settings.bounds import ranges
from nnloop.settings.transforms import parse_transform

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
    "budget": {"": BudgetSettings},
    "search": {"": SearchSettings},
}
"""The dataclass of each group's option, by its engine (llm) or name; "" where all options share one."""


DESCRIPTORS = ("params", "depth", "accuracy", "family")
"""What can span the cells of parents=quality_diversity."""


def load(config: DictConfig) -> Settings:
    """Check a composed config against the dataclasses above. Raises SettingsError: key, value, what is allowed."""
    groups = {group: _load_group(config, group) for group in KINDS}
    plain = {field.name: field.type for field in fields(Settings) if field.name not in KINDS}
    _refuse_unknown("", set(config), set(plain) | set(KINDS))
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
    repair: int
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
    _refuse_unknown(f"{group}.", set(node), {field.name for field in fields(kind)})
    return OmegaConf.to_object(_typed(OmegaConf.structured(kind), node, f"{group}."))


def _refuse_unknown(prefix: str, given: set[Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in given - known)
    if unknown:
        allowed = ", ".join(sorted(known))
        raise SettingsError(f"{prefix}{unknown[0]}: no such setting here; allowed: {allowed}")


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


def check(settings: Settings) -> None:
    """Check ranges. Raises SettingsError."""
    for key, value, low, high in ranges(settings):
        if not low <= value <= high:
            raise SettingsError(f"{key}={value}: must lie between {low:g} and {high:g}")
    if isinstance(settings.mode, DeltaSettings):
        _check_choice("mode.edit_format", settings.mode.edit_format, ("unified", "search_replace"))
    if isinstance(settings.dataset, ImagenetteSettings):
        _check_choice("dataset.archive", settings.dataset.archive, ("full", "320px", "160px"))
    _check_choice("sandbox.name", settings.sandbox.name, ("auto", "strict", "inline"))
    _check_choice("admission.pool", settings.admission.pool, ("better", "good", "admitted"))
    if isinstance(settings.parents, QualityDiversityParentsSettings):
        _check_descriptors(settings.parents.descriptors)
    if isinstance(settings.novelty, MinHashSettings):
        _check_choice("novelty.unit", settings.novelty.unit, ("graph", "tokens", "chars"))
    if isinstance(settings.tracker, WandbSettings):
        _check_choice("tracker.mode", settings.tracker.mode, ("auto", "offline", "online"))
    if isinstance(settings.llm, HfLlmSettings | OpenAiLlmSettings):
        _check_choice("llm.dtype", settings.llm.dtype, ("auto", "float32", "bfloat16", "float16"))
        _check_choice("llm.quantize", settings.llm.quantize, ("none", "int8", "nf4"))
        _refuse_unknown("llm.max_new_tokens.", set(settings.llm.max_new_tokens), set(KINDS["mode"]))
    if isinstance(settings.llm, HfLlmSettings):
        _check_choice("llm.rest", settings.llm.rest, ("keep", "free"))
        _refuse_unknown("llm.lora.", set(settings.llm.lora), {field.name for field in fields(LoraSettings)})
    if isinstance(settings.proxy, LemurProxySettings):
        _check_transform(settings.proxy.transform)
    if isinstance(settings.finetune, LoraSettings):
        if isinstance(settings.llm, OpenAiLlmSettings) and settings.llm.weights is None:
            raise SettingsError(
                "llm.weights: finetune=lora needs the served model's weights here, a hub id or folder; or finetune=off"
            )
        if getattr(settings.llm, "dtype", "") == "float16":
            raise SettingsError(
                "llm.dtype=float16: can't be tuned, small gradients vanish; use bfloat16 or float32, or finetune=off"
            )
        _check_choice("finetune.optimizer", settings.finetune.optimizer, ("auto", "adamw", "paged_adamw_8bit"))
    if settings.job.name == "evaluate" and not settings.candidate:
        raise SettingsError("candidate: job=evaluate needs candidate=<file or glob>")
    if settings.job.name == "export" and not settings.to:
        raise SettingsError("to: job=export needs to=<folder to write to>")
    if settings.job.name == "adopt" and not settings.folder:
        raise SettingsError("folder: job=adopt needs folder=<where networks and adapters are>")
    if settings.job.name in ("report", "validate", "export") and not settings.runs:
        raise SettingsError(f"runs: job={settings.job.name} needs runs=<folder of a run or of several>")
    if isinstance(settings.job, ValidateJobSettings):
        _check_choice("job.rule", settings.job.rule, ("stratified", "top"))
    if isinstance(settings.job, PretrainSettings):
        _check_heads(settings.job)


def _check_heads(job: PretrainSettings) -> None:
    if job.hidden_size % job.heads or job.heads % job.kv_heads:
        shown = f"job.hidden_size={job.hidden_size}, job.heads={job.heads}, job.kv_heads={job.kv_heads}"
        raise SettingsError(f"{shown}: hidden_size has to be a multiple of heads, and heads one of kv_heads")


def _check_transform(name: str) -> None:
    try:
        parse_transform(name)
    except ValueError as error:
        raise SettingsError(f"proxy.transform={name}: {error}") from None


def _check_descriptors(given: list[str]) -> None:
    if not given:
        raise SettingsError(f"parents.descriptors={given}: name at least one of {', '.join(DESCRIPTORS)}")
    for descriptor in given:
        _check_choice("parents.descriptors", descriptor, DESCRIPTORS)


def _check_choice(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{key}={value}: must be one of {', '.join(allowed)}")
