"""Every setting: its type, unit, range and reason. One dataclass per option kind of a group in conf/.

`load` turns a composed config into these dataclasses and is the last place that sees OmegaConf. The dataclasses hold no
defaults: values live in conf/ alone. They are not frozen, because OmegaConf cannot compose frozen ones.
"""

from dataclasses import dataclass, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnloop.errors import SettingsError


@dataclass
class DatasetSettings:
    name: str
    title: str  # as the prompt and the report name it
    description: str  # one clause for the prompt: what is on the pictures
    classes: int
    channels: int
    size: int  # pixels, square
    mean: list[float]  # per channel, of pixels in [0, 1]
    std: list[float]
    flip: bool  # random horizontal flips in training
    crop_pad: int  # pixels of padding before a random crop in training; 0 is no crop
    min_accuracy: float  # default of admission.min_accuracy
    root: str | None  # folder of the raw files, in the layout of torchvision's class; None: $NNLOOP_CACHE/raw
    verify: bool  # compare checksums and sizes with the published ones
    val_fraction: float  # share of the training set that is cut off for validation, stratified
    split_seed: int


@dataclass
class ProxySettings:
    """The one-epoch recipe. `lr` is the peak of the one-cycle schedule and reaches the candidate as prm["lr"]."""

    name: str
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    min_steps: int  # steps an epoch has at least: small training sets get smaller batches than batch_size
    warmup_share: float  # share of the steps in which the learning rate rises
    clip_norm: float  # gradient norm; 0 is no clipping
    dropout: float  # reaches the candidate as prm["dropout"]


@dataclass
class HfLlmSettings:
    """A causal LM run by transformers."""

    name: str
    engine: str  # hf
    model: str  # hub id or folder
    revision: str | None
    adapter: str | None  # folder of a LoRA adapter to start from (the papers' transfer); None: the bare model
    device: str  # auto, cpu, cuda, cuda:1, ...
    dtype: str  # auto (bfloat16 on a GPU, float32 on a CPU), float32, bfloat16, float16
    temperature: float  # 0 is greedy
    top_k: int  # 0 is off
    top_p: float
    max_new_tokens: dict[str, int]  # by mode
    context_length: int  # tokens, prompt and completion together
    batch_size: int  # prompts generated together
    diff_context: int  # context lines of the diffs it is trained to write
    diff_line_numbers: bool  # whether those diffs carry headers and line numbers
    lora: dict[str, Any]  # values of finetune=lora that suit this model better than that file's


@dataclass
class RandomLlmSettings:
    """No LLM: random structural edits, the baseline that no paper ran."""

    name: str
    engine: str  # random
    edits: dict[str, int]  # operators applied to the baseline shown, by mode
    diff_context: int
    diff_line_numbers: bool


@dataclass
class ScriptedLlmSettings:
    """Replays a JSONL file of {"text": ...}: slot s of cycle c gets line c * candidates + s, wrapping."""

    name: str
    engine: str  # scripted
    path: str
    delay_s: float  # pause before each completion, so that a test can kill a run in the middle
    diff_context: int
    diff_line_numbers: bool


@dataclass
class DeltaSettings:
    name: str  # delta
    edit_format: str  # asked for and trained on: unified (a diff) or search_replace (blocks); both are read
    max_params: int | None  # parameters a network may have: told to the LLM and checked; None is no limit


@dataclass
class FullSettings:
    name: str  # full
    max_params: int | None


@dataclass
class UniformParentsSettings:
    """Uniform draws: with probability corpus_share from the corpus, else from the networks that the run selected."""

    name: str
    corpus_share: float


@dataclass
class SingleContextSettings:
    """The prompt shows the baseline and nothing else."""

    name: str


@dataclass
class LoraSettings:
    """PEFT LoRA at the end of each cycle (paper A and B: r 32, alpha 32, dropout 0.05, lr 1e-5)."""

    name: str
    rank: int
    alpha: int
    dropout: float
    targets: list[str]  # names of the linear layers
    layers: int | None  # only the first so many transformer blocks (paper A: 24 of 30); None is all
    lr: float
    epochs: int
    batch_size: int
    accumulation: int  # batches per optimizer step
    warmup_steps: int
    weight_decay: float
    clip_norm: float
    max_length: int  # tokens of prompt and completion; longer pairs are dropped and counted
    max_pairs: int  # newest selected pairs a cycle trains on, corpus pairs fill up
    restart: bool  # start each cycle's adapter from llm.adapter or the bare model instead of the last adapter


@dataclass
class NoFinetuneSettings:
    """The frozen-LLM baseline."""

    name: str


@dataclass
class MinHashSettings:
    """Near-duplicates by MinHash-LSH retrieval and exact Jaccard."""

    name: str
    unit: str  # tokens (paper A) or chars (paper B)
    shingle: int  # units per shingle
    permutations: int
    lsh_threshold: float  # Jaccard at which LSH should retrieve
    threshold: float  # a network at or above this Jaccard to a known one is not novel


@dataclass
class NoNoveltySettings:
    """Everything but an exact duplicate is novel."""

    name: str


@dataclass
class SeedCorpusSettings:
    """nnloop's own seed networks."""

    name: str


@dataclass
class SandboxSettings:
    name: str  # auto, strict, inline
    scratch_mb: int  # size of the only writable folder
    without: list[str]  # layers to leave off, for a machine where one of them makes trouble


@dataclass
class LocalExecutorSettings:
    name: str
    workers: int | None  # trials at once; None: one per core
    wall_s: float  # per trial
    memory_gb: float  # per trial
    retries: int  # of a trial that our own machinery failed


@dataclass
class WandbSettings:
    name: str
    project: str
    entity: str | None
    mode: str  # auto (online with a key and an answering server, else offline), offline, online
    timeout_s: float  # of the preflight


@dataclass
class NoTrackerSettings:
    name: str


@dataclass
class SearchJobSettings:
    name: str


@dataclass
class EvaluateJobSettings:
    name: str


@dataclass
class ReportJobSettings:
    name: str


@dataclass
class ValidateJobSettings:
    """Long trials of some of the networks that `runs` found (paper B, 50-epoch study)."""

    name: str
    networks: int
    rule: str  # stratified over the range of proxy accuracies, or top (paper B): a top-k sample can't show ranking


@dataclass
class PretrainSettings:
    """The recipe. The learning rates are warmed up, held, and let down linearly at the end."""

    name: str
    seed: int
    steps: int
    warmup_steps: int
    decay_share: float  # of all steps
    batch_tokens: int  # a step, padding counted in
    row_tokens: int  # longer rows lose their last answers
    delta_answers: int  # a row
    full_answers: int
    full_share: float  # of rows
    prompt_weight: float  # of a prompt's token in the loss; an answer's has 1
    matrix_lr: float  # Muon: the matrices of the layers
    other_lr: float  # AdamW: embeddings, norms and biases
    weight_decay: float  # of the matrices
    vocab_size: int
    tokenizer_documents: int
    layers: int
    hidden_size: int
    feed_forward: int
    heads: int
    kv_heads: int
    device: str  # auto, cpu, cuda
    threads: int
    workers: int  # processes that write rows
    compile: bool
    checkpoint_minutes: float
    evaluate_every: int  # steps
    evaluate_networks: int  # held out


@dataclass
class AdmissionSettings:
    min_accuracy: float  # validation accuracy a network needs to be admitted
    pool: str  # which networks become baselines and training targets: better (than their parent) or admitted


@dataclass
class Settings:
    """The whole config, typed."""

    job: Any
    llm: Any
    dataset: DatasetSettings
    mode: Any
    parents: Any
    context: Any
    proxy: ProxySettings
    finetune: Any
    novelty: Any
    corpus: Any
    sandbox: SandboxSettings
    executor: Any
    tracker: Any
    admission: AdmissionSettings
    name: str  # folder under outputs/
    seed: int
    cycles: int
    candidates: int  # completions per cycle
    candidate: str | None  # job=evaluate: a file or a glob
    runs: str | None  # job=report and job=validate: a run folder or a folder of runs


KINDS: dict[str, dict[str, type]] = {
    "job": {
        "search": SearchJobSettings,
        "evaluate": EvaluateJobSettings,
        "report": ReportJobSettings,
        "validate": ValidateJobSettings,
        "pretrain": PretrainSettings,
    },
    "llm": {"hf": HfLlmSettings, "random": RandomLlmSettings, "scripted": ScriptedLlmSettings},
    "dataset": {"": DatasetSettings},
    "mode": {"delta": DeltaSettings, "full": FullSettings},
    "parents": {"uniform": UniformParentsSettings},
    "context": {"single": SingleContextSettings},
    "proxy": {"": ProxySettings},
    "finetune": {"lora": LoraSettings, "off": NoFinetuneSettings},
    "novelty": {"tokens": MinHashSettings, "chars": MinHashSettings, "off": NoNoveltySettings},
    "corpus": {"seeds": SeedCorpusSettings},
    "sandbox": {"": SandboxSettings},
    "executor": {"local": LocalExecutorSettings},
    "tracker": {"wandb": WandbSettings, "none": NoTrackerSettings},
    "admission": {"": AdmissionSettings},
}
"""The dataclass of each group's option, by its engine (llm) or name; "" where all options share one."""


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
    candidate: str | None
    runs: str | None


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
    for key, value, low, high in _ranges(settings):
        if not low <= value <= high:
            raise SettingsError(f"{key}={value}: must lie between {low:g} and {high:g}")
    if isinstance(settings.mode, DeltaSettings):
        _check_choice("mode.edit_format", settings.mode.edit_format, ("unified", "search_replace"))
    _check_choice("sandbox.name", settings.sandbox.name, ("auto", "strict", "inline"))
    _check_choice("admission.pool", settings.admission.pool, ("better", "admitted"))
    if isinstance(settings.tracker, WandbSettings):
        _check_choice("tracker.mode", settings.tracker.mode, ("auto", "offline", "online"))
    if isinstance(settings.llm, HfLlmSettings):
        _check_choice("llm.dtype", settings.llm.dtype, ("auto", "float32", "bfloat16", "float16"))
        _refuse_unknown("llm.lora.", set(settings.llm.lora), {field.name for field in fields(LoraSettings)})
        _refuse_unknown("llm.max_new_tokens.", set(settings.llm.max_new_tokens), set(KINDS["mode"]))
    if settings.job.name == "evaluate" and not settings.candidate:
        raise SettingsError("candidate: job=evaluate needs candidate=<file or glob>")
    if settings.job.name in ("report", "validate") and not settings.runs:
        raise SettingsError(f"runs: job={settings.job.name} needs runs=<folder of a run or of several>")
    if isinstance(settings.job, ValidateJobSettings):
        _check_choice("job.rule", settings.job.rule, ("stratified", "top"))


def _check_choice(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{key}={value}: must be one of {', '.join(allowed)}")


def _ranges(settings: Settings) -> list[tuple[str, float, float, float]]:
    """(key, value, lowest, highest) of every bounded number."""
    big = 1e12
    proxy, dataset = settings.proxy, settings.dataset
    ranges: list[tuple[str, float, float, float]] = [
        ("seed", settings.seed, 0, 2**31 - 1),
        ("cycles", settings.cycles, 1, 10_000),
        ("candidates", settings.candidates, 1, 100_000),
        ("admission.min_accuracy", settings.admission.min_accuracy, 0, 1),
        ("dataset.val_fraction", dataset.val_fraction, 0.01, 0.5),
        ("dataset.crop_pad", dataset.crop_pad, 0, 64),
        ("proxy.epochs", proxy.epochs, 1, 10_000),
        ("proxy.batch_size", proxy.batch_size, 2, 65_536),
        ("proxy.min_steps", proxy.min_steps, 1, 100_000),
        ("proxy.lr", proxy.lr, 1e-8, 100),
        ("proxy.momentum", proxy.momentum, 0, 0.9999),
        ("proxy.weight_decay", proxy.weight_decay, 0, 10),
        ("proxy.label_smoothing", proxy.label_smoothing, 0, 0.99),
        ("proxy.warmup_share", proxy.warmup_share, 0.01, 0.99),
        ("proxy.clip_norm", proxy.clip_norm, 0, big),
        ("proxy.dropout", proxy.dropout, 0, 0.99),
        ("sandbox.scratch_mb", settings.sandbox.scratch_mb, 1, 1_000_000),
        ("executor.wall_s", settings.executor.wall_s, 0.5, big),
        ("executor.memory_gb", settings.executor.memory_gb, 0.5, 1e5),
        ("executor.retries", settings.executor.retries, 0, 100),
    ]
    if settings.executor.workers is not None:
        ranges.append(("executor.workers", settings.executor.workers, 1, 4096))
    if settings.mode.max_params is not None:
        ranges.append(("mode.max_params", settings.mode.max_params, 1, big))
    for name in ("max_new_tokens", "edits"):
        ranges += [(f"llm.{name}.{mode}", number, 1, big) for mode, number in getattr(settings.llm, name, {}).items()]
    for group, keys in _BOUNDS.items():
        node = getattr(settings, group)
        there = {key: bounds for key, bounds in keys.items() if hasattr(node, key)}
        ranges += [(f"{group}.{key}", getattr(node, key), *bounds) for key, bounds in there.items()]
    return ranges


_BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "job": {"networks": (1, 1e6)},
    "llm": {
        "temperature": (0, 10),
        "top_k": (0, 1e6),
        "top_p": (1e-6, 1),
        "context_length": (16, 1e7),
        "batch_size": (1, 4096),
        "diff_context": (0, 100),
        "delay_s": (0, 3600),
    },
    "parents": {"corpus_share": (0, 1)},
    "finetune": {
        "rank": (1, 4096),
        "alpha": (1, 65_536),
        "dropout": (0, 0.99),
        "lr": (0, 1),
        "epochs": (1, 1000),
        "batch_size": (1, 4096),
        "accumulation": (1, 4096),
        "warmup_steps": (0, 1e6),
        "weight_decay": (0, 10),
        "clip_norm": (0, 1e6),
        "max_length": (16, 1e7),
        "max_pairs": (1, 1e6),
    },
    "novelty": {
        "shingle": (1, 1000),
        "permutations": (16, 4096),
        "lsh_threshold": (0.05, 0.99),
        "threshold": (0, 1),
    },
    "tracker": {"timeout_s": (0.1, 600)},
}
"""Bounds of the numbers that only some options of a group have."""
