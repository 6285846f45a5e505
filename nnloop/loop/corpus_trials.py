"""The trials of the corpus by the run's own protocol, so that candidates can be compared with corpus networks.

Their seeds come from the dataset and the protocol, not from the run's seed: every run under the same conditions has the
same corpus, and the trials are cached in $NNLOOP_CACHE under these conditions.
"""

import json
import logging
import statistics
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from nnloop.corpus import sample
from nnloop.executor import Executor, make_trial
from nnloop.records import COMPLETED, Candidate, Network, TrialResult
from nnloop.runs.digest import Digest
from nnloop.runs.durable import read_lines, write_text
from nnloop.runs.folder import RunFolder
from nnloop.seeding import derive
from nnloop.settings import EmptyCorpusSettings, LemurProxySettings, Settings
from nnloop.settings.keys import affecting
from nnloop.settings.setting import RESULT
from nnloop.stats import noise_of

_log = logging.getLogger(__name__)

SMALL = 2_000
"""Training images below which one trial says little about a network, and each is tried REPEATS times."""
REPEATS = 3
REPEATED = 8
"""Networks that are tried REPEATS times on larger sets, to measure the noise of a trial."""

JudgedCorpus = list[tuple[Network, TrialResult]]
Key = tuple[str, int]
"""A trial: the network's id, with its own recipe's digest if it has one, and the number of the repeat, from 0."""


@dataclass(frozen=True, slots=True)
class CorpusConditions:
    """Everything that decides the results of a corpus network's trials: they have the same ones in every run."""

    settings: Settings
    digest: Digest
    images: int  # for training

    def trials(self, networks: Sequence[Network]) -> dict[str, int]:
        """Return the number of trials of each network, by its id."""
        return trials_each(networks, self.settings, self.images)

    def name(self, network: Network) -> str:
        """Return the name of a network's trials; where it trains by its own recipe, that is part of it."""
        proxy = self.settings.proxy
        if not isinstance(proxy, LemurProxySettings) or not proxy.own_recipe:
            return network.id
        own = json.dumps([network.hp, network.transform], sort_keys=True)
        return f"{network.id}+{sha256(own.encode()).hexdigest()[:8]}"

    def seed(self, key: Key) -> int:
        """Return the seed of a trial."""
        return derive(self.digest.protocol, "corpus", *key)

    def cache_file(self, home: Path) -> Path:
        """Return the file for results under these conditions, below `home`; within other limits they may differ."""
        sandbox = affecting({"sandbox": asdict(self.settings.sandbox)}, RESULT)
        named = sha256(json.dumps(sandbox, sort_keys=True).encode()).hexdigest()[:8]
        return home / "corpus" / f"{self.digest.protocol}-{self.digest.training}-{named}.jsonl"

    def allow(self, result: TrialResult) -> bool:
        """Tell whether a completed trial stayed within the limits of this run."""
        executor, most = self.settings.executor, self.settings.mode.max_params
        return (
            result.seconds <= executor.wall_s
            and (result.peak_bytes or 0) <= executor.memory_gb * 2**30
            and (most is None or (result.params or 0) <= most)
        )


def trials_each(networks: Sequence[Network], settings: Settings, images: int) -> dict[str, int]:
    """Return the trials of each network by its id, with so many images for training.

    Where each has one and estimates need the noise of a trial, some networks have REPEATS.
    """
    asked = None if isinstance(settings.corpus, EmptyCorpusSettings) else settings.corpus.trials
    each = asked or (REPEATS if images < SMALL else 1)
    known = [network for network in networks if network.variant_of is None]
    measured = asked is None and settings.selection.estimate == "shrunken"
    repeated = {network.id for network in sample(known, REPEATED)} if measured else set()
    return {network.id: max(each, REPEATS) if network.id in repeated else each for network in networks}


@dataclass(frozen=True, slots=True)
class CorpusShare:
    """The corpus networks that are judged on one dataset."""

    networks: Sequence[Network]
    conditions: CorpusConditions
    cache: Path  # from `CorpusConditions.cache_file`
    dataset: str = ""  # name of a pool's dataset; empty: the run has one


def judge_corpus(
    networks: Sequence[Network],
    conditions: CorpusConditions,
    *,
    executor: Executor,
    folder: RunFolder,
    cache: Path,
    show: Callable[[int, int], None] = lambda done, trials: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> JudgedCorpus:
    """Give every network its mean result and validation accuracy; write corpus.jsonl.

    `cache` is the file from `CorpusConditions.cache_file`; trials that are not in it are run. `show` gets the number of
    trials that have ended and of all, from any thread. `meanwhile` is called while trials run, if any has to. If the
    run has a corpus.jsonl already, nothing else is read.
    """
    share = CorpusShare(networks, conditions, cache)
    return judge_corpora([share], executor=executor, folder=folder, show=show, meanwhile=meanwhile)


def judge_corpora(
    shares: Sequence[CorpusShare],
    *,
    executor: Executor,
    folder: RunFolder,
    show: Callable[[int, int], None] = lambda done, trials: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> JudgedCorpus:
    """Do the same for several datasets' networks, one dataset after the other."""
    if folder.corpus_trials.exists():
        return folder.judged_corpus()
    judged: JudgedCorpus = []
    for share in shares:
        trials = _Trials(share, show)
        if trials.start(executor):
            meanwhile()
            trials.wait()
        results = [_judged(network, trials.of(network)) for network in share.networks]
        judged += [(network.on(share.dataset), result) for network, result in results]
    write_text(folder.corpus_trials, "".join(_line(network, result) for network, result in judged))
    if judged:
        _tell(judged)
    return judged


class _Trials:
    """The trials of a corpus; a trial whose result is in the cache is not run."""

    def __init__(self, share: CorpusShare, show: Callable[[int, int], None]) -> None:
        self._conditions, self._cache, self._dataset, self._show = share.conditions, share.cache, share.dataset, show
        self._each = share.conditions.trials(share.networks)
        named = [(share.conditions.name(network), network) for network in share.networks]
        self._keys = {(name, repeat): network for name, network in named for repeat in range(self._each[network.id])}
        rows = read_lines(share.cache)
        self._cached = {(row["candidate"], row["repeat"]): TrialResult.from_json(row["result"]) for row in rows}
        self._results = {
            key: one for key, one in self._cached.items() if key in self._keys and share.conditions.allow(one)
        }
        self._missing = [key for key in self._keys if key not in self._results]
        self._running: dict[Key, Future[TrialResult]] = {}
        self._lock = threading.Lock()

    def start(self, executor: Executor) -> bool:
        """Start the missing trials, if any. Their results are kept, cached and shown as they come."""
        if not self._missing:
            return False
        _log.info("judging the corpus by this dataset and protocol: %d trials", len(self._missing))
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        self._show(0, len(self._missing))
        for slot, key in enumerate(self._missing):
            network, of = self._keys[key], self._dataset
            candidate = Candidate(network.id, network.code, mode="corpus", parent=None, cycle=-1, slot=slot, dataset=of)
            candidate = replace(candidate, hp=network.hp, transform=network.transform)
            trial = make_trial(self._conditions.settings, candidate, self._conditions.seed(key))
            self._running[key] = executor.submit(trial)
            self._running[key].add_done_callback(partial(self._keep, key))
        return True

    def wait(self) -> None:
        """Wait until all results are kept."""
        for key, future in self._running.items():
            wait([future])
            self._keep(key, future)  # its callback may not have run yet
            future.result()

    def of(self, network: Network) -> list[TrialResult]:
        """Return a network's results."""
        name = self._conditions.name(network)
        return [self._results[name, repeat] for repeat in range(self._each[network.id])]

    def _keep(self, key: Key, future: Future[TrialResult]) -> None:
        """Keep a result, and cache it if it completed: others, such as timeouts, may differ the next time."""
        with self._lock:
            if key in self._results or future.cancelled() or future.exception():
                return
            self._results[key] = future.result()
            rows = [
                json.dumps({"candidate": name, "repeat": repeat, "result": result.to_json()})
                for (name, repeat), result in (self._cached | self._results).items()
                if result.status in COMPLETED
            ]
            write_text(self._cache, "".join(f"{row}\n" for row in rows))
            self._show(sum(key in self._results for key in self._missing), len(self._missing))


def _judged(network: Network, results: Sequence[TrialResult]) -> tuple[Network, TrialResult]:
    """Return a network with the mean of its completed trials, and its middle trial with the mean accuracies.

    A network of which half of the trials or more did not complete is judged by the first of these.
    """
    completed = [result for result in results if result.status in COMPLETED and result.val_accuracy is not None]
    if len(completed) * 2 <= len(results):
        failed = next(result for result in results if result.status not in COMPLETED)
        return replace(network, val_accuracy=None, params=failed.params), failed
    accuracies = [result.val_accuracy or 0.0 for result in completed]
    middle = sorted(completed, key=lambda result: result.val_accuracy or 0.0)[len(completed) // 2]
    tested = [result.test_accuracy for result in completed if result.test_accuracy is not None]
    result = replace(
        middle,
        val_accuracy=statistics.mean(accuracies),
        test_accuracy=statistics.mean(tested) if tested else None,
        seconds=statistics.mean(result.seconds for result in completed),
    )
    noise = statistics.stdev(accuracies) if len(accuracies) > 1 else None
    judged = replace(
        network,
        val_accuracy=result.val_accuracy,
        params=result.params,
        weights=result.weights,
        flops=result.flops,
        trials=len(accuracies),
        noise=noise,
    )
    return judged, result


def _line(network: Network, result: TrialResult) -> str:
    return json.dumps({"network": network.to_json(), "result": result.to_json()}) + "\n"


def _tell(judged: JudgedCorpus) -> None:
    """Log the best of the corpus, the trials' noise, and the networks that failed."""
    corpus = [network for network, _ in judged if network.variant_of is None]
    shown = [network for network in corpus if network.val_accuracy is not None]
    best = max((network.val_accuracy or 0.0 for network in shown), default=0.0)
    trials, noise = Counter(network.trials for network in shown).most_common(), noise_of(shown)
    told = f"; one trial's standard deviation is {100 * noise:.1f} points" if noise is not None else ""
    each = f", {trials[0][0]} trials each" if len(trials) == 1 and trials[0][0] > 1 else ""
    _log.info("corpus: %d of %d networks trained%s, best %.1f %%%s", len(shown), len(corpus), each, 100 * best, told)
    for network, result in judged:
        if network.val_accuracy is None and network.variant_of is None:
            _log.warning("corpus network %s is not shown: %s (%s)", network.name, result.status, result.reason)
