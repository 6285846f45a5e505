"""LEMUR's parts of a network: added if they are missing, and they train it."""

from collections.abc import Callable

import pytest
import torch
from edits import BASE, seed_sources
from torch import nn

from nnloop.corpus.boilerplate import for_lemur, lemur_hash
from nnloop.modes import static_guard


@pytest.mark.parametrize("code", [BASE, *seed_sources()[::6]])
def test_a_network_gets_the_parts_that_lemur_calls_and_trains(code: str) -> None:
    exported = for_lemur(code)
    static_guard.check(exported)
    module: dict[str, Callable[..., nn.Module]] = {}
    exec(exported, module)
    names: set[str] = module["supported_hyperparameters"]()  # type: ignore[assignment]
    assert {"lr", "momentum"} <= names <= {"lr", "momentum", "dropout"}
    net = module["Net"]((1, 3, 8, 8), (10,), {"lr": 0.01, "momentum": 0.9, "dropout": 0.2}, torch.device("cpu"))
    if code == BASE:
        return  # its convolutions meet its head only in a diff
    net.train_setup({"lr": 0.01, "momentum": 0.9})
    batch = (torch.randn(2, 3, 8, 8), torch.tensor([1, 2]))
    net.learn([batch])
    before = [parameter.clone() for parameter in net.parameters()]
    net.learn([batch])
    assert any(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


def test_parts_that_a_network_has_already_stay() -> None:
    whole = for_lemur(seed_sources()[0])
    assert for_lemur(whole) == whole


def test_an_import_stands_behind_what_has_to_come_first() -> None:
    code = '"""A net."""\nfrom __future__ import annotations\n' + BASE.replace("import torch\n", "")
    lines = for_lemur(code).split("\n")
    assert lines[:3] == ['"""A net."""', "from __future__ import annotations", "import torch"]


def test_the_name_is_lemurs_hash_of_the_source() -> None:
    assert lemur_hash("a  b\n\tc") == "900150983cd24fb0d6963f7d28e17f72"  # md5 of abc


def test_a_module_without_a_network_is_refused() -> None:
    with pytest.raises(ValueError, match="no class Net"):
        for_lemur("x = 1\n")
