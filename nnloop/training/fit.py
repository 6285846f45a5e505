"""One trial's training: an epoch through Lightning's Trainer. The evaluation is `fresh`, in another process."""

import logging
import tempfile
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning import Trainer

from nnloop.records import Status
from nnloop.training import tensors
from nnloop.training.checkpoint import Checkpoint, Segment
from nnloop.training.contract import Built, build
from nnloop.training.fresh import classify
from nnloop.training.images import Chunks, Normalise, TrainBatches, TrainImages
from nnloop.training.module import STEPS_PER_CALL, Classifier
from nnloop.training.own import OwnTraining, Passes, trains_itself
from nnloop.training.randomness import seed_generators
from nnloop.training.recipe import KNOWN_EVERY, Recipe, probe_rows
from nnloop.training.tamper import Watch
from nnloop.training.unfit import UnfitError, blame


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a training."""

    weights: bytes  # parameters and buffers, by `tensors.pack`
    answers: list[int]  # classes of the training images of `probe_rows`, for comparison with the evaluation's process
    looks: bytes  # recorded steps, by `Recorder.pack`; empty if the network trained by its own loop
    train_loss: float | None  # mean over the steps; None if the network trained by its own loop
    peak_device_bytes: int | None  # as the device tells; None on a CPU, whose memory the parent measures


def train(
    code: str,
    images: TrainImages,
    recipe: Recipe,
    *,
    seed: int,
    on_built: Callable[[Built], None],
    max_params: int | None = None,
    segment: Segment | None = None,
    secret: int = 0,
) -> Finished | Checkpoint:
    """Build, check and train one candidate.

    The same seed gives the same weights on one thread, in one piece or in segments. `on_built` gets the network before
    training starts. A network with more than `max_params` parameters is not trained. `segment` is the part to train
    (None: everything); a segment that is not the last returns a Checkpoint. `secret` decides which steps are recorded.
    Raises UnfitError if the candidate is at fault.
    """
    seed_generators(seed)
    device = images.x.device
    with Watch(seed, secret) as watch:
        sample = Normalise(recipe, device, torch.contiguous_format)(images.x[probe_rows(len(images.y))][:2])
        built = build(code, sample, recipe, device=device)
        on_built(built)
        refuse_large(built, max_params)
        with blame(Status.CRASHED):
            return _train(built, images, recipe, seed=seed, watch=watch, segment=segment)


def refuse_large(built: Built, max_params: int | None) -> None:
    """Raise UnfitError for a network with more than `max_params` parameters; None: no limit."""
    if max_params is not None and built.params > max_params:
        raise UnfitError(Status.REJECTED, f"{built.params:,} parameters, {max_params:,} are allowed")


def _train(
    built: Built, images: TrainImages, recipe: Recipe, *, seed: int, watch: Watch, segment: Segment | None
) -> Finished | Checkpoint:
    """Train a built network to the end, or to the end of `segment`."""
    net, device = built.net, built.precision.device
    normalise = Normalise(recipe, device, built.memory_format)
    probe = probe_rows(len(images.y))
    known_x, known_y = images.x[probe][::KNOWN_EVERY], images.y[probe][::KNOWN_EVERY]
    watch.built(net, normalise(known_x), known_y, classes=recipe.classes)
    seed_generators(seed)  # the checks may have drawn random numbers
    batches = TrainBatches(images, recipe, normalise, seed=seed)
    steps = recipe.epochs * len(batches)
    watch.begin(net, steps)
    if segment is not None and not segment.fits(built.params):
        segment = replace(segment, until=recipe.epochs)
    net.train()
    classifier = None
    if trains_itself(net, recipe):
        _trainer(device, recipe.epochs).fit(OwnTraining(net, recipe, watch), train_dataloaders=Passes(batches, net))
    else:
        classifier = Classifier(net, recipe, built.precision, steps=steps, generator=batches.generator)
        classifier.watch = watch
        state = _fit(classifier, batches, segment)
        if state is not None:
            watch.trained()
            return Checkpoint(state, _weights(classifier), _looks(classifier))
        watch.trained()
    weights = _weights(classifier) if classifier else tensors.pack(net)
    answers = classify(built, images.x[probe], normalise, recipe=recipe).argmax(1).tolist()
    peak = torch.cuda.max_memory_reserved() if device.type == "cuda" else None
    loss = classifier.mean_loss if classifier else None
    return Finished(weights, answers, looks=_looks(classifier), train_loss=loss, peak_device_bytes=peak)


def _weights(classifier: Classifier) -> bytes:
    weights = tensors.pack(classifier.net)
    if classifier.recorder:
        classifier.recorder.finish(weights)
    return weights


def _looks(classifier: Classifier | None) -> bytes:
    return classifier.recorder.pack() if classifier and classifier.recorder else b""


def _fit(classifier: Classifier, batches: TrainBatches, segment: Segment | None) -> bytes | None:
    """Train to the end of the segment and return the training's state there; None if the training is complete."""
    epochs = classifier.recipe.epochs
    last = segment.until if segment else epochs
    trainer, due = _trainer(classifier.precision.device, last), last * len(batches)
    classifier.last_step = due
    with tempfile.TemporaryDirectory() if segment else nullcontext("") as folder:
        start = segment.unpack(Path(folder)) if segment else None
        trainer.fit(classifier, train_dataloaders=Chunks(batches, STEPS_PER_CALL), ckpt_path=start, weights_only=True)
        if classifier.steps != due:
            raise UnfitError(Status.TAMPERED, f"{classifier.steps} optimizer steps, {due} were due")
        if last == epochs:
            return None
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


def choose_device() -> torch.device:
    """Return the device on which trials of this process run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def quiet() -> None:
    """Silence the messages of Lightning and of lazy modules that would repeat for every trial."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
