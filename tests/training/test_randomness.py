"""Random number generators that are seeded, recorded and restored."""

import io
import random
from dataclasses import asdict

import numpy as np
import torch

from nnloop.training.randomness import RandomState, seed_generators


def numbers(batches: torch.Generator) -> list[float]:
    """Take a number of every generator; numpy's normal ones come in pairs, of which it holds one back."""
    own = torch.rand(1, generator=batches)
    return [random.random(), np.random.rand(), np.random.normal(), float(torch.rand(1)), float(own)]


def test_a_seed_decides_over_every_global_generator() -> None:
    taken = []
    for seed in (3, 3, 2**32 + 5):
        seed_generators(seed)
        taken.append((random.random(), np.random.rand(), float(torch.rand(1))))
    assert taken[0] == taken[1]
    assert all(one != other for one, other in zip(taken[0], taken[2], strict=True))


def test_a_recorded_state_gives_the_same_numbers_again() -> None:
    batches = torch.Generator().manual_seed(7)
    seed_generators(1)
    numbers(batches)
    state = RandomState.now(batches)
    expected = numbers(batches)
    numbers(batches)
    state.restore(batches)
    assert numbers(batches) == expected


def test_a_state_goes_through_a_file_that_holds_nothing_but_tensors_and_plain_values() -> None:
    batches, file = torch.Generator().manual_seed(7), io.BytesIO()
    torch.save(asdict(RandomState.now(batches)), file)
    expected = numbers(batches)
    file.seek(0)
    RandomState(**torch.load(file, weights_only=True)).restore(batches)
    assert numbers(batches) == expected
