"""job=validate: train networks of finished searches for long, and see how well the short protocol ranked them.

One dataset and one pair of protocols a job. Finished long trials are kept in trials.jsonl, so that a job started again
in the same folder goes on; a network whose trial was cut short goes on from its last checkpoint.
"""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from nnloop.errors import RunFolderError
from nnloop.executor import Executor
from nnloop.jobs.report import find_runs
from nnloop.records import COMPLETED, Candidate, Entry, Limits, Trial, TrialResult
from nnloop.report import write_validation
from nnloop.report.measures.packs import write_document
from nnloop.report.measures.protocols import by_protocol
from nnloop.report.measures.read import Run, read_all
from nnloop.report.measures.validation import FILE, Validation, ValidationPair, correlation_text, study
from nnloop.runs.durable import journal, read_lines
from nnloop.seeding import derive
from nnloop.settings import Settings, ValidateJobSettings

log = logging.getLogger(__name__)

BINS = 10
RULES = {
    "stratified": f"stratified: {BINS} equal bins over the range of proxy accuracies, drawn from in turn",
    "top": "the networks with the highest proxy accuracy",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A network of a search with its proxy accuracy."""

    run: Run
    entry: Entry
    code: str

    @property
    def name(self) -> str:
        return str(self.entry.candidate)

    @property
    def proxy(self) -> float:
        return self.entry.val_accuracy or 0.0


def run(settings: Settings, networks: int, rule: str, executor: Executor, folder: Path, out: TextIO) -> None:
    """Validate `networks` networks of settings.runs under settings.proxy; print rho and the page's path.

    Raises RunFolderError where the runs are of another dataset or of several protocols.
    """
    runs = [run for path in find_runs(str(settings.runs)) for run in read_all(path)]
    protocol = _one_protocol(runs, settings.dataset.name)
    chosen = select(_candidates(runs), networks, rule, derive(settings.seed, "validation"))
    results = train(
        chosen, executor, lambda one: _trial(one, settings, folder / "checkpoints"), folder / "trials.jsonl"
    )
    pairs = pair_up(chosen, results)
    failed = Counter(str(result.status) for result in results.values() if result.status not in COMPLETED)
    long = f"proxy {settings.proxy.name}, {settings.proxy.epochs} epochs"
    result = study(pairs, settings.dataset.title, protocol, long, RULES[rule], len(chosen), dict(failed))
    validation = Validation(result, pairs, folder)
    write_document(folder / FILE, validation.document)
    if settings.summaries is not None:
        name = f"validation-{settings.dataset.name}-{settings.proxy.epochs}.json"
        write_document(Path(settings.summaries) / name, validation.document)
    page = write_validation(validation)
    print(f"{correlation_text(result.correlation)}\n{page}", file=out)


def select(found: Sequence[Chosen], networks: int, rule: str, seed: int) -> list[Chosen]:
    """Choose by one of RULES; fewer than wanted where there are no more."""
    ranked = sorted(found, key=lambda one: (-one.proxy, one.name))
    if rule == "top" or len(ranked) <= networks:
        return ranked[:networks]
    low, high = ranked[-1].proxy, ranked[0].proxy
    bins: list[list[Chosen]] = [[] for _ in range(BINS)]
    for one in ranked:
        bins[min(BINS - 1, int(BINS * (one.proxy - low) / ((high - low) or 1.0)))].append(one)
    generator = random.Random(seed)
    for members in bins:
        generator.shuffle(members)
    drawn = [members[turn] for turn in range(len(ranked)) for members in reversed(bins) if turn < len(members)]
    return sorted(drawn[:networks], key=lambda one: (-one.proxy, one.name))


def train(
    chosen: Sequence[Chosen], executor: Executor, pose: Callable[[Candidate], Trial], path: Path
) -> dict[str, TrialResult]:
    """Run the long trials that `path` doesn't hold yet; results by network."""
    known = {row["candidate"]: TrialResult.from_json(row["result"]) for row in read_lines(path)}
    missing = [one for one in chosen if one.name not in known]
    log.info("%d long trials, %d of them done already", len(chosen), len(chosen) - len(missing))
    running = {executor.submit(pose(_candidate(one))): one.name for one in missing}
    with journal(path) as trials:
        for future in as_completed(running):
            name, result = running[future], future.result()
            trials.append(json.dumps({"candidate": name, "result": result.to_json()}))
            known[name] = result
            log.info("%d of %d: %s %s", len(known), len(chosen), name, result.status)
    return {one.name: known[one.name] for one in chosen}


def pair_up(chosen: Sequence[Chosen], results: Mapping[str, TrialResult]) -> list[ValidationPair]:
    """Pairs of the networks whose long trial completed, best proxy first."""
    pairs = []
    for one in chosen:
        result = results[one.name]
        if result.status in COMPLETED and result.val_accuracy is not None:  # the two go together
            trained = (result.val_accuracy, result.test_accuracy, result.params, result.seconds, result.curve)
            pairs.append(ValidationPair(one.run.name, one.name, one.proxy, *trained))
    return pairs


def _candidates(runs: Sequence[Run]) -> list[Chosen]:
    """Distinct valid networks of all runs; one that several runs found counts once."""
    found: dict[str, Chosen] = {}
    for run in runs:
        for entry in run.networks:
            code = run.code(str(entry.candidate))
            if code is not None and entry.val_accuracy is not None:
                found.setdefault(str(entry.candidate), Chosen(run, entry, code))
    return list(found.values())


def _one_protocol(runs: Sequence[Run], dataset: str) -> str:
    """The protocol that all runs share, in words. Raises RunFolderError."""
    others = sorted({str(run.setting("dataset.name")) for run in runs} - {dataset})
    if others:
        raise RunFolderError(f"runs: hold dataset {', '.join(others)}, not {dataset}; name runs of one dataset=")
    protocols = list(by_protocol(runs))
    if len(protocols) > 1:
        raise RunFolderError(f"runs: hold several protocols ({'; '.join(protocols)}); name runs of one")
    epochs = int(runs[0].setting("proxy.epochs", 1))
    return f"proxy {runs[0].setting('proxy.name')}, {epochs} epoch{'s' if epochs != 1 else ''}"


def _candidate(one: Chosen) -> Candidate:
    return Candidate(one.name, one.code, one.entry.mode, one.entry.parent, one.entry.cycle, one.entry.slot)


def _trial(candidate: Candidate, settings: Settings, checkpoints: Path) -> Trial:
    """The executor's time limit is meant for one epoch: a long trial gets it for each of its own."""
    assert isinstance(settings.job, ValidateJobSettings)
    limits = Limits(settings.executor.wall_s * settings.proxy.epochs, int(settings.executor.memory_gb * 2**30))
    seed = derive(settings.seed, "validation", candidate.id)
    return Trial(
        candidate,
        settings.dataset.name,
        settings.proxy.name,
        settings.proxy.epochs,
        seed,
        limits,
        checkpoint=str((checkpoints / f"{candidate.id}.ckpt").absolute()),
        segment_epochs=settings.job.checkpoint_epochs,
    )
