"""The evaluation of a trained network, in a process that has not trained it and has no training image.

The network is built again by the same seed and gets the trained parameters and buffers; it is scored by what it is
then. Everything else that its training left in the process that trained is not part of the network.

A network that answers for an image by what else is in the batch, or by what it saw before, has no accuracy of its own:
256 images, batched anew, have to get the same logits. Networks that draw random numbers in evaluation are not held to
that.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nnloop.records import Status
from nnloop.training import recording, replay, tensors
from nnloop.training.contract import Built, build
from nnloop.training.images import EvalImages, Normalise
from nnloop.training.operator_graph import trace
from nnloop.training.own import trains_itself
from nnloop.training.randomness import seed_generators
from nnloop.training.recipe import KNOWN_EVERY, Recipe
from nnloop.training.unfit import UnfitError, blame

EVAL_BATCH = 512
# Images evaluated together hold no more pixels, or are a training batch: a batch that fitted in training fits here.
EVAL_PIXELS = EVAL_BATCH * 32 * 32
REBATCHED_IMAGES = 256
REBATCH = 128  # or half of them, if that is less
TOLERANCE = 0.01  # of the logits' standard deviation
MIXED_TOLERANCE = 0.25  # in bfloat16
TOLERATED_ROWS = 0.02

# Logits of the evaluation images in these rows.
Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The logits of a trained network, and facts about it, from a process that runs its code."""

    logits: Tensor  # float32 (M, classes), on the CPU
    answers: list[int]  # classes of the training images that the training answered too
    params: int
    flops: int | None  # forward pass of one image, multiply-adds counted as two; None where it can't be counted
    graph: str | None  # of operators, JSON as operator_graph.trace writes it; None where it can't be traced
    precision: str
    memory_format: str
    step_s: float  # processor seconds of a step of its training, repeated here; 0: none was repeated


def evaluate(
    code: str, weights: bytes, images: EvalImages, *, looks: bytes | None, recipe: Recipe, seed: int
) -> Evaluated:
    """Build the network by the seed of its training, give it its weights, and have it answer images.

    `looks` are steps of its training to repeat, by Recorder.pack; None: none. Images lie on the device that is used.
    Raises UnfitError if the candidate is at fault.
    """
    seed_generators(seed)
    device = images.x.device
    sample = Normalise(recipe, device, torch.contiguous_format)(images.probe_x[:2])
    built = build(code, sample, recipe, device=device)
    normalise = Normalise(recipe, device, built.memory_format)
    record = None
    if looks is not None and not trains_itself(built.net, recipe):
        with blame(Status.CRASHED, "before its training, repeated: "):
            record = recording.unpack(looks) if looks else recording.Recording({}, [])
            replay.check_untrained(built, record, normalise(images.probe_x[::KNOWN_EVERY]))
    graph = trace(built.net, sample.contiguous(memory_format=built.memory_format))
    with blame(Status.CRASHED, "in its evaluation: "):
        built.net.train()  # as it was when they were packed
        tensors.unpack(built.net, weights)
        seed_generators(seed)
        answers = classify(built, images.probe_x, normalise, recipe=recipe).argmax(1).tolist()
        logits = classify(built, images.x, normalise, recipe=recipe)
        if not torch.isfinite(logits).all():
            raise UnfitError(Status.DIVERGED, "the logits are not finite")
        _check_batches(built, logits, images.x, prepare=normalise, seed=seed)
    step_s = 0.0
    if record is not None:
        with blame(Status.CRASHED, "in a step of its training, repeated: "):
            step_s = replay.check(built, record.looks, recipe, seed=seed)
    return Evaluated(
        logits,
        answers,
        params=built.params,
        flops=built.flops,
        graph=graph,
        precision=built.precision.name,
        memory_format=built.format_name,
        step_s=step_s,
    )


@torch.no_grad()
def classify(built: Built, x: Tensor, normalise: Normalise, *, recipe: Recipe) -> Tensor:
    """Return the logits of uint8 images (M, C, H, W), float32 (M, classes), on the CPU."""
    built.net.to(built.precision.device)
    built.net.eval()
    size = recipe.size or x.shape[-1]
    rows = max(recipe.batch_size, min(EVAL_BATCH, EVAL_PIXELS // size**2))
    with built.precision.forward():
        parts = [built.net(normalise(part)).float() for part in torch.split(x, rows)]
    return torch.cat(parts).cpu().contiguous()


@torch.no_grad()
def _check_batches(built: Built, logits: Tensor, eval_x: Tensor, *, prepare: Normalise, seed: int) -> None:
    """Raise UnfitError if logits depend on the rest of the batch or on earlier batches, unless they are random."""
    order = list(range(len(eval_x)))
    random.Random(seed).shuffle(order)
    chosen = torch.tensor(order[:REBATCHED_IMAGES], device=eval_x.device)

    def run() -> Tensor:
        with built.precision.forward():
            parts = torch.split(eval_x[chosen], max(1, min(REBATCH, len(chosen) // 2)))
            return torch.cat([built.net(prepare(part)).float() for part in parts]).cpu()

    tolerance = MIXED_TOLERANCE if built.precision.mixed else TOLERANCE
    if _agree(run(), logits[chosen.cpu()], tolerance):
        return
    repeats = []
    for each in (0, 0, 1):
        seed_generators(each)
        repeats.append(run())
    if not _agree(repeats[1], repeats[0], tolerance):
        raise UnfitError(Status.OFF_RECIPE, "its logits depend on what it saw before")
    if _agree(repeats[2], repeats[0], tolerance):
        raise UnfitError(Status.OFF_RECIPE, "its logits depend on what else is in the batch")


def _agree(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Return whether nearly all rows are equal, up to rounding."""
    scale = other.std() + 1e-6
    apart = (one - other).abs().amax(1) > tolerance * scale
    return bool(apart.float().mean() <= TOLERATED_ROWS)
