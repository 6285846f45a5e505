"""The rules that decide on a candidate whose trial has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nnloop.pareto import Tradeoff
from nnloop.records import AccuracyEstimate, Network, Status, TrialResult


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """The conditions for admission to the archive, and for selection as a parent and training target."""

    min_accuracy: float  # of the run's dataset; of a pool's, see `of`
    rule: str  # selection.rule: admitted, good, better or all
    of: Mapping[str, float] = field(default_factory=dict)  # min_accuracy of a pool's datasets, by name
    tradeoff: Tradeoff | None = None  # search.pareto; None: accuracy alone counts

    @property
    def threshold(self) -> float | Mapping[str, float]:
        """The accuracy for admission, or those of a pool's datasets by name."""
        return self.of or self.min_accuracy

    def admits(self, result: TrialResult, *, novel: bool, dataset: str = "") -> bool:
        """Tell whether a network is admitted: it trained, reached `min_accuracy` and is novel."""
        return result.status is Status.OK and novel and self._is_good(result, dataset)

    def selects(
        self, result: TrialResult, *, admitted: bool, parent: Network, estimate: AccuracyEstimate | None = None
    ) -> bool:
        """Tell whether a network becomes a parent of later ones and a target of the fine-tune.

        `better` selects each distinct network that is better than its parent, whatever its accuracy; `good` selects
        those among them that reached `min_accuracy`; `admitted` selects the admitted networks, as the papers do; `all`
        selects each distinct network that trained. With an `estimate` of the network's accuracy, this is compared with
        the parent's. With a tradeoff a network is better too if it reached `min_accuracy` and is cheaper than its
        parent.
        """
        if self.rule == "admitted" or result.status is not Status.OK or result.val_accuracy is None:
            return admitted
        if self.rule == "all":
            return True
        accuracy = estimate.value if estimate else result.val_accuracy
        improved = parent.val_accuracy is None or accuracy > parent.worth
        if self.tradeoff is not None:
            improved = improved or self.tradeoff.beats(result, parent)
        return improved and (self.rule == "better" or self._is_good(result, parent.dataset))

    def _is_good(self, result: TrialResult, dataset: str) -> bool:
        least = self.of[dataset] if dataset else self.min_accuracy
        return result.val_accuracy is not None and result.val_accuracy >= least
