"""The pool holds every network once."""

from nnloop.parents.pool import Pool, SelectedNetwork
from nnloop.records import Network


def test_a_pool_without_a_network_keeps_the_others() -> None:
    one, two, three = (Network(name, "", name) for name in ("one", "two", "three"))
    pool = Pool([one, two], [SelectedNetwork(three, 0, 0)])
    assert pool.without(one) == Pool([two], pool.run)
    assert pool.without(three) == Pool([one, two], [])
    assert len(pool) == 3
    assert not Pool([], [])
