"""The work of one SLURM job: run its trials in the sandbox of its node, one after the other."""

import json
from collections.abc import Callable
from pathlib import Path

from nnloop.executor.dispatch import PoolExecutor
from nnloop.executor.local import LocalExecutor
from nnloop.records import Trial, TrialResult
from nnloop.runs.durable import journal, read_lines, write_text

Start = Callable[[], LocalExecutor | PoolExecutor]


def run_trials(requests: Path, start: Start) -> None:
    """Run the trials in a file of requests (a JSON list) and append each result to the JSONL file beside it.

    If SLURM runs a job again, it runs only the trials without a result.
    """
    done = read_results(requests)
    trials = [trial for trial in map(Trial.from_json, json.loads(requests.read_text())) if key(trial) not in done]
    with start() as executor, journal(_results_file(requests)) as out:
        write_text(_warnings_file(requests), "\n".join(executor.shortfalls))
        for trial in trials:
            result = executor.submit(trial).result()
            out.append(json.dumps({"trial": key(trial), "result": result.to_json()}))
            out.sync()


def read_results(requests: Path) -> dict[str, TrialResult]:
    """Read the results that a job has written so far, by the trial's key."""
    return {row["trial"]: TrialResult.from_json(row["result"]) for row in read_lines(_results_file(requests))}


def read_warnings(requests: Path) -> list[str]:
    """Read what a job's node lacks of the resources that were asked for."""
    try:
        return _warnings_file(requests).read_text().splitlines()
    except FileNotFoundError:
        return []


def key(trial: Trial) -> str:
    """Return a text that identifies a trial by everything that can change its result within a run."""
    return f"{trial.candidate.id} {trial.dataset} {trial.proxy} {trial.epochs} {trial.seed}"


def _warnings_file(requests: Path) -> Path:
    return requests.with_suffix(".warnings")


def _results_file(requests: Path) -> Path:
    return requests.with_suffix(".jsonl")
