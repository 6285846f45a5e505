"""The front of accuracy against cost (search.pareto), and the order of all other networks behind it.

The costs are counted by nnloop. `params` is the number of values in the file of the trained weights, which the parent
has itself. `flops` is counted by nnloop's own code in the process that evaluates the network, whose code could change
it: a network that deceives that count gains a place on the front, and no accuracy.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import TypeVar

from nnloop.records import Network, TrialResult

Scored = TypeVar("Scored", Network, TrialResult)


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """Accuracy against a cost. Networks below `min_accuracy` stand behind all others, however small."""

    cost: str  # params or flops
    min_accuracy: float

    def cost_of(self, scored: Network | TrialResult) -> float:
        """Return the cost; infinity if it was not counted."""
        value = scored.weights if self.cost == "params" else scored.flops
        return inf if value is None else value

    def beats(self, scored: Network | TrialResult, other: Network | TrialResult) -> bool:
        """Tell whether a network is admissible, and cheaper than another one."""
        good = scored.val_accuracy is not None and scored.val_accuracy >= self.min_accuracy
        return good and self.cost_of(scored) < self.cost_of(other)

    def front(self, networks: Sequence[Scored]) -> list[int]:
        """Return the places of the networks that are not dominated, most accurate first."""
        good = [place for place, one in enumerate(networks) if (one.val_accuracy or 0.0) >= self.min_accuracy]
        points = [(networks[place].val_accuracy or 0.0, self.cost_of(networks[place])) for place in good]
        first = [place for place, front in zip(good, fronts(points), strict=True) if front == 0]
        return sorted(first, key=lambda place: -(networks[place].val_accuracy or 0.0))

    def order(self, networks: Sequence[Scored]) -> list[int]:
        """Return all places, best first: by front, and within one by the distance to its neighbours.

        The order of NSGA-II with its constraint (Deb et al., 2002, section III and VI); costs are compared by their
        logarithms.
        """
        points = [(one.val_accuracy or 0.0, self.cost_of(one)) for one in networks]
        good = [accuracy >= self.min_accuracy for accuracy, _ in points]
        places = [place for place, one in enumerate(good) if one]
        by_front: dict[int, list[int]] = {}
        for place, front in zip(places, fronts([points[place] for place in places]), strict=True):
            by_front.setdefault(front, []).append(place)
        ordered = [place for front in sorted(by_front) for place in _spread(by_front[front], points)]
        poor = [place for place, one in enumerate(good) if not one]
        return ordered + sorted(poor, key=lambda place: -points[place][0])


def fronts(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the number of each point's front, (accuracy, cost), from 0 for the points that none dominates.

    A point is dominated by one that is as good in both and better in one; equal points share a front.
    """
    numbers = [0] * len(points)
    cheapest: list[float] = []  # cost of the cheapest point in each front so far
    before: tuple[tuple[float, float], int] | None = None
    for place in sorted(range(len(points)), key=lambda place: (-points[place][0], points[place][1])):
        point = points[place]
        number = before[1] if before and before[0] == point else bisect_right(cheapest, point[1])
        cheapest[number : number + 1] = [point[1]]
        numbers[place], before = number, (point, number)
    return numbers


def _spread(places: Sequence[int], points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of one front, those with the most room around them first."""
    ends = sorted(places, key=lambda place: -points[place][0])
    spread = dict.fromkeys(ends, inf)
    for values in ([points[place][0] for place in ends], [_log(points[place][1]) for place in ends]):
        width = abs(values[0] - values[-1]) or 1.0
        for at in range(1, len(ends) - 1):
            share = abs(values[at - 1] - values[at + 1]) / width
            spread[ends[at]] = share if spread[ends[at]] == inf else spread[ends[at]] + share
    return sorted(ends, key=lambda place: -spread[place])


def _log(cost: float) -> float:
    return log(cost + 1.0) if cost < inf else 1e3
