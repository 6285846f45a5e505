"""The front of accuracy against cost, and the order behind it."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from nnloop.pareto import Tradeoff, fronts
from nnloop.records import Network

POINTS = st.lists(st.tuples(st.integers(0, 9).map(lambda tenths: tenths / 10), st.integers(1, 9)), max_size=25)


def network(accuracy: float | None, weights: int | None, flops: int | None = None) -> Network:
    name = f"{accuracy}/{weights}/{flops}"
    return Network(name, "", name, accuracy, params=1, weights=weights, flops=flops)


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] <= other[1]


@given(POINTS)
def test_a_front_is_what_is_left_undominated_without_the_fronts_before(points: list[tuple[float, float]]) -> None:
    numbers = fronts(points)
    for one, other in product(range(len(points)), repeat=2):
        if dominates(points[one], points[other]):
            assert numbers[one] < numbers[other]
    for place, number in enumerate(numbers):
        before = [points[other] for other, earlier in enumerate(numbers) if earlier == number - 1]
        assert number == 0 or any(dominates(other, points[place]) for other in before)


def test_the_front_has_good_networks_alone_most_accurate_first() -> None:
    networks = [network(0.9, 100), network(0.8, 10), network(0.7, 50), network(0.1, 1), network(0.9, None)]
    assert Tradeoff("params", 0.3).front(networks) == [0, 1]
    assert Tradeoff("params", 0.0).front(networks) == [0, 1, 3]


def test_the_order_is_by_front_then_by_room_and_ends_with_the_poor() -> None:
    networks = [
        network(0.80, 100),
        network(0.79, 90),
        network(0.60, 30),
        network(0.50, 10),
        network(0.49, 95),
        network(0.20, 1),
        network(None, None),
    ]
    assert Tradeoff("params", 0.4).order(networks) == [0, 3, 2, 1, 4, 5, 6]


def test_the_cost_is_the_one_that_was_asked_for() -> None:
    networks = [network(0.9, 1, flops=9), network(0.8, 9, flops=1)]
    assert Tradeoff("params", 0.0).front(networks) == [0]
    assert Tradeoff("flops", 0.0).front(networks) == [0, 1]
