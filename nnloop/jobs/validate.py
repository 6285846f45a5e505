"""job=validate: train networks of finished searches for many epochs; measure how well the short protocol ranked them.

A job is about one dataset and one pair of protocols. Finished long trials are in trials.jsonl, so a job that is started
again in the same folder continues; an interrupted trial continues from its last checkpoint.
"""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from nnloop import data
from nnloop.errors import RunFolderError
from nnloop.executor import Executor
from nnloop.executor.factory import make_executor
from nnloop.jobs.report import find_runs
from nnloop.records import COMPLETED, Candidate, Limits, Trial, TrialResult
from nnloop.report import write_validation
from nnloop.report.measures.packs import write_document
from nnloop.report.measures.protocols import by_protocol
from nnloop.report.measures.read import Run, read_all
from nnloop.report.measures.validation import FILE, Validation, ValidationPair, correlation_text, study
from nnloop.runs.durable import journal, read_lines
from nnloop.seeding import derive
from nnloop.settings import Settings, ValidateJobSettings, known
from nnloop.settings.members import only

log = logging.getLogger(__name__)

BINS = 10
RULES = {
    "stratified": f"stratified: {BINS} equal bins over the range of proxy accuracies, drawn from in turn",
    "top": "the networks with the highest proxy accuracy",
}


@dataclass(frozen=True, slots=True)
class ProxyTrial:
    """A network with its accuracy under the search's short protocol, a fraction."""

    run: str  # its name
    candidate: Candidate
    accuracy: float

    @property
    def name(self) -> str:
        """Id of the network."""
        return self.candidate.id


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Validate job.networks networks of settings.runs under settings.proxy; print rho and the page's path.

    Raises RunFolderError if the runs are of another dataset or of several protocols.
    """
    with make_executor(settings, data.load(only(settings)), folder) as executor:
        validate(settings, executor, folder=folder, out=out)


def validate(settings: Settings, executor: Executor, *, folder: Path, out: TextIO) -> None:
    """Do the job with an executor that is given."""
    job = settings.job
    assert isinstance(job, ValidateJobSettings)
    runs = [run for path in find_runs(str(settings.runs)) for run in read_all(path)]
    protocol = _one_protocol(runs, settings.dataset.name)
    chosen = select(_proxy_trials(runs), job.networks, rule=job.rule, seed=derive(settings.seed, "validation"))
    make_trial = partial(_long_trial, settings=settings, checkpoints=folder / "checkpoints")
    results = train(chosen, executor, make_trial=make_trial, journal_path=folder / "trials.jsonl")
    pairs = pair_up(chosen, results)
    failed = Counter(str(result.status) for result in results.values() if result.status not in COMPLETED)
    long = f"proxy {settings.proxy.name}, {settings.proxy.epochs} epochs"
    result = study(
        pairs,
        dataset=known(only(settings).title),
        proxy=protocol,
        long=long,
        rule=RULES[job.rule],
        chosen=len(chosen),
        failed=dict(failed),
    )
    validation = Validation(result, pairs, folder)
    write_document(folder / FILE, validation.document)
    if settings.summaries is not None:
        name = f"validation-{settings.dataset.name}-{settings.proxy.epochs}.json"
        write_document(Path(settings.summaries) / name, validation.document)
    page = write_validation(validation)
    print(f"{correlation_text(result.correlation)}\n{page}", file=out)


def select(networks: Sequence[ProxyTrial], count: int, *, rule: str, seed: int) -> list[ProxyTrial]:
    """Select `count` networks by one of RULES, or all if there are fewer; the best comes first."""
    ranked = sorted(networks, key=lambda one: (-one.accuracy, one.name))
    if rule == "top" or len(ranked) <= count:
        return ranked[:count]
    low, high = ranked[-1].accuracy, ranked[0].accuracy
    bins: list[list[ProxyTrial]] = [[] for _ in range(BINS)]
    for one in ranked:
        bins[min(BINS - 1, int(BINS * (one.accuracy - low) / ((high - low) or 1.0)))].append(one)
    generator = random.Random(seed)
    for members in bins:
        generator.shuffle(members)
    in_turn = [members[turn] for turn in range(len(ranked)) for members in reversed(bins) if turn < len(members)]
    return sorted(in_turn[:count], key=lambda one: (-one.accuracy, one.name))


def train(
    chosen: Sequence[ProxyTrial], executor: Executor, *, make_trial: Callable[[Candidate], Trial], journal_path: Path
) -> dict[str, TrialResult]:
    """Run the long trials whose results are not in the journal yet; return all results by network."""
    known = {row["candidate"]: TrialResult.from_json(row["result"]) for row in read_lines(journal_path)}
    missing = [one for one in chosen if one.name not in known]
    log.info("%d long trials, %d of them done already", len(chosen), len(chosen) - len(missing))
    running = {executor.submit(make_trial(one.candidate)): one.name for one in missing}
    with journal(journal_path) as trials:
        for future in as_completed(running):
            name, result = running[future], future.result()
            trials.append(json.dumps({"candidate": name, "result": result.to_json()}))
            known[name] = result
            log.info("%d of %d: %s %s", len(known), len(chosen), name, result.status)
    return {one.name: known[one.name] for one in chosen}


def pair_up(chosen: Sequence[ProxyTrial], results: Mapping[str, TrialResult]) -> list[ValidationPair]:
    """Return a pair for each network whose long trial completed, in the order of `chosen`."""
    pairs = []
    for one in chosen:
        result = results[one.name]
        if result.status in COMPLETED and result.val_accuracy is not None:  # the two go together
            trained = (result.val_accuracy, result.test_accuracy, result.params, result.seconds, result.curve)
            pairs.append(ValidationPair(one.run, one.name, one.accuracy, *trained))
    return pairs


def _proxy_trials(runs: Sequence[Run]) -> list[ProxyTrial]:
    """Return the distinct valid networks of all runs."""
    networks: dict[str, ProxyTrial] = {}
    for run in runs:
        for entry in run.networks:
            id = str(entry.candidate)
            code = run.code(id)
            if id not in networks and code is not None and entry.val_accuracy is not None:
                candidate = Candidate(
                    id, code, mode=entry.mode, parent=entry.parent, cycle=entry.cycle, slot=entry.slot
                )
                networks[id] = ProxyTrial(run.name, candidate, entry.val_accuracy)
    return list(networks.values())


def _one_protocol(runs: Sequence[Run], dataset: str) -> str:
    """Return the protocol that all runs share, in words. Raises RunFolderError."""
    others = sorted({str(run.setting("dataset.name")) for run in runs} - {dataset})
    if others:
        raise RunFolderError(f"runs: hold dataset {', '.join(others)}, not {dataset}; name runs of one dataset=")
    protocols = list(by_protocol(runs))
    if len(protocols) > 1:
        raise RunFolderError(f"runs: hold several protocols ({'; '.join(protocols)}); name runs of one")
    epochs = int(runs[0].setting("proxy.epochs", 1))
    return f"proxy {runs[0].setting('proxy.name')}, {epochs} epoch{'s' if epochs != 1 else ''}"


def _long_trial(candidate: Candidate, settings: Settings, checkpoints: Path) -> Trial:
    """Make a long trial. Its time limit is the executor's, which is meant for one epoch, times its epochs."""
    assert isinstance(settings.job, ValidateJobSettings)
    return Trial(
        candidate=candidate,
        dataset=settings.dataset.name,
        proxy=settings.proxy.name,
        epochs=settings.proxy.epochs,
        seed=derive(settings.seed, "validation", candidate.id),
        limits=Limits(settings.executor.wall_s * settings.proxy.epochs, int(settings.executor.memory_gb * 2**30)),
        checkpoint=str((checkpoints / f"{candidate.id}.ckpt").absolute()),
        segment_epochs=settings.job.checkpoint_epochs,
    )
