"""A candidate trains by its own hyperparameters and transform where proxy.own_recipe says so."""

from nnloop.executor.own_recipe import own_protocol
from nnloop.records import Candidate

OWN = {"lr": 0.5, "batch": 16.0, "momentum": 0.1, "norm_eps": 0.3}
CANDIDATE = Candidate("a", "", mode="full", parent=None, cycle=0, slot=0, hp=OWN, transform="echo_64")


def test_its_own_values_take_the_place_of_the_protocols(configure) -> None:
    proxy = configure("proxy=lemur", "proxy.own_recipe=true", "+proxy.prm.depth=2").proxy
    own = own_protocol(proxy, CANDIDATE)
    assert (own.lr, own.batch_size, own.momentum, own.transform) == (0.5, 16, 0.1, "echo_64")
    assert own.dropout == proxy.dropout
    assert own.prm == {"depth": 2, "norm_eps": 0.3}


def test_without_its_own_it_trains_by_the_protocol(configure) -> None:
    proxy = configure("proxy=lemur", "proxy.own_recipe=true").proxy
    assert own_protocol(proxy, Candidate("a", "", mode="full", parent=None, cycle=0, slot=0)) == proxy


def test_other_protocols_do_not_ask_it(configure) -> None:
    for given in (["proxy=lemur"], ["proxy=fast"]):
        proxy = configure(*given).proxy
        assert own_protocol(proxy, CANDIDATE) is proxy
