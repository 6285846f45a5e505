"""Cells of quality diversity: depth and family of a source, and the best of each cell."""

from hypothesis import given, settings
from hypothesis import strategies as st

from nnloop import corpus
from nnloop.parents.cells import cell, depth, elites, family
from nnloop.records import Network


def test_the_seeds_differ_in_depth_and_family() -> None:
    seeds = {seed.name: seed.code for seed in corpus.seeds()}
    assert (depth(seeds["mlp"]), depth(seeds["plain"])) == (3, 4)
    assert family(seeds["mlp"]) == "plain"
    assert family(seeds["attention"]) == "attention+convolution+residual"
    assert family(seeds["shuffle"]) == "convolution+groups+residual"
    assert len({family(code) for code in seeds.values()}) >= 8


def test_a_class_that_uses_itself_ends() -> None:
    code = "class Net:\n    def __init__(self):\n        self.a = Net()\n        self.b = nn.Linear(1, 2)\n"
    assert depth(code) == 1
    assert (depth("no python ("), family("no python (")) == (0, "plain")


networks = st.lists(
    st.builds(
        Network,
        id=st.uuids().map(str),
        code=st.sampled_from([seed.code for seed in corpus.seeds()[:6]]),
        name=st.just("n"),
        val_accuracy=st.floats(0, 1),
        params=st.none() | st.integers(1, 10**7),
    ),
    min_size=1,
    max_size=30,
)


@given(networks, st.lists(st.sampled_from(["params", "depth", "accuracy", "family"]), min_size=1, unique=True))
@settings(max_examples=60, deadline=None)
def test_a_cell_never_loses_its_best(sampled: list[Network], descriptors: list[str]) -> None:
    best: dict[object, float] = {}
    for count in range(1, len(sampled) + 1):
        now = {place: network.val_accuracy or 0.0 for place, network in elites(sampled[:count], descriptors).items()}
        assert all(now[place] >= accuracy for place, accuracy in best.items())
        best.update(now)
    for network in sampled:
        assert best[cell(network, descriptors)] >= (network.val_accuracy or 0.0)
