"""The whole config, typed: one dataclass per option kind of a group in conf/.

The jobs' and trackers' are here; `models`, `evaluation` and `strategy` hold the other groups'. They hold no defaults:
values live in conf/ alone. They are not frozen, because OmegaConf cannot compose frozen ones.
"""

from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any, get_args

from nnloop.settings.evaluation import (
    DatasetSettings,
    ExecutorSettings,
    FolderDatasetSettings,
    HubDatasetSettings,
    ImagenetteSettings,
    LemurProxySettings,
    NpzDatasetSettings,
    PoolSettings,
    ProxySettings,
    SandboxSettings,
    SvhnSettings,
)
from nnloop.settings.models import FinetuneSettings, LlmSettings, PretrainSettings
from nnloop.settings.setting import LABEL, PLACE, RESULT, rules, setting
from nnloop.settings.strategy import (
    AdmissionSettings,
    BudgetSettings,
    ContextSettings,
    CorpusSettings,
    IncumbentSettings,
    ModeSettings,
    NoveltySettings,
    ParentsSettings,
    SearchSettings,
    SelectionSettings,
)


@dataclass
class WandbSettings:
    """Weights & Biases."""

    name: str = setting(PLACE, words=["wandb"])
    project: str = setting(LABEL)
    entity: str | None = setting(LABEL)
    mode: str = setting(PLACE, words=["auto", "offline", "online"])  # auto: online with a key and an answering server
    timeout_s: float = setting(PLACE, 0.1, 600)  # of the look whether the server answers
    system: bool | None = setting(PLACE)  # load, memory and energy of the machine; None: where a GPU is used
    console: bool = setting(PLACE)  # what the search prints
    code: bool = setting(PLACE)  # nnloop's source, and the checkout's commit with its local changes


@dataclass
class NoTrackerSettings:
    """Nothing is tracked."""

    name: str = setting(PLACE, words=["none"])


TrackerSettings = WandbSettings | NoTrackerSettings


@dataclass
class PlainJobSettings:
    """A command that the settings outside its group describe in full."""

    name: str = setting(
        RESULT, words=["search", "evaluate", "incumbent", "export", "adopt", "memory", "dashboard", "prepare"]
    )


@dataclass
class ReportJobSettings:
    """Pages, tables and figures of runs."""

    name: str = setting(RESULT, words=["report"])
    last_cycles: int | None = setting(RESULT, 1, 10_000)  # that arms are compared by; None: the last quarter
    baseline: str | None = setting(RESULT)  # arms to compare all others with: finetune=off; None: one setting apart


@dataclass
class ValidateJobSettings:
    """Long trials of some of the networks that `runs` hold (paper B, 50-epoch study)."""

    name: str = setting(RESULT, words=["validate"])
    networks: int = setting(RESULT, 1, 1e6)
    checkpoint_epochs: int = setting(PLACE, 1, 10_000)  # epochs after which a long trial leaves a checkpoint
    rule: str = setting(RESULT, words=["stratified", "top"])  # over the range of accuracies, or the best (paper B)


@dataclass
class PromptJobSettings:
    """The prompt of a network, or of a completion of the run that `runs` names, as the LLM gets it."""

    name: str = setting(RESULT, words=["prompt"])
    cycle: int = setting(RESULT, 1, 10_000)  # of the run, from 1 as on its page
    slot: int = setting(RESULT, 1, 2e6)  # of the cycle, from 1


@dataclass
class WatchJobSettings:
    """A page in the browser that follows the runs that `runs` names."""

    name: str = setting(RESULT, words=["watch"])
    port: int = setting(PLACE, 0, 65535)  # of the loopback; 0: any free one


JobSettings = (
    PlainJobSettings | ReportJobSettings | ValidateJobSettings | PromptJobSettings | WatchJobSettings | PretrainSettings
)


@dataclass
class Settings:
    """The whole config: the groups, and the settings beside them."""

    job: JobSettings
    llm: LlmSettings
    dataset: (
        DatasetSettings
        | SvhnSettings
        | ImagenetteSettings
        | FolderDatasetSettings
        | NpzDatasetSettings
        | HubDatasetSettings
        | PoolSettings
    )
    mode: ModeSettings
    parents: ParentsSettings
    context: ContextSettings
    proxy: ProxySettings | LemurProxySettings
    finetune: FinetuneSettings
    novelty: NoveltySettings
    corpus: CorpusSettings
    sandbox: SandboxSettings
    executor: ExecutorSettings
    tracker: TrackerSettings
    admission: AdmissionSettings
    selection: SelectionSettings
    budget: BudgetSettings
    search: SearchSettings
    incumbent: IncumbentSettings
    name: str = setting(LABEL)  # folder under outputs/
    seed: int = setting(RESULT, 0, 2**31 - 1)
    cycles: int = setting(RESULT, 1, 10_000)
    candidates: int = setting(RESULT, 1, 100_000)  # completions per cycle
    retries: int = setting(RESULT, 0, 10)  # times that a failed completion goes back to the LLM with the reason
    candidate: str | None = setting(RESULT, unit="a file or a glob", jobs=["evaluate"], takers=["prompt"])
    runs: str | None = setting(
        RESULT,
        unit="a run folder or a folder of runs",
        jobs=["report", "validate", "incumbent", "export", "watch"],
        takers=["prompt"],
    )
    to: str | None = setting(PLACE, unit="the folder to write to", jobs=["export"])
    folder: str | None = setting(RESULT, unit="the folder of networks and adapters", jobs=["adopt"])
    summaries: str | None = setting(LABEL)  # folder that gets a finished run's summary; of job=report also a .jsonl.xz
    resume: str = setting(RESULT)  # continue, fork (the run that the command names without this), or a run folder
    dry_run: bool = setting(PLACE)


Kind = type[Any]
"""One of the dataclasses that a group of Settings may be."""


def kinds() -> dict[str, list[Kind]]:
    """Return the dataclasses of every group, by its name."""
    return {field.name: _options(field) for field in _groups()}


def options(group: str) -> dict[str, Kind]:
    """Return a group's dataclasses by the word that chooses them, an LLM's engine or a name; {} for a group of one."""
    key = "engine" if group == "llm" else "name"
    choosing = [(kind, kind.__dataclass_fields__[key]) for kind in kinds()[group] if key in kind.__dataclass_fields__]
    return {word: kind for kind, field in choosing for word in rules(field).words}


def plain() -> list[Field[Any]]:
    """Return the settings beside the groups."""
    return [field for field in fields(Settings) if field not in _groups()]


def _groups() -> list[Field[Any]]:
    return [field for field in fields(Settings) if is_dataclass(_options(field)[0])]


def _options(field: Field[Any]) -> list[Kind]:
    return [*get_args(field.type)] or [field.type]
