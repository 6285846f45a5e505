"""One trial's training: an epoch through Lightning's Trainer, then the logits of the evaluation images."""

import logging
import random
import tempfile
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lightning import Trainer
from torch import Tensor, nn

from nnloop.records import Status
from nnloop.training.checkpoint import Leg, Paused
from nnloop.training.contract import Built, build
from nnloop.training.images import Chunks, Images, Normalise, TrainBatches
from nnloop.training.module import STEPS_PER_CALL, Classifier
from nnloop.training.own import OwnTraining, Passes, trains_itself
from nnloop.training.precision import Precision
from nnloop.training.recipe import Recipe
from nnloop.training.tamper import KNOWN_IMAGES, Watch
from nnloop.training.unfit import UnfitError, describe, is_out_of_memory

EVAL_BATCH = 512
EVAL_PIXELS = EVAL_BATCH * 32 * 32
"""Images evaluated together hold no more pixels, or are a training batch: what fitted in training fits here."""


@dataclass(frozen=True, slots=True)
class Trained:
    logits: Tensor  # float32 (M, classes), on the CPU
    train_loss: float | None  # mean over the steps; None where the network trained by its own loop
    peak_device_bytes: int | None  # taken from the device; None on a CPU, whose memory the parent measures


def train(
    code: str,
    images: Images,
    recipe: Recipe,
    seed: int,
    max_params: int | None,
    on_built: Callable[[Built], None],
    leg: Leg | None = None,
) -> Trained | Paused:
    """Build, check, train and evaluate one candidate; the same seed gives the same logits on one thread.

    With a `leg` that ends before the last epoch the training's state comes back too; the legs of a training give
    the logits that one in a single piece gives. Raises UnfitError. `on_built` gets the network before training
    starts.
    """
    _seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = images.to(device)
    with Watch(seed) as watch:
        built = build(code, Normalise(recipe, device, torch.contiguous_format)(images.train_x[:2]), recipe, device)
        on_built(built)
        if max_params is not None and built.params > max_params:
            raise UnfitError(Status.REJECTED, f"{built.params:,} parameters, {max_params:,} are allowed")
        try:
            return _judge(built, images, recipe, seed, device, watch, leg)
        except UnfitError:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: the candidate raises them
            raise UnfitError(
                Status.OUT_OF_MEMORY if is_out_of_memory(error) else Status.CRASHED, describe(error)
            ) from error


def _judge(
    built: Built, images: Images, recipe: Recipe, seed: int, device: torch.device, watch: Watch, leg: Leg | None
) -> Trained | Paused:
    """Train and evaluate what has been built, or train it as far as `leg` goes."""
    net, normalise = built.net, Normalise(recipe, device, built.memory_format)
    few = slice(None, None, max(1, len(images.train_y) // KNOWN_IMAGES))
    watch.built(net, normalise(images.train_x[few]), images.train_y[few], recipe.classes)
    _seed(seed)  # the checks may have drawn random numbers
    batches = TrainBatches(images, recipe, normalise, seed)
    steps = recipe.epochs * len(batches)
    watch.begin(net, steps)
    if leg is not None and not leg.can_pause(built.params):
        leg = replace(leg, until=recipe.epochs)
    loss = _fit(net.train(), batches, recipe, built.precision, leg, watch)
    if isinstance(loss, bytes):  # a state that is made already: no evaluation changes how the training goes on
        return Paused(loss, _logits(net, images.eval_x, normalise, recipe, built.precision))
    watch.trained(None if leg is not None or trains_itself(net, recipe) else steps)
    logits = _logits(net, images.eval_x, normalise, recipe, built.precision)
    if not torch.isfinite(logits).all():
        raise UnfitError(Status.DIVERGED, "the logits are not finite")
    peak = torch.cuda.max_memory_reserved() if device.type == "cuda" else None
    watch.evaluated(net, logits, images.eval_x, normalise, built.precision)
    return Trained(logits, loss, peak)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _fit(
    net: nn.Module, batches: TrainBatches, recipe: Recipe, precision: Precision, leg: Leg | None, watch: Watch
) -> float | bytes | None:
    """Train for the recipe's epochs and return the mean loss where it is known, or the state at the end of the leg."""
    if trains_itself(net, recipe):
        module = OwnTraining(net, recipe, watch)
        _trainer(precision.device, recipe.epochs).fit(module, train_dataloaders=Passes(batches, net))
        return None
    last = leg.until if leg else recipe.epochs
    total, due = recipe.epochs * len(batches), last * len(batches)
    classifier = Classifier(net, recipe, precision, total, batches.generator)
    trainer = _trainer(precision.device, last)
    with tempfile.TemporaryDirectory() if leg else nullcontext("") as folder:
        start = leg.unpack(Path(folder)) if leg else None
        trainer.fit(classifier, train_dataloaders=Chunks(batches, STEPS_PER_CALL), ckpt_path=start, weights_only=True)
        if classifier.steps != due:
            raise UnfitError(Status.TAMPERED, f"{classifier.steps} optimizer steps, {due} were due")
        if last == recipe.epochs:
            return float(classifier.loss_sum) / total
        end = Path(folder) / "to.ckpt"
        trainer.save_checkpoint(end)
        return end.read_bytes()


def _trainer(device: torch.device, last: int) -> Trainer:
    return Trainer(
        max_epochs=last,
        accelerator=device.type,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


@torch.inference_mode()
def _logits(net: nn.Module, eval_x: Tensor, normalise: Normalise, recipe: Recipe, precision: Precision) -> Tensor:
    net.to(precision.device).eval()
    size = recipe.size or eval_x.shape[-1]
    rows = max(recipe.batch_size, min(EVAL_BATCH, EVAL_PIXELS // size**2))
    with precision.forward():
        parts = [net(normalise(part)).float() for part in torch.split(eval_x, rows)]
    return torch.cat(parts).cpu().contiguous()


def quiet() -> None:
    """Silence what Lightning and lazy modules say about every single trial."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
