"""The rules that decide on a candidate whose trial has ended."""

from dataclasses import dataclass

from nnloop.records import Network, Status, TrialResult


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """The conditions for admission to the archive, and for selection as a parent and training target."""

    min_accuracy: float
    rule: str  # selection.rule: admitted, good, better or all

    def admits(self, result: TrialResult, *, novel: bool) -> bool:
        """Tell whether a network is admitted: it trained, reached `min_accuracy` and is novel."""
        return result.status is Status.OK and novel and self._is_good(result)

    def selects(self, result: TrialResult, *, admitted: bool, parent: Network) -> bool:
        """Tell whether a network becomes a parent of later ones and a target of the fine-tune.

        `better` selects each distinct network that is better than its parent, whatever its accuracy; `good` selects
        those among them that reached `min_accuracy`; `admitted` selects the admitted networks, as the papers do; `all`
        selects each distinct network that trained.
        """
        if self.rule == "admitted" or result.status is not Status.OK or result.val_accuracy is None:
            return admitted
        if self.rule == "all":
            return True
        improved = parent.val_accuracy is None or result.val_accuracy > parent.val_accuracy
        return improved and (self.rule == "better" or self._is_good(result))

    def _is_good(self, result: TrialResult) -> bool:
        return result.val_accuracy is not None and result.val_accuracy >= self.min_accuracy
