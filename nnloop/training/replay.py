"""Repeats recorded steps of a training (`recording`) in the clean process of the evaluation.

By the recipe, a step's gradient follows from the network's parameters and buffers, the batch and the seeded random
numbers, and until the optimizer's step nothing but the forward pass changes parameters and buffers. So a network that
normalises, clamps or averages its weights passes in a clean process through the very same step, while a network that
learns from earlier batches, from images that it found in memory, or from labels read off its gradients does not.

Not found: writes of the same tensors in every step that differ only in steps that are not looked at, and whatever a
process that forges its own recording does.
"""

import time

import torch
from torch import Tensor

from nnloop.records import Status
from nnloop.training import tensors
from nnloop.training.contract import Built
from nnloop.training.randomness import seed_generators
from nnloop.training.recipe import Recipe
from nnloop.training.recording import MOST_BYTES, Look, Recording, gradients, size_of, sums
from nnloop.training.shadow import State
from nnloop.training.step import backward, batch_loss, clip
from nnloop.training.unfit import UnfitError

GRADIENT_TOLERANCE = 0.01  # of a tensor's norm
STATE_TOLERANCE = 1e-4  # a step changes a long average little
LOOSER = 10  # times as much in bfloat16, and on a GPU, whose sums vary


@torch.no_grad()
def check_untrained(built: Built, record: Recording, known_x: Tensor) -> None:
    """Raise UnfitError if the training began with another network than this one, which has not been trained.

    `known_x` are the training images that a network answers before its training, prepared for it.
    """
    built.net.eval()
    built.net(known_x)
    built.net.train()
    here = sums(dict(tensors.named(built.net)))
    if apart := _apart(record.untrained, here, STATE_TOLERANCE * _looser(built)):
        raise _off(f"before its training it had another {apart} than it has in a clean process")


def check(built: Built, looks: list[Look], recipe: Recipe, *, seed: int) -> float:
    """Repeat the recorded steps with `built`; return the processor seconds of the cheapest.

    Raises UnfitError if one of them gives something else.

    The first is also repeated with other labels, on which no parameter and no buffer may depend before the optimizer's
    step. Afterwards the network is in the state of one of the steps.
    """
    if not looks and size_of(built.net) <= MOST_BYTES:
        raise _off("no step of its training was recorded")
    costs = []
    looser = _looser(built)
    for at, look in enumerate(looks):
        after, cost = _repeat(built, look, recipe, labels=look.y, seed=seed)
        costs.append(cost)
        if apart := _apart(look.after, sums(after), STATE_TOLERANCE * looser):
            raise _off(f"step {look.step} left another {apart} than its forward pass gives in a clean process")
        if apart := _apart(look.gradients, gradients(built.net), GRADIENT_TOLERANCE * looser):
            raise _off(f"step {look.step} had another gradient of {apart} than its batch gives in a clean process")
        if at == 0:
            after = {name: tensor.detach().clone() for name, tensor in after.items()}
            again, cost = _repeat(built, look, recipe, labels=(look.y + 1) % recipe.classes, seed=seed)
            costs.append(cost)
            if apart := next((name for name in after if not _close(after[name], again[name])), ""):
                raise _off(f"step {look.step} would have left another {apart} with other labels")
    return min(costs, default=0.0)


def _repeat(built: Built, look: Look, recipe: Recipe, *, labels: Tensor, seed: int) -> tuple[State, float]:
    """Repeat a step up to the optimizer's, with these labels; return parameters and buffers, and processor seconds."""
    device = built.precision.device
    built.net.train()  # first: a network may exchange its weights for their average when it is evaluated
    tensors.fill(built.net, look.before)
    built.net.zero_grad()
    seed_generators(seed + look.step)
    x = look.x.to(device).contiguous(memory_format=built.memory_format)
    started = _clocks()
    backward(batch_loss(built.net, x, labels.to(device), recipe=recipe, precision=built.precision))
    clip(built.net, recipe.clip_norm)
    cost = max(end - start for start, end in zip(started, _clocks(), strict=True))
    return dict(tensors.named(built.net)), cost


def _looser(built: Built) -> float:
    return LOOSER if built.precision.mixed or built.precision.device.type != "cpu" else 1.0


def _clocks() -> tuple[float, float]:
    """Return the processor seconds of this thread and of the process.

    Under a limit on processor time Linux counts those of a process by the tick, some milliseconds, in which a small
    network's whole step ends.
    """
    return time.thread_time(), time.process_time()


def _apart(one: State, other: State, tolerance: float) -> str:
    """Return the name of a tensor whose sums differ between the two; empty if there is none."""
    for name, value in one.items():
        there = other.get(name)
        if there is None or value.shape != there.shape:
            return name
        value, there = value.cpu(), there.cpu()
        largest = max(float(value[0]), float(there[0]))
        if not torch.isfinite(value).all():
            continue
        slack = tolerance * largest * torch.tensor([1.0, 10.0]) + 1e-6  # a sum varies more than a norm
        if not ((value - there).abs() <= slack).all():
            return name
    return ""


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    scale = float(one.abs().nan_to_num().max()) if one.numel() else 0.0
    return torch.allclose(one, other.detach(), rtol=STATE_TOLERANCE, atol=1e-6 * scale, equal_nan=True)


def _off(reason: str) -> UnfitError:
    return UnfitError(Status.OFF_RECIPE, reason)
