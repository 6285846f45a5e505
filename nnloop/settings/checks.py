"""What a composed config's settings must hold beyond their types. Raises SettingsError: key, value, what is allowed."""

from collections.abc import Collection

from nnloop.errors import SettingsError
from nnloop.settings import (
    HfLlmSettings,
    LemurProxySettings,
    LoraSettings,
    OpenAiLlmSettings,
    PretrainSettings,
    QualityDiversityParentsSettings,
    Settings,
)
from nnloop.settings.bounds import choices, ranges
from nnloop.settings.transforms import parse_transform

DESCRIPTORS = ("params", "depth", "accuracy", "family")
"""What can span the cells of parents=quality_diversity."""

RENAMED = {
    "repair": "retries",
    "admission.pool": "selection.rule",
    "mode.tolerant": "mode.salvage",
    "llm.rest": "llm.offload (true where it was free)",
}
"""Keys of former versions and their names today."""

_MODES = {"delta", "full"}

_NEEDS = {
    "evaluate": ("candidate", "<file or glob>"),
    "export": ("to", "<folder to write to>"),
    "adopt": ("folder", "<where networks and adapters are>"),
}
"""The setting that a job can't do without."""

_OF_RUNS = ("report", "validate", "export")


def check(settings: Settings) -> None:
    """Check everything that can be told without looking at files. Raises SettingsError."""
    for key, value, low, high in ranges(settings):
        if not low <= value <= high:
            raise SettingsError(f"{key}={value}: must lie between {low:g} and {high:g}")
    for key, word, allowed in choices(settings):
        _check_choice(key, word, allowed)
    _check_job(settings)
    _check_llm(settings)
    if isinstance(settings.proxy, LemurProxySettings):
        _check_transform(settings.proxy.transform)
    if isinstance(settings.parents, QualityDiversityParentsSettings):
        _check_descriptors(settings.parents.descriptors)


def refuse_unknown(prefix: str, given: set[str], known: set[str]) -> None:
    """Raise SettingsError for the first of the given keys that is not known."""
    unknown = sorted(given - known)
    if unknown:
        raise SettingsError(unknown_key(prefix + unknown[0], sorted(known)))


def unknown_key(key: str, allowed: Collection[str]) -> str:
    """Return the message about a key that does not exist: its new name, or the keys that could stand in its place."""
    new = RENAMED.get(key)
    return f"{key}: is now called {new}" if new else f"{key}: no such setting here; allowed: {', '.join(allowed)}"


def _check_job(settings: Settings) -> None:
    job = settings.job.name
    key, what = _NEEDS.get(job, ("", ""))
    if key and not getattr(settings, key):
        raise SettingsError(f"{key}: job={job} needs {key}={what}")
    if job in _OF_RUNS and not settings.runs:
        raise SettingsError(f"runs: job={job} needs runs=<folder of a run or of several>")
    if isinstance(settings.job, PretrainSettings):
        _check_heads(settings.job)


def _check_llm(settings: Settings) -> None:
    llm, tuned = settings.llm, isinstance(settings.finetune, LoraSettings)
    if isinstance(llm, HfLlmSettings | OpenAiLlmSettings):
        refuse_unknown("llm.max_new_tokens.", set(llm.max_new_tokens), _MODES)
        if tuned and llm.dtype == "float16":
            raise SettingsError(
                "llm.dtype=float16: can't be tuned, small gradients vanish; use bfloat16 or float32, or finetune=off"
            )
    if isinstance(llm, HfLlmSettings):
        refuse_unknown("llm.lora.", set(llm.lora), set(LoraSettings.__dataclass_fields__))
    if isinstance(llm, OpenAiLlmSettings) and tuned and llm.weights is None:
        raise SettingsError(
            "llm.weights: finetune=lora needs the served model's weights here, a hub id or folder; or finetune=off"
        )


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
