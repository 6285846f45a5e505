"""Trainings of small networks in this process, under LEMUR's recipe unless a test gives another."""

import pytest
import torch
from recipes import lemur_recipe, rows

from nnloop.compat import ensure_torchvision_imports
from nnloop.training.images import EvalImages
from nnloop.training.recipe import Recipe, probe_rows
from nnloop.training.unfit import UnfitError

ensure_torchvision_imports()
from nnloop.training import fit, fresh  # noqa: E402


def finished(code: str, recipe: Recipe | None = None, seed: int = 0) -> fit.Finished:
    """Train on rows() to the end."""
    end = fit.train(code, rows(), recipe or lemur_recipe(), seed=seed, on_built=lambda built: None)
    assert isinstance(end, fit.Finished)
    return end


def unfit(code: str, recipe: Recipe | None = None) -> UnfitError:
    """Train on rows() and return the error by which the training ends."""
    with pytest.raises(UnfitError) as caught:
        finished(code, recipe)
    return caught.value


def evaluated(code: str, weights: bytes, recipe: Recipe | None = None, looks: bytes | None = None) -> fresh.Evaluated:
    """Evaluate trained weights on the first 30 images of rows(), and repeat recorded steps."""
    x = rows().x
    images = EvalImages(x[:30], x[probe_rows(len(x))])
    return fresh.evaluate(code, weights, images, looks=looks, recipe=recipe or lemur_recipe(), seed=0)


def accuracy(code: str, recipe: Recipe | None = None) -> float:
    """Train a network and return its accuracy on rows()."""
    end = finished(code, recipe)
    answers = evaluated(code, end.weights, recipe, end.looks).logits.argmax(1)
    return float((answers == torch.arange(30) % 10).float().mean())
