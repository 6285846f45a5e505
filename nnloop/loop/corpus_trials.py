"""The trials of the corpus by the run's own protocol, so that candidates can be compared with corpus networks.

Every run on the same data would repeat them, so their results are cached in $NNLOOP_CACHE, under the digest of the
data, the protocol and the training code.
"""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from pathlib import Path

from nnloop.executor import Executor
from nnloop.records import COMPLETED, Candidate, Network, Trial, TrialResult
from nnloop.runs.digest import Digest
from nnloop.runs.durable import read_lines, write_text
from nnloop.runs.folder import RunFolder

_log = logging.getLogger(__name__)

JudgedCorpus = list[tuple[Network, TrialResult]]


def judge_corpus(
    networks: Sequence[Network],
    *,
    executor: Executor,
    make_trial: Callable[[Candidate], Trial],
    folder: RunFolder,
    cache: Path,
) -> JudgedCorpus:
    """Give every network its result and validation accuracy, training those not in the cache; write corpus.jsonl.

    `cache` is the file from `trial_cache_path`. If the run has a corpus.jsonl already, nothing else is read.
    """
    if folder.corpus_trials.exists():
        return folder.judged_corpus()
    results = {row["candidate"]: TrialResult.from_json(row["result"]) for row in read_lines(cache)}
    missing = [network for network in networks if network.id not in results]
    if missing:
        _log.info("judging %d corpus networks by this dataset and protocol", len(missing))
        trials = [make_trial(_candidate(network, slot)) for slot, network in enumerate(missing)]
        _train(trials, executor, results, cache=cache)
    judged = [(_with_accuracy(network, results[network.id]), results[network.id]) for network in networks]
    write_text(folder.corpus_trials, "".join(_line(network, result) for network, result in judged))
    _warn_of_failures(judged)
    return judged


def trial_cache_path(home: Path, digest: Digest) -> Path:
    """Return the cache file, below `home`, for results by the digest's data, protocol and training code."""
    return home / "corpus" / f"{digest.protocol}-{digest.training}.jsonl"


def _train(trials: Sequence[Trial], executor: Executor, results: dict[str, TrialResult], *, cache: Path) -> None:
    """Add the trials' results to `results`, and cache the completed ones as they come.

    Other results, such as timeouts, may differ the next time.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    running = {executor.submit(trial): trial.candidate.id for trial in trials}
    for future in as_completed(running):
        results[running[future]] = future.result()
        lines = (
            json.dumps({"candidate": name, "result": result.to_json()})
            for name, result in results.items()
            if result.status in COMPLETED
        )
        write_text(cache, "".join(f"{line}\n" for line in lines))


def _candidate(network: Network, slot: int) -> Candidate:
    return Candidate(network.id, network.code, mode="corpus", parent=None, cycle=-1, slot=slot)


def _with_accuracy(network: Network, result: TrialResult) -> Network:
    accuracy = result.val_accuracy if result.status in COMPLETED else None
    return replace(network, val_accuracy=accuracy, params=result.params)


def _line(network: Network, result: TrialResult) -> str:
    return json.dumps({"network": network.to_json(), "result": result.to_json()}) + "\n"


def _warn_of_failures(judged: JudgedCorpus) -> None:
    for network, result in judged:
        if network.val_accuracy is None:
            _log.warning("corpus network %s is not shown: %s (%s)", network.name, result.status, result.reason)
