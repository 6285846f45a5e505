"""A candidate's process reports its work line by line, and the weights or the logits last."""

import io
import json
import tempfile
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from sandboxes import RECIPE, request
from trials import network

from nnloop.compat import ensure_torchvision_imports
from nnloop.sandbox.shared_arrays import share
from nnloop.sandbox.wire import TrialRequest
from nnloop.training.images import EvalImages, TrainImages

ensure_torchvision_imports()
from nnloop.sandbox import child  # noqa: E402


@pytest.fixture(scope="module")
def images() -> TrainImages:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (24, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return TrainImages(pixels, torch.arange(24) % 4)


def reported(
    asked: TrialRequest, images: TrainImages | EvalImages, weights: bytes = b""
) -> tuple[list[dict[str, Any]], bytes]:
    """Return the events, and the bytes after the last."""
    with tempfile.TemporaryFile() as file:
        child.prepare(asked, weights, images, file.fileno())()
        file.seek(0)
        data, events = file.read(), []
    while data.startswith(b"{"):
        line, _, data = data.partition(b"\n")
        events.append(json.loads(line))
        if events[-1]["event"] == "checkpoint":
            break
    return events, data


def test_a_trained_network_reports_its_size_its_loss_and_its_weights(images: TrainImages) -> None:
    (built, trained), data = reported(request(code=network()), images)
    assert (built["event"], built["params"], built["precision"]) == ("built", 68, "float32")
    assert (trained["event"], len(trained["answers"])) == ("trained", 24)
    assert trained["train_loss"] > 0
    assert {name: list(value.shape) for name, value in load(data[: trained["weights_bytes"]]).items()} == {
        "net.1.weight": [4, 16],
        "net.1.bias": [4],
    }


def test_trained_weights_are_evaluated_in_another_process(images: TrainImages) -> None:
    (_, trained), weights = reported(request(code=network()), images)
    asked = request(code=network(), weights_bytes=len(weights), looks_at=trained["weights_bytes"])
    (evaluated,), data = reported(asked, EvalImages(images.x[:6], images.x), weights)
    assert (evaluated["event"], evaluated["params"], evaluated["precision"]) == ("evaluated", 68, "float32")
    assert evaluated["memory_format"] == "channels_last"
    assert evaluated["answers"] == trained["answers"]
    assert json.loads(evaluated["graph"])[0][0] == "input"
    logits = np.load(io.BytesIO(data), allow_pickle=False)
    assert (logits.dtype, logits.shape) == (np.float32, (6, 4))


def test_a_process_maps_the_images_of_its_own_work_alone() -> None:
    arrays = [np.full((2, 1, 2, 2), number, dtype=np.uint8) for number in range(4)]
    for weights_bytes, seen in ((None, [0, 1]), (5, [2, 3])):
        files = child.Files(*map(share, arrays))
        images = child.open_images(request(weights_bytes=weights_bytes), files)
        tensors = (getattr(images, field.name) for field in fields(images))
        assert [int(tensor.max()) for tensor in tensors] == seen


def test_an_unfit_network_reports_why_and_nothing_else(images: TrainImages) -> None:
    events, data = reported(request(code=network(init="1 / 0")), images)
    assert [(event["event"], event["status"]) for event in events] == [("unfit", "build_failed")]
    assert "ZeroDivisionError" in events[0]["reason"]
    assert data == b""


def test_a_network_that_is_too_large_reports_its_size_and_is_rejected(images: TrainImages) -> None:
    (built, unfit), _ = reported(request(code=network(), max_params=67), images)
    assert (built["params"], unfit["status"]) == (68, "rejected")


def test_a_segment_that_others_follow_reports_its_state_and_its_weights(images: TrainImages) -> None:
    asked = request(code=network(), recipe=RECIPE.from_json(RECIPE.to_json() | {"epochs": 2}), until=1)
    (_, checkpoint), data = reported(asked, images)
    state, weights = data[: checkpoint["state_bytes"]], data[checkpoint["state_bytes"] :]
    assert len(state) == checkpoint["state_bytes"] > 0
    assert load(weights[: checkpoint["weights_bytes"]]).keys() == {"net.1.weight", "net.1.bias"}
