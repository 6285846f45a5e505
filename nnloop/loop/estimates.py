"""Estimates of networks' accuracies that single trials, being noisy, overstate or understate.

Of many networks on trial, the best one was lucky too. So a network's estimate lies between its trial's accuracy and
that of its family: for a network of the run its parent's estimate, for a corpus network the mean of the corpus. How
near it comes to its own trial is the share of variance that isn't noise, as breeders weigh a record against a pedigree
(best linear unbiased prediction; Henderson 1975):

    estimate = family + tau^2 / (tau^2 + sigma^2 / n) * (mean of n trials - family)

`sigma`, a trial's noise, is measured where networks were tried again under other seeds: in the corpus. It depends on
the level of accuracy, so the repeats nearest to the network's own level count. `tau` is the size of an edit's change
without that noise, from the changes at levels near the parent's.

An estimate of cycle c depends on the corpus and on entries of earlier cycles alone, besides the parent's own. So it is
the same when the run goes on after a stop. Races for the incumbent come after the search and have no part in it.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnloop.records import AccuracyEstimate, Entry, Network, Status

NEAREST = 8  # networks with repeats that tell the noise at a level
CHANGES = 40  # nearest changes that tell their size at a level
FEW_CHANGES = 12  # with fewer than these, an edit's change is taken to be as large as the corpus' spread
SMALLEST_SHARE = 0.2  # of a trial in its network's estimate: a search in which trials counted nothing would stand still
_TO_DEVIATION = 1.4826  # from the median of absolute values to a standard deviation, for a normal distribution


@dataclass(frozen=True, slots=True)
class _Change:
    """A child's accuracy less its parent's estimate."""

    level: float  # the parent's estimate
    change: float


@dataclass(frozen=True, slots=True)
class Estimator:
    """The estimates of one cycle's networks on one dataset."""

    repeated: Sequence[Network]  # of the corpus, with their noise
    spread: float  # standard deviation between corpus networks
    changes: Sequence[_Change]

    def of(self, accuracy: float, parent: Network) -> AccuracyEstimate:
        """Estimate a network of the run from its trial and its parent, of which an accuracy is known."""
        noise, family = self.noise(accuracy), parent.worth
        return _shrink(accuracy, family, noise=noise, spread=self._change_spread(family))

    def noise(self, level: float) -> float:
        """Return the standard deviation of one trial's accuracy at a level of accuracy."""
        return _noise(self.repeated, level)

    def _change_spread(self, level: float) -> float:
        near = sorted(self.changes, key=lambda one: abs(one.level - level))[:CHANGES]
        if len(near) < FEW_CHANGES:
            return self.spread
        observed = _TO_DEVIATION * statistics.median(abs(one.change) for one in near)
        noise = statistics.fmean(self.noise(one.level) ** 2 for one in near)
        return math.sqrt(max(0.0, observed**2 - noise))


def make_estimators(corpus: Sequence[Network], entries: Sequence[Entry]) -> dict[str, Estimator]:
    """Make the estimators of a cycle from the corpus, as `estimate_corpus` gives it, and the earlier cycles' entries.

    They are by dataset, for a run on a pool; "": the run has one. A dataset on which no network of the corpus was tried
    twice has none, since nothing is known about its noise.
    """
    made = {}
    for dataset in dict.fromkeys(network.dataset for network in corpus):
        of_dataset = [network for network in corpus if network.dataset == dataset]
        estimator = _make_estimator(of_dataset, [entry for entry in entries if entry.dataset == dataset])
        if estimator is not None:
            made[dataset] = estimator
    return made


def _make_estimator(corpus: Sequence[Network], entries: Sequence[Entry]) -> Estimator | None:
    repeated = [network for network in corpus if network.noise is not None]
    if not repeated:
        return None
    worths = {network.id: network.worth for network in corpus}
    changes = []
    for entry in entries:
        if entry.estimate is None or entry.candidate is None or entry.val_accuracy is None:
            continue
        worths[entry.candidate] = entry.estimate.value
        if entry.status is Status.OK and entry.parent in worths:
            level = worths[entry.parent]
            changes.append(_Change(level, entry.val_accuracy - level))
    return Estimator(repeated, _spread(corpus), changes)


def estimate_corpus(corpus: Sequence[Network]) -> list[Network]:
    """Return the corpus with estimates, around its mean on each dataset; unchanged if no network was tried twice.

    Variants have a part neither in the mean nor in the noise: arms with and without them estimate alike.
    """
    datasets = dict.fromkeys(network.dataset for network in corpus)
    estimated = [_estimate([network for network in corpus if network.dataset == dataset]) for dataset in datasets]
    by_id = {network.id: network for of_dataset in estimated for network in of_dataset}
    return [by_id[network.id] for network in corpus]


def _estimate(corpus: Sequence[Network]) -> list[Network]:
    """Estimate the corpus on one dataset."""
    shown = [network for network in corpus if network.val_accuracy is not None and network.variant_of is None]
    repeated = [network for network in shown if network.noise is not None]
    if not repeated:
        return list(corpus)
    mean, spread = statistics.fmean(network.val_accuracy or 0.0 for network in shown), _spread(shown)

    def estimated(network: Network) -> Network:
        if network.val_accuracy is None:
            return network
        noise = _noise(repeated, network.val_accuracy) / math.sqrt(network.trials)
        return replace(network, estimate=_shrink(network.val_accuracy, mean, noise=noise, spread=spread).value)

    return [estimated(network) for network in corpus]


def _noise(repeated: Sequence[Network], level: float) -> float:
    near = sorted(repeated, key=lambda one: abs((one.val_accuracy or 0.0) - level))[:NEAREST]
    squares = sum((one.noise or 0.0) ** 2 * (one.trials - 1) for one in near)
    return math.sqrt(squares / sum(one.trials - 1 for one in near))


def _spread(corpus: Sequence[Network]) -> float:
    known = [network.val_accuracy for network in corpus if network.val_accuracy is not None]
    return statistics.stdev(known) if len(known) > 1 else 0.0


def _shrink(accuracy: float, family: float, *, noise: float, spread: float) -> AccuracyEstimate:
    total = spread**2 + noise**2
    share = max(SMALLEST_SHARE, spread**2 / total) if total else 1.0
    return AccuracyEstimate(family + share * (accuracy - family), noise=noise, share=share)
