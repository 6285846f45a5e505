"""The frozen records that pass between the rooms, and their JSON form. Standard library only."""

import ast
import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Status(StrEnum):
    """How one completion ended. Every completion has exactly one."""

    OK = "ok"
    UNPARSEABLE = "unparseable"  # no code, or code that is no Python
    PATCH_FAILED = "patch_failed"  # a diff that does not apply
    NO_CHANGE = "no_change"  # a diff that applies and changes nothing
    REJECTED = "rejected"  # refused by the static guard
    BUILD_FAILED = "build_failed"  # the module or Net() raised
    BAD_SHAPE = "bad_shape"  # forward() gave something else than (B, classes)
    CRASHED = "crashed"  # raised or died while training
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"  # non-finite loss or logits, or a loss worse than guessing late in training
    BELOW_CHANCE = "below_chance"  # trained, no better than guessing
    DUPLICATE = "duplicate"  # same candidate id as an earlier one; never trained again
    TAMPERED = "tampered"  # a training-side trick was noticed
    INFRASTRUCTURE = "infrastructure"  # our own fault, after retries


COMPLETED = frozenset({Status.OK, Status.BELOW_CHANCE})
"""Statuses of a trial whose epoch ran to its end: the papers' valid."""


class Record:
    """JSON both ways for the flat and nested dataclasses below."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = dataclasses.asdict(self)  # type: ignore[call-overload]
        return found

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild the record; unknown keys are an error, missing ones take their default."""
        fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: _revive(fields[name].type, value) for name, value in data.items()})

    def line(self) -> str:
        """One line of JSON, keys in field order."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Network(Record):
    """A network that can be shown as a baseline: from the corpus, or a trial of this run.

    `val_accuracy` is a fraction, or None where no trial of this dataset and proxy is known.
    """

    id: str
    code: str
    name: str
    val_accuracy: float | None = None
    params: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt(Record):
    """What the LLM is asked: the user message, before any chat template."""

    text: str
    baseline: str  # id of the network shown
    mode: str
    shown: list[str] = field(default_factory=list)  # what the context shows beside it: ids of networks, or cycle.slot
    dropped: int = 0  # items of the context that did not fit


@dataclass(frozen=True, slots=True)
class Completion(Record):
    """What the LLM answered. `adapter` is the hash of the adapter in force, None for the bare model."""

    prompt: Prompt
    text: str
    cycle: int
    slot: int
    seed: int
    tokens: int  # generated
    prompt_tokens: int
    seconds: float
    adapter: str | None = None
    truncated: bool = False  # stopped by the token limit
    repairs: int | None = None  # slot of this cycle whose failed answer went back to the LLM


@dataclass(frozen=True, slots=True)
class Candidate(Record):
    id: str
    code: str
    mode: str
    parent: str | None
    cycle: int
    slot: int


@dataclass(frozen=True, slots=True)
class NoveltyVerdict(Record):
    """`max_jaccard` is the exact Jaccard to `nearest`, 0 and None where nothing comes near (LSH found no one)."""

    novel: bool
    max_jaccard: float
    nearest: str | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Limits(Record):
    """What one trial may use."""

    wall_s: float
    memory_bytes: int
    output_bytes: int = 65536


@dataclass(frozen=True, slots=True)
class Trial(Record):
    """One training of one candidate; the dataset and the protocol are the executor's."""

    candidate: Candidate
    dataset: str
    proxy: str
    epochs: int
    seed: int
    limits: Limits
    checkpoint: str | None = None  # file for the training's state between segments; None: one segment, nothing is saved
    segment_epochs: int | None = None  # epochs between two checkpoints


@dataclass(frozen=True, slots=True)
class TrialResult(Record):
    """How a trial ended. Accuracies are fractions, None where the trial did not get so far."""

    status: Status
    reason: str = ""
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    params: int | None = None
    flops: int | None = None  # forward pass of one image, multiply-adds counted as two
    train_loss: float | None = None  # mean over the steps; None where the network trained by its own loop
    seconds: float = 0.0  # wall, from the worker taking the trial up to its result
    peak_bytes: int | None = None
    sandbox: str = ""  # the layers that were in force
    graph: str | None = None  # JSON of training.graph, as the candidate's process traced it: its own word
    precision: str = ""  # bfloat16 or float32: what its process says
    curve: list[list[float]] = field(
        default_factory=list
    )  # [epoch, val_accuracy] at segments' ends; [] for one segment


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One line of archive.jsonl: everything about one completion but its text and code."""

    cycle: int
    slot: int
    status: Status
    reason: str
    candidate: str | None  # id, None where no code came out
    parent: str
    mode: str
    result: TrialResult | None  # None where nothing was trained; a duplicate points at the first's
    verdict: NoveltyVerdict | None
    admitted: bool
    selected: bool  # joins the baseline pool and the SFT pairs
    seed: int
    tokens: int
    prompt_tokens: int
    lines: int  # of the completion
    seconds: float  # generation
    adapter: str | None = None
    repairs: int | None = None  # slot of this cycle that it repairs; its own lies behind the first answers'
    shown: list[str] = field(default_factory=list)  # as in the prompt
    dropped: int = 0
    mended: list[str] = field(default_factory=list)  # what mode.tolerant did to the answer

    @property
    def valid(self) -> bool:
        """Whether the epoch completed, for this candidate or the earlier one that it repeats."""
        return self.result is not None and self.result.status in COMPLETED

    @property
    def val_accuracy(self) -> float | None:
        return self.result.val_accuracy if self.result and self.valid else None


@dataclass(frozen=True, slots=True)
class Interval(Record):
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CycleReport(Record):
    """One closed cycle. Means are over distinct valid candidates unless said; None where there is none.

    Repaired candidates take no part in counts, rates and means; they do in best, admitted, selected and tokens.
    """

    cycle: int
    generated: int
    statuses: dict[str, int]
    valid_rate: Interval  # Wilson, over all completions
    mean_accuracy: Interval | None  # bootstrap
    mean_accuracy_all: float  # per completion, invalid counted 0
    best_accuracy: float | None
    best_candidate: str | None
    share_above: Interval | None  # of valid distinct candidates at or above admission.min_accuracy
    distinct: int  # distinct valid candidates that are new in this cycle
    admitted: int
    admitted_total: int
    selected: int
    duplicates: int
    mean_jaccard: float | None  # to the nearest known network
    tokens: int
    prompt_tokens: int
    mean_tokens: float
    mean_lines: float
    adapter: str | None  # hash of the adapter that this cycle generated with
    adapter_next: str | None  # the one its fine-tune produced
    finetune_loss: float | None
    finetune_pairs: int
    seconds: dict[str, float]  # by stage: generate, evaluate, finetune, total
    peak_bytes: int  # of this process and its largest trial
    finetune_tokens: int = 0  # trained on, prompts included, all epochs together
    finetune_dropped: int = 0  # pairs longer than finetune.max_length
    held_out_loss: float | None = None  # of the pairs that the fine-tune did not learn from, after it
    held_out_loss_before: float | None = None
    gpu_seconds: float | None = None  # wall seconds times GPUs; None without one
    joules: float | None = None  # of the GPUs; None where they don't tell
    repairs: int = 0  # answers to failures, beside those generated
    repaired: int = 0  # of them valid
    mended: int = 0  # answers that mode.tolerant changed before they counted
    dropped: int = 0  # items of contexts that did not fit in their prompts

    @property
    def costs(self) -> dict[str, float]:
        """What the cycle took, by unit; without a GPU, or one that does not tell, its units are not there."""
        found = {
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "seconds": self.seconds.get("total"),
            "gpu_seconds": self.gpu_seconds,
            "joules": self.joules,
        }
        return {unit: value for unit, value in found.items() if value is not None}

    @property
    def costs_per_admitted(self) -> dict[str, float]:
        """The same per admitted network; empty where none was admitted."""
        return {unit: value / self.admitted for unit, value in self.costs.items()} if self.admitted else {}


def candidate_id(code: str) -> str:
    """Identify a network by its normalised source: sha256 after ast.unparse without comments and docstrings.

    Names and numbers are kept. Raises SyntaxError (ValueError for NUL bytes, RecursionError and MemoryError for absurd
    nesting) where the source is no Python.
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return hashlib.sha256(ast.unparse(tree).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    body = node.body
    if ast.get_docstring(node, clean=False) is not None:
        node.body = body[1:] or [ast.Pass()]


def _revive(annotation: Any, value: Any) -> Any:
    """Turn a JSON value back into what the annotation names: a record, a Status, or itself."""
    if value is None:
        return None
    for kind in getattr(annotation, "__args__", (annotation,)):
        if isinstance(kind, type) and issubclass(kind, Record) and isinstance(value, dict):
            return kind.from_json(value)
        if kind is Status:
            return Status(value)
    return value
