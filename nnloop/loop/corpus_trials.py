"""The corpus is judged by the run's own protocol first, so that "better than its parent" means something.

The same trials would be repeated by every run on the same data, so their results are kept in $NNLOOP_CACHE, under a key
made of the data, the protocol and the training code itself.
"""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import nnloop
from nnloop.executor import Executor
from nnloop.records import COMPLETED, Candidate, Network, Trial, TrialResult
from nnloop.runs.durable import read_lines, write_text
from nnloop.runs.folder import RunDir
from nnloop.settings import DatasetSettings, LemurProxySettings, ProxySettings
from nnloop.settings.keys import affecting
from nnloop.settings.setting import PROTOCOL

_log = logging.getLogger(__name__)

Judged = list[tuple[Network, TrialResult]]


def judge_corpus(
    networks: Sequence[Network], executor: Executor, pose: Callable[[Candidate], Trial], run: RunDir, shelf: Path
) -> Judged:
    """Give every network its result and validation accuracy, training those not on the shelf; write corpus.jsonl.

    `shelf` is the file from `shelf_path`. A run that has its corpus.jsonl reads that alone.
    """
    if run.corpus_trials.exists():
        return run.judged_corpus()
    results = {row["candidate"]: TrialResult.from_json(row["result"]) for row in read_lines(shelf)}
    missing = [network for network in networks if network.id not in results]
    if missing:
        _log.info("judging %d corpus networks by this dataset and protocol", len(missing))
        results.update(_train(missing, executor, pose, shelf, results))
    judged = [(_with_accuracy(network, results[network.id]), results[network.id]) for network in networks]
    write_text(run.corpus_trials, "".join(_line(network, result) for network, result in judged))
    _warn_of_failures(judged)
    return judged


def shelf_path(
    cache: Path, fingerprint: str, dataset: DatasetSettings, proxy: ProxySettings | LemurProxySettings
) -> Path:
    """The file that keeps results for this data (its fingerprint), how it is fed, protocol and training code."""
    protocol = affecting({"dataset": asdict(dataset), "proxy": asdict(proxy)}, PROTOCOL)
    digest = sha256(json.dumps([nnloop.__version__, fingerprint, protocol]).encode())
    for source in sorted((Path(nnloop.__file__).parent / "training").glob("*.py")):
        digest.update(source.read_bytes())
    return cache / "corpus" / f"{digest.hexdigest()[:16]}.jsonl"


def _train(
    networks: Sequence[Network],
    executor: Executor,
    pose: Callable[[Candidate], Trial],
    shelf: Path,
    known: dict[str, TrialResult],
) -> dict[str, TrialResult]:
    """Train the networks, saving what is deterministic (no timeouts, no faults of ours) as it comes."""
    shelf.parent.mkdir(parents=True, exist_ok=True)
    running = {
        executor.submit(pose(Candidate(network.id, network.code, "corpus", None, -1, slot))): network.id
        for slot, network in enumerate(networks)
    }
    found: dict[str, TrialResult] = {}
    for future in as_completed(running):
        found[running[future]] = future.result()
        keep = {i: result for i, result in {**known, **found}.items() if result.status in COMPLETED}
        write_text(shelf, "".join(f"{json.dumps({'candidate': i, 'result': r.to_json()})}\n" for i, r in keep.items()))
    return found


def _with_accuracy(network: Network, result: TrialResult) -> Network:
    accuracy = result.val_accuracy if result.status in COMPLETED else None
    return replace(network, val_accuracy=accuracy, params=result.params)


def _line(network: Network, result: TrialResult) -> str:
    return json.dumps({"network": network.to_json(), "result": result.to_json()}) + "\n"


def _warn_of_failures(judged: Judged) -> None:
    for network, result in judged:
        if network.val_accuracy is None:
            _log.warning("corpus network %s is not shown: %s (%s)", network.name, result.status, result.reason)
