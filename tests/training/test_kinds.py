"""Fifty kinds of honest network train as in a plain PyTorch loop, and none is accused."""

import kinds
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from paths import CONF

from nnloop import data
from nnloop.settings.load import load
from nnloop.training import fit, fresh
from nnloop.training.images import EvalImages, TrainImages
from nnloop.training.recipe import Recipe, build_recipe, probe_rows

NOISE = 0.1
"""The most by which accuracies of one network with other random draws are apart here: 0.06 for the kinds that draw."""
QUICK = ["plain", "EMA in buffers", "complex weights", "a tuple in training", "train() returns nothing"]

Digits = tuple[TrainImages, EvalImages, torch.Tensor, Recipe]


@pytest.fixture(scope="module")
def digits(cache: object) -> Digits:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", ["dataset=digits"]))
    loaded = data.load(settings.dataset)
    images = TrainImages(torch.tensor(np.array(loaded.train_x)), torch.tensor(np.array(loaded.train_y)))
    evaluation = EvalImages(torch.tensor(np.array(loaded.eval_x)), images.x[probe_rows(len(images.y))])
    labels = torch.tensor(np.concatenate([loaded.val_y, loaded.test_y]))
    return images, evaluation, labels, build_recipe(settings.dataset, settings.proxy, epochs=1, images=len(images.y))


def judged(kind: str, digits: Digits) -> tuple[float, float]:
    """Return the accuracies by nnloop and by the plain loop."""
    images, evaluation, labels, recipe = digits
    code = kinds.source(kind)
    end = fit.train(code, images, recipe, seed=0, on_built=lambda built: None)
    assert isinstance(end, fit.Finished)
    scored = fresh.evaluate(code, end.weights, evaluation, looks=end.looks, recipe=recipe, seed=0)
    ours = float((scored.logits.argmax(1) == labels).float().mean())
    assert scored.answers == end.answers
    return ours, kinds.plain_accuracy(code, images, evaluation, labels, recipe=recipe, seed=0)


@pytest.mark.parametrize("kind", QUICK)
def test_honest_networks_train_as_in_a_plain_loop(kind: str, digits: Digits) -> None:
    ours, plain = judged(kind, digits)
    assert abs(ours - plain) < NOISE


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(kinds.KINDS.keys() - set(QUICK)))
def test_all_honest_kinds_train_as_in_a_plain_loop(kind: str, digits: Digits) -> None:
    ours, plain = judged(kind, digits)
    assert abs(ours - plain) < NOISE
