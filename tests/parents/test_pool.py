"""The pool holds every network once, and of the run's networks the ones that it selected."""

from entries import entry

from nnloop.parents.pool import Pool, SelectedNetwork, selected
from nnloop.records import Network, Status, TrialResult


def test_a_pool_without_a_network_keeps_the_others() -> None:
    one, two, three = (Network(name, "", name) for name in ("one", "two", "three"))
    pool = Pool([one, two], [SelectedNetwork(three, 0, 0)])
    assert pool.without(one) == Pool([two], pool.run)
    assert pool.without(three) == Pool([one, two], [])
    assert len(pool) == 3
    assert not Pool([], [])


def test_a_network_is_selected_once_by_its_first_completed_trial() -> None:
    networks = {name: Network(name, "", name) for name in "abcd"}
    ok, failed = TrialResult(Status.OK, val_accuracy=0.5), TrialResult(Status.CRASHED)
    entries = [
        entry("a", Status.OK, result=ok, selected=True, facts={"cycle": 1, "slot": 2}),
        entry("b", Status.OK, result=ok, selected=False),
        entry("c", Status.CRASHED, result=failed, selected=True),
        entry("d", Status.DUPLICATE, result=ok, selected=True),
        entry("a", Status.OK, result=ok, selected=True, facts={"cycle": 3, "slot": 4}),
        entry(None, Status.UNPARSEABLE, selected=True),
    ]
    assert selected(entries, networks) == [SelectedNetwork(networks["a"], cycle=1, slot=2)]
