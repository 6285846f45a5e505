"""What one SLURM job does: judge its trials in the sandbox of its node, one after the other."""

import json
from collections.abc import Callable
from pathlib import Path

from nnloop.executor.local import LocalExecutor
from nnloop.records import Trial, TrialResult
from nnloop.runs.durable import journal, read_lines

Start = Callable[[], LocalExecutor]


def work(orders: Path, start: Start) -> None:
    """Run the trials that a file of orders holds and append each result to the file beside it.

    A job that SLURM puts into the queue again goes on where it was.
    """
    done = results(orders)
    trials = [trial for trial in map(Trial.from_json, json.loads(orders.read_text())) if key(trial) not in done]
    with start() as executor, journal(_results(orders)) as out:
        for trial in trials:
            result = executor.submit(trial).result()
            out.append(json.dumps({"trial": key(trial), "result": result.to_json()}))
            out.sync()


def results(orders: Path) -> dict[str, TrialResult]:
    """What the job of these orders has given so far, by the trial's key."""
    return {row["trial"]: TrialResult.from_json(row["result"]) for row in read_lines(_results(orders))}


def key(trial: Trial) -> str:
    """Everything about a trial that its result depends on, as long as the dataset and the protocol are a run's."""
    return f"{trial.candidate.id} {trial.dataset} {trial.proxy} {trial.epochs} {trial.seed}"


def _results(orders: Path) -> Path:
    return orders.with_suffix(".jsonl")
