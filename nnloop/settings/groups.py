"""The whole config, typed: one dataclass per option kind of a group in conf/, with types, units and reasons.

The jobs' and trackers' are here; `models`, `trials` and `strategy` hold the other groups'. They hold no defaults:
values live in conf/ alone. They are not frozen, because OmegaConf cannot compose frozen ones.
"""

from dataclasses import dataclass
from typing import Any

from nnloop.settings.strategy import AdmissionSettings, BudgetSettings, SearchSettings, SelectionSettings
from nnloop.settings.trials import DatasetSettings, LemurProxySettings, ProxySettings, SandboxSettings


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
class ExportJobSettings:
    """Admitted networks of finished searches as LEMUR has them."""

    name: str


@dataclass
class AdoptJobSettings:
    """Networks and adapters made elsewhere, for a search to start from."""

    name: str


@dataclass
class MemoryJobSettings:
    name: str


@dataclass
class ReportJobSettings:
    name: str
    last_cycles: int | None  # that the final comparison of arms takes; None: the last quarter of the shortest run
    baseline: str | None  # arms to compare all others with, such as finetune=off; None: arms that differ in one setting


@dataclass
class DashboardJobSettings:
    name: str


@dataclass
class PrepareJobSettings:
    name: str


@dataclass
class ValidateJobSettings:
    """Long trials of some of the networks that `runs` found (paper B, 50-epoch study)."""

    name: str
    networks: int
    checkpoint_epochs: int  # epochs after which a long trial leaves a checkpoint to go on from
    rule: str  # stratified over the range of proxy accuracies, or top (paper B): a top-k sample can't show ranking


@dataclass
class Settings:
    """The whole config, typed."""

    job: Any
    llm: Any
    dataset: DatasetSettings
    mode: Any
    parents: Any
    context: Any
    proxy: ProxySettings | LemurProxySettings
    finetune: Any
    novelty: Any
    corpus: Any
    sandbox: SandboxSettings
    executor: Any
    tracker: Any
    admission: AdmissionSettings
    selection: SelectionSettings
    budget: BudgetSettings
    search: SearchSettings
    name: str  # folder under outputs/
    seed: int
    cycles: int
    candidates: int  # completions per cycle
    retries: int  # times that a failed completion goes back to the LLM with the reason; see modes.context
    candidate: str | None  # job=evaluate: a file or a glob
    runs: str | None  # job=report, job=validate and job=export: a run folder or a folder of runs
    to: str | None  # job=export: the folder to write to
    folder: str | None  # job=adopt: where networks and adapters are looked for
    summaries: str | None  # folder in which a finished run leaves its summary as <run>.json, for a repository to keep
    resume: str  # continue, fork (from the folder that the command names without this), or a run folder to start from
    dry_run: bool
