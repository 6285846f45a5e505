"""Overrides that change nothing, or less than they seem to, under the other settings. They are logged, not refused.

A multirun over `llm=tiny,random context=single,memory` makes sense, although llm=random ignores the context.
"""

from collections.abc import Iterator, Sequence

from nnloop.settings.evaluation import FolderDatasetSettings, LemurProxySettings, PoolSettings
from nnloop.settings.groups import Settings, kinds
from nnloop.settings.models import (
    CausalLlmSettings,
    HfLlmSettings,
    LoraSettings,
    OpenAiLlmSettings,
    RandomLlmSettings,
    ScriptedLlmSettings,
)
from nnloop.settings.strategy import SCAN, DeltaSettings, IslandsParentsSettings, MinHashSettings, SingleContextSettings

_TRIALS = ("dataset", "mode", "proxy", "sandbox", "executor", "seed")
_READ_BY = {
    "evaluate": _TRIALS,
    "validate": (*_TRIALS, "summaries"),
    "incumbent": (*_TRIALS, "summaries", "incumbent"),
    "report": ("summaries",),
    "memory": ("llm", "finetune"),
    "prompt": ("llm", *_TRIALS),
    "prepare": ("dataset",),
    "dashboard": ("tracker",),
    "watch": (),
    "pretrain": (),
    "export": (),
    "adopt": (),
}
"""The settings that a job reads beside its own group, the inputs that it needs, and name; a search reads all."""

SQUARE = ("cifar10", "cifar100", "mnist", "svhn", "digits")
"""Datasets whose images are square."""

Reason = tuple[str, str]
"""A dotted key, which stands for all keys below it, and the reason why it has no effect."""


def idle(settings: Settings, overrides: Sequence[str]) -> list[str]:
    """Return a sentence for each override without the effect that it seems to have.

    An overlay's context and retries count as if the command line had named them.
    """
    given = {override.lstrip("+~").partition("=")[0]: override.lstrip("+") for override in overrides}
    if not isinstance(settings.context, SingleContextSettings):
        given.setdefault("context", f"context={settings.context.name}")
    if settings.retries:
        given.setdefault("retries", f"retries={settings.retries}")
    reasons = list(_reasons(settings, sorted(given)))
    told = {key: next((why for above, why in reasons if f"{key}.".startswith(f"{above}.")), None) for key in given}
    return [f"{given[key]}: {why}" for key, why in told.items() if why]


def reads_dataset(job: str) -> bool:
    """Tell whether a job reads images, or what the settings leave to them."""
    return job == "search" or "dataset" in _READ_BY[job]


def _reasons(settings: Settings, given: Sequence[str]) -> Iterator[Reason]:
    job = settings.job.name
    if job != "search":
        known = {*kinds(), "cycles", "candidates", "retries", "seed", "summaries", "resume"} - {"job", *_READ_BY[job]}
        groups = dict.fromkeys(key.partition(".")[0] for key in given)
        yield from ((key, f"job={job} does not read it") for key in groups if key in known)
        return
    yield from _of_the_llm(settings)
    yield from _of_the_diffs(settings)
    yield from _of_the_trials(settings)
    yield from _of_the_strategy(settings)


def _of_the_llm(settings: Settings) -> Iterator[Reason]:
    llm, tuned = settings.llm, isinstance(settings.finetune, LoraSettings)
    if isinstance(settings.finetune, LoraSettings) and settings.finetune.source == "run":
        yield from _each("finetune", ("corpus_pairs", "redraw"), "finetune.source=run takes no pair of the corpus")
    if isinstance(llm, RandomLlmSettings | ScriptedLlmSettings):
        yield "context", f"llm={llm.name} does not read its prompt"
        yield "retries", f"llm={llm.name} does not read the reason of a failure; a retry is one more answer"
        yield "budget.tokens", f"llm={llm.name} writes no tokens"
        if tuned:
            yield "finetune", f"llm={llm.name} has no weights to tune"
    if isinstance(llm, HfLlmSettings | OpenAiLlmSettings) and llm.temperature == 0:
        yield from _each("llm", ("top_k", "top_p"), "llm.temperature=0 always takes the likeliest token")
    if isinstance(llm, OpenAiLlmSettings) and not tuned:
        yield from _each("llm", ("device", "quantize", "dtype"), "only a fine-tune loads the weights here")
    other = "full" if settings.mode.name == "delta" else "delta"
    yield from _each("llm", (f"max_new_tokens.{other}", f"edits.{other}"), f"mode={settings.mode.name} does not use it")


def _of_the_diffs(settings: Settings) -> Iterator[Reason]:
    """Tell what nobody writes: diffs are targets of the fine-tune and answers of llm=random."""
    llm, mode = settings.llm, settings.mode
    written = isinstance(llm, RandomLlmSettings)
    learned = isinstance(settings.finetune, LoraSettings) and isinstance(llm, HfLlmSettings | OpenAiLlmSettings)
    for key in ("llm.diff_context", "llm.diff_line_numbers"):
        if not isinstance(mode, DeltaSettings):
            yield key, f"mode={mode.name} has no diffs"
        elif not (written or learned or (key == "llm.diff_line_numbers" and _asks_for_diffs(settings))):
            yield key, f"llm={llm.name} is not trained to write diffs here"
    if isinstance(mode, DeltaSettings) and mode.edit_format == "search_replace" and not written:
        yield "llm.diff_line_numbers", "the blocks of mode.edit_format=search_replace have no line numbers"
    if isinstance(llm, RandomLlmSettings | ScriptedLlmSettings):
        yield from _each("mode", ("edit_format", "prompt"), f"llm={llm.name} does not read its prompt")
    elif mode.prompt is not None:
        yield "llm.prompt", f"mode.prompt={mode.prompt} names other words"
    tuning = settings.finetune
    taught = isinstance(tuning, LoraSettings) and tuning.corpus_pairs > 0 and tuning.source != "run"
    if not (learned and taught and isinstance(mode, DeltaSettings)):
        yield "corpus.variants", "no fine-tune learns deltas from pairs of the corpus here"


def _asks_for_diffs(settings: Settings) -> bool:
    """Tell whether the prompt shows the header of a diff; tiny's does not."""
    llm = settings.llm
    return isinstance(llm, CausalLlmSettings) and (settings.mode.prompt or llm.prompt) != "tiny"


def _of_the_trials(settings: Settings) -> Iterator[Reason]:
    if isinstance(settings.proxy, LemurProxySettings):
        yield from _each("dataset", ("flip", "crop_pad"), "proxy.transform decides over it")
    if settings.dataset.name == "digits":
        yield from _each("dataset", ("root", "mirror", "verify"), "scikit-learn carries the images of digits")
    if isinstance(settings.dataset, FolderDatasetSettings):
        yield from _each("dataset", ("mirror", "verify"), "own images have no published archives and checksums")
    if settings.dataset.name == "hf":
        yield "dataset.root", "dataset.path names the images"
    if settings.dataset.name in SQUARE:
        yield "dataset.fit", f"the images of {settings.dataset.name} are square"
    if settings.sandbox.name == "inline":
        why = "sandbox=inline runs one trial at a time, without a wall and without limits"
        yield from _each("executor", ("workers", "wall_s", "memory_gb"), why)
        yield from _each("sandbox", ("scratch_mb", "without"), why)


def _of_the_strategy(settings: Settings) -> Iterator[Reason]:
    if isinstance(settings.dataset, PoolSettings):
        yield "incumbent", "the networks of dataset=pool are of several datasets: none is the best of all"
    most = settings.cycles * settings.candidates * (1 + settings.retries)
    if isinstance(settings.novelty, MinHashSettings) and most < SCAN:
        why = f"counts only beyond {SCAN:,} known networks; this run adds at most {most:,}"
        yield from _each("novelty", ("permutations", "lsh_threshold"), why)
    if settings.search.pareto != "none" and settings.parents.name == "uniform":
        yield "parents", f"parents=uniform ranks nothing, so search.pareto={settings.search.pareto} does not change it"
    if settings.budget.patience is not None and settings.budget.patience >= settings.cycles:
        yield "budget.patience", f"a run of cycles={settings.cycles} ends before"
    if settings.search.staleness is not None and settings.search.staleness >= settings.candidates - 1:
        yield "search.staleness", f"a cycle of candidates={settings.candidates} has no more results to be behind"
    if isinstance(settings.parents, IslandsParentsSettings):
        if settings.parents.islands == 1:
            yield from _each("parents", ("every", "migrants"), "parents.islands=1 has no neighbour")
        elif settings.parents.migrants == 0:
            yield "parents.every", "parents.migrants=0 sends nobody"


def _each(group: str, keys: Sequence[str], why: str) -> Iterator[Reason]:
    return ((f"{group}.{key}", why) for key in keys)
