"""The frozen records that pass between the packages. Imports only the standard library, and their JSON form."""

import ast
import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum

from nnloop.json_record import Record


class Status(StrEnum):
    """The outcome of one completion."""

    OK = "ok"
    NO_ANSWER = "no_answer"  # the LLM's server refused, or sent nothing that is an answer, after retries
    UNPARSEABLE = "unparseable"  # no code, or code that is not Python
    TRUNCATED = "truncated"  # ended by the token limit or as a loop before its answer was whole
    PATCH_FAILED = "patch_failed"  # a diff that does not apply
    NO_CHANGE = "no_change"  # a diff that applies and changes nothing
    REJECTED = "rejected"  # refused by the static guard
    BUILD_FAILED = "build_failed"  # the module or Net() raised
    BAD_SHAPE = "bad_shape"  # forward() did not return (B, classes)
    CRASHED = "crashed"  # raised or died while training
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"  # non-finite loss or logits, or a loss worse than guessing late in training
    BELOW_CHANCE = "below_chance"  # trained, no better than guessing
    DUPLICATE = "duplicate"  # same candidate id as an earlier one; never trained again
    TAMPERED = "tampered"  # code of torch or nnloop was replaced, or the network trained before its training
    OFF_RECIPE = "off_recipe"  # not what the recipe gives, in training or answers; the reason says what was seen
    INFRASTRUCTURE = "infrastructure"  # a fault of ours or of the machine, after retries


COMPLETED = frozenset({Status.OK, Status.BELOW_CHANCE})
"""Statuses of a trial that trained to its end; the papers call it valid."""


REWRITE = "rewrite"
"""The salvage that takes a whole program in answer to a prompt for a diff."""


@dataclass(frozen=True, slots=True)
class Network(Record):
    """A network that can be a parent: from the corpus, or from a trial of this run.

    `val_accuracy` is a fraction, the mean over `trials`; None: no trial on this dataset by this protocol is known.
    """

    id: str
    code: str
    name: str
    val_accuracy: float | None = None
    params: int | None = None
    trials: int = 1
    noise: float | None = None  # standard deviation of one trial's accuracy; None: fewer than two trials show none
    variant_of: str | None = None  # id of a corpus network: this one differs little from it, and only makes pairs
    dataset: str = ""  # that it is judged on, of a pool; empty: the run has one
    hp: dict[str, float] = field(default_factory=dict)  # its own hyperparameters under LEMUR's names; empty: the run's
    transform: str = ""  # its own, under LEMUR's name; empty: the run's
    weights: int | None = None  # as in its trial's result
    flops: int | None = None
    estimate: float | None = None  # of its accuracy, less the luck of its trials; None: selection.estimate=trial

    @property
    def worth(self) -> float:
        """Accuracy by which networks are ranked and compared: the estimate, else that of the trials, else 0."""
        return self.estimate if self.estimate is not None else self.val_accuracy or 0.0

    def on(self, dataset: str) -> "Network":
        """Return this network as a pool's member for one dataset, whose name ends its id; "": unchanged."""
        family = self.variant_of and pooled(self.variant_of, dataset)
        return replace(self, id=pooled(self.id, dataset), variant_of=family, dataset=dataset)


BLANK = Network(id="blank", code="", name="no network")
"""The parent of an answer to a prompt that shows no network."""


@dataclass(frozen=True, slots=True)
class Prompt(Record):
    """The user message for the LLM, before any chat template, and the networks that it shows."""

    text: str
    parent: str  # id of the network to change
    mode: str
    shown: list[str] = field(
        default_factory=list
    )  # ids of the networks that the context shows, or cycle.slot of attempts
    dropped: int = 0  # items of the context that did not fit
    dataset: str = ""  # of a pool; empty: the run has one


@dataclass(frozen=True, slots=True)
class Generation(Record):
    """Everything about one completion but its texts: its slot, its prompt's facts, and how it was generated."""

    cycle: int
    slot: int
    parent: str  # id of the network that the prompt asked to change
    mode: str
    seed: int
    tokens: int  # generated
    prompt_tokens: int
    lines: int  # of the completion
    seconds: float  # its share of the time that its batch took
    adapter: str | None = None  # hash of the LLM's adapter; None: the bare model
    retry_of: int | None = None  # slot of this cycle whose failed answer went back to the LLM
    shown: list[str] = field(default_factory=list)  # as in the prompt
    dropped: int = 0  # as in the prompt
    truncated: bool = False  # ended by the token limit
    operators: list[str] = field(default_factory=list)  # edits that llm=bandit made, by name
    looped: bool = False  # ended because it said the same over and over (llm.max_repeats)
    failure: str = ""  # why the LLM's server gave no answer; empty: it did
    dataset: str = ""  # as in the prompt


@dataclass(frozen=True, slots=True)
class Completion(Record):
    """One answer of the LLM: the prompt, the text, and the facts of its generation."""

    generation: Generation
    prompt: str
    text: str

    @property
    def cycle(self) -> int:
        """Cycle that asked for it."""
        return self.generation.cycle

    @property
    def slot(self) -> int:
        """Number of the completion in its cycle, from 0."""
        return self.generation.slot


@dataclass(frozen=True, slots=True)
class Candidate(Record):
    """The code of one network, and the completion that it came from.

    A corpus network has mode "corpus", no parent and cycle -1; a network from the user has mode "given".
    """

    id: str
    code: str
    mode: str
    parent: str | None
    cycle: int
    slot: int
    dataset: str = ""  # of a pool; empty: the run has one
    hp: dict[str, float] = field(default_factory=dict)  # as of a network
    transform: str = ""


@dataclass(frozen=True, slots=True)
class NoveltyVerdict(Record):
    """The comparison with all known networks: the nearest one and its exact Jaccard similarity; None and 0 if none."""

    novel: bool
    max_jaccard: float
    nearest: str | None
    threshold: float


PATIENCE = 4.0
"""The wall clock of a trial may run this many times as long as its work."""


@dataclass(frozen=True, slots=True)
class Limits(Record):
    """The resources that one trial may use.

    A trial that is slowed down by its neighbours is not charged for it: `wall_s` are seconds of work, of the processor
    time of each of its cores, and only `longest_s` are seconds of the clock.
    """

    wall_s: float
    memory_bytes: int
    output_bytes: int = 65536

    @property
    def longest_s(self) -> float:
        """The wall clock's limit, after which a trial ends that waits instead of working."""
        return PATIENCE * self.wall_s


@dataclass(frozen=True, slots=True)
class Trial(Record):
    """One training of one candidate; the executor has the dataset and the protocol."""

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
    """The result of a trial. Accuracies are fractions in [0, 1]; None: the trial ended before."""

    status: Status
    reason: str = ""
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    params: int | None = None
    flops: int | None = None  # forward pass of one image, multiply-adds counted as two
    train_loss: float | None = None  # mean over the steps; None if the network trained by its own loop
    seconds: float = 0.0  # wall time, from the start in a worker to the result
    peak_bytes: int | None = None
    sandbox: str = ""  # the sandbox layers in force
    graph: str | None = None  # JSON of the operator graph; its own word: traced in a process that runs its code
    precision: str = ""  # bfloat16 or float32; its own word
    memory_format: str = ""  # of network and images, channels_last or default; its own word
    curve: list[list[float]] = field(default_factory=list)  # [epoch, val_accuracy] after each segment; [] for one
    weights: int | None = None  # values that the trained network keeps, buffers included: counted by the parent


@dataclass(frozen=True, slots=True)
class AccuracyEstimate(Record):
    """An estimate of a network's accuracy from its trial and its parent (loop.estimates)."""

    value: float  # a fraction
    noise: float  # standard deviation of one trial at this level of accuracy
    share: float  # of the trial in the estimate; the rest is the parent's


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One line of archive.jsonl: everything about one completion but its text and code."""

    generation: Generation
    candidate: str | None  # id; None: no code came out
    status: Status
    reason: str = ""
    result: TrialResult | None = None  # None: nothing was trained; a duplicate has the first one's
    novelty: NoveltyVerdict | None = None  # None: not compared
    admitted: bool = False
    selected: bool = False  # becomes a parent and a target of the fine-tune
    salvaged: list[str] = field(default_factory=list)  # what mode.salvage and its like did to the answer
    hp: dict[str, float] = field(default_factory=dict)  # the candidate's own hyperparameters; empty: the run's
    transform: str = ""  # the candidate's own; empty: the run's
    estimate: AccuracyEstimate | None = None  # None: not a new network, selection.estimate=trial, or noise not measured

    @property
    def cycle(self) -> int:
        """Cycle of the completion."""
        return self.generation.cycle

    @property
    def slot(self) -> int:
        """Number of the completion in its cycle, from 0; retries come after all first answers."""
        return self.generation.slot

    @property
    def parent(self) -> str:
        """Id of the network that the LLM was asked to change."""
        return self.generation.parent

    @property
    def dataset(self) -> str:
        """Dataset of the completion, of a pool; empty: the run has one."""
        return self.generation.dataset

    @property
    def mode(self) -> str:
        """Mode of the prompt: full or delta."""
        return self.generation.mode

    @property
    def retry_of(self) -> int | None:
        """Slot of the failed answer that this one retries; None for a first answer."""
        return self.generation.retry_of

    @property
    def valid(self) -> bool:
        """True if training completed, for this candidate or the earlier one that it repeats."""
        return self.result is not None and self.result.status in COMPLETED

    @property
    def val_accuracy(self) -> float | None:
        """Validation accuracy of a valid entry, a fraction."""
        return self.result.val_accuracy if self.result and self.valid else None


@dataclass(frozen=True, slots=True)
class Interval(Record):
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FinetuneResult(Record):
    """The outcome of one fine-tune. Losses are means per token that counts (finetune.loss_on); None without a pair."""

    adapter: str | None = None  # hash of the adapter used from now on: the old one if all pairs were dropped
    pairs: int = 0  # pairs trained on
    dropped: int = 0  # pairs longer than finetune.max_length
    too_long: int = 0  # pairs of the corpus that were left out, their targets being longer than llm.max_new_tokens
    own: int = 0  # pairs of the run's own networks, dropped ones included
    own_share: float | None = None  # mean tokens of their targets by those of the networks; None without such a pair
    steps: int = 0
    tokens: int = 0  # trained on, prompts included, all epochs together
    loss: float | None = None  # training loss over the last epoch
    held_out_loss: float | None = None  # on pairs held out, after training
    held_out_loss_before: float | None = None  # before training
    optimizer: str = ""
    epoch: int | None = None  # whose weights were kept, from 1; None: the last one's


@dataclass(frozen=True, slots=True)
class FinetuneStep(Record):
    """One optimizer step of a fine-tune."""

    step: int  # from 1
    steps: int  # of the whole fine-tune
    loss: float  # mean per completion token of the step's pairs, before the step
    lr: float  # learning rate


@dataclass(frozen=True, slots=True)
class Counts(Record):
    """Completions and networks of one cycle; generated, distinct and duplicates leave retries out."""

    generated: int
    distinct: int  # distinct valid candidates that are new in this cycle
    admitted: int
    admitted_total: int  # up to this cycle's end
    selected: int
    duplicates: int
    retries: int = 0
    retries_valid: int = 0
    salvaged: int = 0  # answers that took a salvage to be read: mode.salvage, mode.fuzz, mode.rewrites
    rewrites: int = 0  # of them, whole programs in answer to a prompt for a diff
    truncated: int = 0  # answers ended by the token limit
    looped: int = 0  # answers ended because they said the same over and over
    dropped: int = 0  # items of contexts that did not fit in their prompts, retries included
    not_shown: int = 0  # networks that are no parents, since prompt or answer would exceed the LLM's limits


@dataclass(frozen=True, slots=True)
class Costs(Record):
    """The resources that one cycle took, retries included."""

    seconds: dict[
        str, float
    ]  # wall time by stage: generate, evaluate, finetune, total; cpu: of this process; trials: summed over workers
    tokens: int  # generated
    prompt_tokens: int
    peak_bytes: int  # of this process and its largest trial
    gpu_seconds: float | None = None  # wall seconds times GPUs; None without GPUs
    joules: float | None = None  # energy of the GPUs; None without GPUs, or if one can't tell

    @property
    def by_unit(self) -> dict[str, float]:
        """Tokens, prompt_tokens, seconds, gpu_seconds and joules; unknown ones are left out."""
        values = {
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "seconds": self.seconds.get("total"),
            "gpu_seconds": self.gpu_seconds,
            "joules": self.joules,
        }
        return {unit: value for unit, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class CycleReport(Record):
    """One closed cycle.

    Means are over distinct valid first answers unless a comment says otherwise; None if there are none. Retries do not
    count in statuses, rates and means, but they do in best.
    """

    cycle: int
    statuses: dict[str, int]
    valid_rate: Interval  # Wilson, over all first answers
    mean_accuracy: Interval | None  # bootstrap
    mean_accuracy_all: float  # per first answer, invalid counted 0
    best_accuracy: float | None
    best_candidate: str | None
    share_above: Interval | None  # of valid distinct candidates at or above admission.min_accuracy
    mean_jaccard: float | None  # to the nearest known network
    mean_tokens: float  # per first answer
    mean_lines: float
    adapter: str | None  # hash of the adapter that this cycle generated with
    counts: Counts
    costs: Costs
    finetune: FinetuneResult | None = None  # None: nothing was tuned
    before: FinetuneResult | None = None  # of the fine-tune before the first cycle, which stands in that one's report

    @property
    def costs_per_admitted(self) -> dict[str, float]:
        """`costs.by_unit` per admitted network; empty if none was admitted."""
        admitted = self.counts.admitted
        return {unit: value / admitted for unit, value in self.costs.by_unit.items()} if admitted else {}


def pooled(id: str, dataset: str) -> str:
    """Return the id of a network on one dataset of a pool, where the same code is a network on each; "": the id."""
    return f"{id}-{dataset}" if dataset else id


def candidate_id(code: str) -> str:
    """Return a network's id: the sha256, shortened, of its source without comments, docstrings and formatting.

    Raises SyntaxError if the source is not Python (ValueError for NUL bytes, RecursionError or MemoryError for absurd
    nesting).
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
