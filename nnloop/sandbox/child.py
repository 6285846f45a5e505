"""The candidate's process: train the network and report in JSON lines, and after the last one the logits as npy."""

import base64
import io
import json
import os
import tempfile
from typing import Any

import torch
from numpy.lib import format as npy

from nnloop.records import Status
from nnloop.sandbox.wire import LARGEST_STATE, Order, write_all
from nnloop.training import fit
from nnloop.training.checkpoint import Checkpoint, Segment
from nnloop.training.contract import Built
from nnloop.training.images import Images
from nnloop.training.unfit import UnfitError


def work(order: Order, report: int, images: Images) -> None:
    """Judge one candidate up to its logits; `report` is the descriptor to write to."""
    torch.set_num_threads(1)
    tempfile.tempdir = None  # what the warm process took for it lies beyond the wall
    fit.quiet()
    _choose_device(order)

    def say(**event: Any) -> None:
        write_all(report, json.dumps(event).encode() + b"\n")

    def on_built(built: Built) -> None:
        say(event="built", params=built.params, flops=built.flops, graph=built.graph, precision=built.precision.name)

    try:
        trained = fit.train(
            order.code,
            images,
            order.recipe,
            seed=order.seed,
            on_built=on_built,
            max_params=order.max_params,
            segment=_segment(order),
        )
    except UnfitError as error:
        say(event="unfit", status=error.status.value, reason=error.reason)
        return
    except MemoryError:
        say(event="unfit", status=Status.OUT_OF_MEMORY.value, reason="MemoryError")
        return
    if isinstance(trained, Checkpoint):
        say(event="paused", state_bytes=len(trained.state))
        write_all(report, trained.state)
    else:
        say(event="trained", train_loss=trained.train_loss, peak_device_bytes=trained.peak_device_bytes)
    file = io.BytesIO()
    npy.write_array(file, trained.logits.numpy(), version=(1, 0), allow_pickle=False)
    write_all(report, file.getbuffer())


def _choose_device(order: Order) -> None:
    """Show CUDA the order's GPU alone, before anything has looked for one, and hold to its share of the memory."""
    if order.device:
        os.environ["CUDA_VISIBLE_DEVICES"] = order.device
        if torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(order.device_share)


def _segment(order: Order) -> Segment | None:
    if order.until is None and order.state is None:
        return None
    return Segment(order.until or order.recipe.epochs, base64.b64decode(order.state or ""), LARGEST_STATE)
