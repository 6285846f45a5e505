"""The candidate's process reports its work line by line, and the logits last."""

import io
import json
import tempfile
from typing import Any

import numpy as np
import pytest
import torch
from sandboxes import RECIPE, request
from trials import network

from nnloop.compat import ensure_torchvision_imports
from nnloop.sandbox.wire import TrialRequest
from nnloop.training.images import Images

ensure_torchvision_imports()
from nnloop.sandbox import child  # noqa: E402


@pytest.fixture(scope="module")
def images() -> Images:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (24, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.arange(24) % 4, pixels[:6])


def reported(asked: TrialRequest, images: Images) -> tuple[list[dict[str, Any]], bytes]:
    """Return the events, and the bytes after the last."""
    with tempfile.TemporaryFile() as file:
        child.prepare(asked, file.fileno(), images)()
        file.seek(0)
        data, events = file.read(), []
    while data.startswith(b"{"):
        line, _, data = data.partition(b"\n")
        events.append(json.loads(line))
        if events[-1]["event"] == "checkpoint":
            break
    return events, data


def test_a_trained_network_reports_its_size_its_loss_and_its_logits(images: Images) -> None:
    (built, trained), data = reported(request(code=network()), images)
    assert (built["event"], built["params"], built["precision"]) == ("built", 68, "float32")
    assert trained["event"] == "trained"
    assert trained["train_loss"] > 0
    logits = np.load(io.BytesIO(data), allow_pickle=False)
    assert (logits.dtype, logits.shape) == (np.float32, (6, 4))


def test_an_unfit_network_reports_why_and_no_logits(images: Images) -> None:
    events, data = reported(request(code=network(init="1 / 0")), images)
    assert [(event["event"], event["status"]) for event in events] == [("unfit", "build_failed")]
    assert "ZeroDivisionError" in events[0]["reason"]
    assert data == b""


def test_a_network_that_is_too_large_reports_its_size_and_is_rejected(images: Images) -> None:
    (built, unfit), _ = reported(request(code=network(), max_params=67), images)
    assert (built["params"], unfit["status"]) == (68, "rejected")


def test_a_segment_that_others_follow_reports_its_state(images: Images) -> None:
    asked = request(code=network(), recipe=RECIPE.from_json(RECIPE.to_json() | {"epochs": 2}), until=1)
    (_, checkpoint), data = reported(asked, images)
    state, logits = data[: checkpoint["state_bytes"]], data[checkpoint["state_bytes"] :]
    assert len(state) == checkpoint["state_bytes"] > 0
    assert np.load(io.BytesIO(logits), allow_pickle=False).shape == (6, 4)
