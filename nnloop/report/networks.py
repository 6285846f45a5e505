"""The networks of a run as rows of a table, for programs that read runs."""

from dataclasses import dataclass

from nnloop.records import Entry
from nnloop.report.measures.read import Run


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A distinct network that a run's LLM wrote and that trained to its end.

    Accuracies are fractions in [0, 1] of the network's single trial. A parent is a network of the corpus or of the run.
    """

    id: str
    cycle: int
    slot: int  # of the cycle
    parent: str  # id
    parent_name: str  # the corpus network's name; of one of the run its id
    parent_accuracy: float | None  # validation; of a corpus network the mean of its trials
    val_accuracy: float
    test_accuracy: float | None  # reported, and never used to choose
    admitted: bool
    selected: bool  # becomes a parent and teaches the LLM
    params: int | None
    flops: int | None  # of the forward pass of one image, multiply-adds counted as two
    tokens: int  # that the LLM wrote for it
    prompt_tokens: int
    seconds: float  # of its trial
    max_jaccard: float | None  # similarity to the nearest network that was known; None: not compared
    diff: str  # from the parent's code to this one's, unified
    code: str


def trained_networks(run: Run) -> list[TrainedNetwork]:
    """Return the distinct valid networks of the closed cycles, the most accurate first."""
    return [_row(run, entry) for entry in run.networks]


def _row(run: Run, entry: Entry) -> TrainedNetwork:
    result, identity = entry.result, entry.candidate
    assert result is not None
    assert identity is not None
    return TrainedNetwork(
        id=identity,
        cycle=entry.cycle,
        slot=entry.slot,
        parent=entry.parent,
        parent_name=run.title(entry.parent),
        parent_accuracy=_accuracy(run, entry.parent),
        val_accuracy=result.val_accuracy or 0.0,
        test_accuracy=result.test_accuracy,
        admitted=entry.admitted,
        selected=entry.selected,
        params=result.params,
        flops=result.flops,
        tokens=entry.generation.tokens,
        prompt_tokens=entry.generation.prompt_tokens,
        seconds=result.seconds,
        max_jaccard=entry.novelty.max_jaccard if entry.novelty else None,
        diff=run.diff(entry.parent, identity),
        code=run.code(identity) or "",
    )


def _accuracy(run: Run, network: str) -> float | None:
    if network in run.corpus:
        return run.corpus[network].val_accuracy
    return run.by_id[network].val_accuracy if network in run.by_id else None
