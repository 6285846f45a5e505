"""Trainings of small networks in this process, under LEMUR's recipe unless a test gives another."""

import pytest
import torch
from recipes import lemur_recipe, rows

from nnloop.compat import ensure_torchvision_imports
from nnloop.training.recipe import Recipe
from nnloop.training.unfit import UnfitError

ensure_torchvision_imports()
from nnloop.training import fit  # noqa: E402


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


def accuracy(of: fit.Finished | fit.Checkpoint) -> float:
    return float((of.logits.argmax(1) == torch.arange(30) % 10).float().mean())
