"""The candidate's process: it trains the network, and reports in JSON lines, followed by the logits as npy."""

import base64
import io
import json
import os
import tempfile
from collections.abc import Callable
from functools import partial

import torch
from numpy.lib import format as npy

from nnloop.records import Status
from nnloop.sandbox.wire import LARGEST_STATE, TrialRequest, write_all
from nnloop.training import fit
from nnloop.training.checkpoint import Checkpoint, Segment
from nnloop.training.contract import Built
from nnloop.training.images import Images
from nnloop.training.unfit import UnfitError


def prepare(request: TrialRequest, report: int, images: Images) -> Callable[[], None]:
    """Set up the device; the function returned trains the candidate and writes its report to the descriptor `report`.

    No code of the candidate runs before that function is called.
    """
    torch.set_num_threads(1)
    tempfile.tempdir = None  # the warm process looked up a folder that is out of reach here
    fit.quiet()
    _restrict_device(request)
    return partial(_run, request, report, images.to(fit.choose_device()))


def _run(request: TrialRequest, report: int, images: Images) -> None:
    """Train the candidate and write its report, logits included."""

    def say(**event: object) -> None:
        write_all(report, json.dumps(event).encode() + b"\n")

    def on_built(built: Built) -> None:
        say(event="built", params=built.params, flops=built.flops, graph=built.graph, precision=built.precision.name)

    try:
        trained = fit.train(
            request.code,
            images,
            request.recipe,
            seed=request.seed,
            on_built=on_built,
            max_params=request.max_params,
            segment=_segment(request),
        )
    except UnfitError as error:
        say(event="unfit", status=error.status.value, reason=error.reason)
        return
    except MemoryError:
        say(event="unfit", status=Status.OUT_OF_MEMORY.value, reason="MemoryError")
        return
    if isinstance(trained, Checkpoint):
        say(event="checkpoint", state_bytes=len(trained.state))
        write_all(report, trained.state)
    else:
        say(event="trained", train_loss=trained.train_loss, peak_device_bytes=trained.peak_device_bytes)
    file = io.BytesIO()
    npy.write_array(file, trained.logits.numpy(), version=(1, 0), allow_pickle=False)
    write_all(report, file.getbuffer())


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
