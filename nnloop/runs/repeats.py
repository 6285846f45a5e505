"""The incumbent of a run: the network with the best mean accuracy over trials under fresh seeds.

A search claims its best network by one trial, and among many trials the best one was lucky. So the top networks are
trained again; the trial that brought a network to the top takes no part in its mean.
"""

from dataclasses import dataclass

from nnloop.json_record import Record
from nnloop.records import Interval


@dataclass(frozen=True, slots=True)
class RacedNetwork(Record):
    """A network that was trained again."""

    candidate: str
    claimed: float  # validation accuracy of its trial in the search
    accuracies: list[float]  # validation, one for each fresh seed; 0 for a trial that did not complete


@dataclass(frozen=True, slots=True)
class Incumbent(Record):
    """The winner of a race, with the race's networks, the winner first. Accuracies are fractions."""

    candidate: str
    validation: Interval  # mean over the winner's accuracies in the race, Student's t; from one trial: in [0, 1]
    test: Interval  # mean over `test_accuracies`, Student's t
    test_accuracies: list[float]  # under seeds of their own, which chose nothing
    networks: list[RacedNetwork]
    trials: int  # of the race and for the test
    share: float  # of the run's trials, as the settings had it
    cycles: int  # that were closed

    @property
    def claimed(self) -> float:
        """Validation accuracy of the winner's trial in the search."""
        return self.networks[0].claimed
