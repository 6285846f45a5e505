"""The candidate's process: it trains the network, or evaluates a trained one.

It reports in JSON lines, followed by the trained weights in safetensors' format or by the logits as npy.
"""

import base64
import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from numpy.lib import format as npy

from nnloop.records import Status
from nnloop.sandbox.shared_arrays import SharedArray, attach
from nnloop.sandbox.wire import LARGEST_STATE, TrialRequest, write_all
from nnloop.training import fit, fresh
from nnloop.training.checkpoint import Checkpoint, Segment
from nnloop.training.contract import Built
from nnloop.training.images import EvalImages, TrainImages
from nnloop.training.unfit import UnfitError


@dataclass(frozen=True, slots=True)
class Files:
    """The images, in open files that no process has mapped before it is known what it is for."""

    train_x: SharedArray
    train_y: SharedArray
    eval_x: SharedArray
    probe_x: SharedArray  # the training images that both processes answer, without their labels


def open_images(request: TrialRequest, files: Files) -> TrainImages | EvalImages:
    """Map the images that the request is about, and no others."""
    if request.weights_bytes is None:
        return TrainImages(*(torch.from_numpy(attach(file)) for file in (files.train_x, files.train_y)))
    return EvalImages(*(torch.from_numpy(attach(file)) for file in (files.eval_x, files.probe_x)))


def prepare(request: TrialRequest, weights: bytes, images: TrainImages | EvalImages, report: int) -> Callable[[], None]:
    """Set up the device; the function returned runs the candidate and writes its report to the descriptor `report`.

    No code of the candidate runs before that function is called.
    """
    torch.set_num_threads(1)
    tempfile.tempdir = None  # the warm process looked up a folder that is out of reach here
    fit.quiet()
    _restrict_device(request)
    on_device = images.to(fit.choose_device())
    if isinstance(on_device, TrainImages):
        return partial(_say_unfitness, partial(_train, request, on_device, report), report)
    return partial(_say_unfitness, partial(_evaluate, request, weights, images=on_device, report=report), report)


def _train(request: TrialRequest, images: TrainImages, report: int) -> None:
    """Train the candidate and write its weights."""

    def on_built(built: Built) -> None:
        ways = {"precision": built.precision.name, "memory_format": built.format_name}
        _say(report, event="built", params=built.params, flops=built.flops, **ways)

    trained = fit.train(
        request.code,
        images,
        request.recipe,
        seed=request.seed,
        on_built=on_built,
        max_params=request.max_params,
        segment=_segment(request),
        secret=request.secret,
    )
    if isinstance(trained, Checkpoint):
        _say(report, event="checkpoint", state_bytes=len(trained.state), weights_bytes=len(trained.weights))
        write_all(report, trained.state)
    else:
        loss, peak = trained.train_loss, trained.peak_device_bytes
        sizes = {"weights_bytes": len(trained.weights), "peak_device_bytes": peak}
        _say(report, event="trained", train_loss=loss, answers=trained.answers, **sizes)
    write_all(report, trained.weights)
    write_all(report, trained.looks)


def _evaluate(request: TrialRequest, weights: bytes, *, images: EvalImages, report: int) -> None:
    """Evaluate the trained candidate and write its logits."""
    evaluated = fresh.evaluate(
        request.code,
        weights[: request.looks_at],
        images,
        looks=weights[request.looks_at :],
        recipe=request.recipe,
        seed=request.seed,
    )
    names = ("params", "flops", "graph", "precision", "memory_format", "answers", "step_s")
    _say(report, event="evaluated", **{name: getattr(evaluated, name) for name in names})
    file = io.BytesIO()
    npy.write_array(file, evaluated.logits.numpy(), version=(1, 0), allow_pickle=False)
    write_all(report, file.getbuffer())


def _say_unfitness(work: Callable[[], None], report: int) -> None:
    """Do the work; report that the candidate is unfit if the work says so."""
    try:
        work()
    except UnfitError as error:
        _say(report, event="unfit", status=error.status.value, reason=error.reason)
    except MemoryError:
        _say(report, event="unfit", status=Status.OUT_OF_MEMORY.value, reason="MemoryError")


def _say(report: int, **event: object) -> None:
    write_all(report, json.dumps(event).encode() + b"\n")


def _restrict_device(request: TrialRequest) -> None:
    """Show CUDA only the request's GPU, before anything looks for GPUs, and limit the share of its memory."""
    if request.device:
        os.environ["CUDA_VISIBLE_DEVICES"] = request.device
        if torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(request.device_share)


def _segment(request: TrialRequest) -> Segment | None:
    if request.until is None and request.state is None:
        return None
    return Segment(request.until or request.recipe.epochs, base64.b64decode(request.state or ""), LARGEST_STATE)
