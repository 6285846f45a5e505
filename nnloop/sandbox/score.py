"""Make a TrialResult from the end of a candidate's process. Labels are used only here, in the parent."""

import io
import json
import math
import signal
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nnloop.data import Dataset
from nnloop.errors import InfrastructureError
from nnloop.records import Status, TrialResult
from nnloop.sandbox.client import Outcome
from nnloop.sandbox.wire import LARGEST_EVENTS, LARGEST_STATE, ExitInfo, TrialRequest

REASON_LENGTH = 300
LARGEST_COUNT = 10**18
CLAIMABLE = {
    Status.BUILD_FAILED,
    Status.BAD_SHAPE,
    Status.CRASHED,
    Status.OUT_OF_MEMORY,
    Status.DIVERGED,
    Status.REJECTED,
    Status.TAMPERED,
}
"""Statuses that the candidate's process may claim: none of them counts for it."""


@dataclass(slots=True)
class _Report:
    """The report of a candidate's process, each part checked."""

    params: int | None = None
    flops: int | None = None
    graph: str | None = None
    precision: str = ""
    trained: bool = False
    train_loss: float | None = None
    peak_device_bytes: int | None = None
    unfit: Status | None = None
    reason: str = ""
    logits: bytes | None = None
    state_bytes: int | None = None  # size of the state, if the segment is not the last; the logits follow it
    state: bytes | None = None

    def stage(self) -> str:
        """Say how far the process has come."""
        return "while training" if self.params is not None else "while building"


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """The end of a segment after which the training goes on.

    The state's bytes come from the candidate: they are stored and given back to a process of the same candidate, and
    never loaded in the parent.
    """

    state: bytes
    seconds: float
    val_accuracy: float | None  # None if the logits are unfit: the training may still recover


def score(outcome: Outcome, request: TrialRequest, dataset: Dataset) -> TrialResult | SegmentEnd:
    """Judge one ended trial, or one segment of it. Raises InfrastructureError if the sandbox failed.

    The executor adds the sandbox's layers to the result.
    """
    exit_info = outcome.exit_info
    if exit_info.cause in ("broken", "cancelled"):
        raise InfrastructureError(f"the sandbox: {exit_info.fault or exit_info.cause}")
    try:
        report = _read(outcome.report)
    except (ValueError, RecursionError):
        report = _Report(unfit=Status.CRASHED, reason="its report can't be read")
    status, reason = _verdict(exit_info, report, request)
    val_accuracy = test_accuracy = None
    if status is Status.OK and report.logits is not None:
        status, reason, (val_accuracy, test_accuracy) = _grade(report.logits, dataset, request.recipe.classes)
        if report.state is not None:
            return SegmentEnd(report.state, outcome.seconds, val_accuracy)
    return TrialResult(
        status,
        _one_line(reason),
        val_accuracy=val_accuracy,
        test_accuracy=test_accuracy,
        params=report.params,
        flops=report.flops,
        graph=report.graph,
        precision=report.precision,
        train_loss=report.train_loss,
        seconds=outcome.seconds,
        peak_bytes=report.peak_device_bytes or exit_info.peak_bytes,
    )


def _verdict(exit_info: ExitInfo, report: _Report, request: TrialRequest) -> tuple[Status, str]:
    """Return the status, and its reason, before any accuracy is looked at."""
    if exit_info.cause == "timeout":
        return Status.TIMEOUT, f"stopped after {request.limits.wall_s:g} s {report.stage()}"
    if exit_info.cause == "memory":
        return Status.OUT_OF_MEMORY, f"more than {request.limits.memory_bytes >> 20} MiB {report.stage()}"
    if exit_info.cause == "disk":
        return Status.CRASHED, f"its scratch folder is full {report.stage()}"
    if exit_info.cause == "flood":
        return Status.CRASHED, "its report is larger than its logits"
    if report.unfit is not None:
        return report.unfit, report.reason
    may_end = report.trained or request.until is not None
    if may_end and report.logits is not None and exit_info.code == 0:
        return Status.OK, ""
    last = _last_line(exit_info.output)
    return Status.CRASHED, f"{_how(exit_info.code)} {report.stage()}{': ' + last if last else ''}"


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _grade(
    logits: bytes, dataset: Dataset, classes: int
) -> tuple[Status, str, tuple[float, float] | tuple[None, None]]:
    """Return the status, its reason, and the validation and test accuracy."""
    shape = (len(dataset.eval_x), classes)
    values = _unpack(logits, shape)
    if values is None:
        return Status.CRASHED, f"{len(logits)} bytes are no npy of float32 {shape}", (None, None)
    if not np.isfinite(values).all():
        return Status.DIVERGED, "the logits are not finite", (None, None)
    answers = values.argmax(1)
    count = len(dataset.val_y)
    val = float((answers[:count] == dataset.val_y).mean())
    test = float((answers[count:] == dataset.test_y).mean())
    guess = float(np.bincount(dataset.val_y).max() / count)  # by always answering the commonest class
    if val <= max(guess, 1 / classes):
        return Status.BELOW_CHANCE, f"validation accuracy {val:.4f}, guessing gives {guess:.4f}", (val, test)
    return Status.OK, "", (val, test)


def _unpack(data: bytes, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return the array if the data are npy of exactly this shape in float32, None for anything else.

    The header is compared with the only right one, never parsed, so nothing in it can have an effect.
    """
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = file.getvalue()
    if not data.startswith(header) or len(data) != len(header) + 4 * math.prod(shape):
        return None
    return np.frombuffer(data, dtype="<f4", offset=len(header)).reshape(shape)


def _read(data: bytes) -> _Report:
    """Read the JSON lines and the bytes after the last: a state, if a line announces one, and the logits.

    Each event comes at most once, in the order of training, and all lines together are no longer than the parent
    expects, so the time to read a report grows with its size alone. Raises ValueError on anything else.
    """
    report = _Report()
    place = 0
    while report.logits is None and report.unfit is None:
        end = data.find(b"\n", place, LARGEST_EVENTS)
        if end < 0:
            if len(data) > LARGEST_EVENTS:
                raise ValueError("too long an event")
            return report  # cut off by the process's death
        _add_event(report, json.loads(data[place:end]))
        place = end + 1
        if report.trained:
            report.logits = data[place:]
        elif report.state_bytes is not None:
            logits = place + report.state_bytes
            report.state, report.logits = data[place:logits], data[logits:]
    if report.unfit is not None and place < len(data):
        raise ValueError("bytes after the end")
    return report


def _add_event(report: _Report, event: Any) -> None:
    """Check one line's object and add it to the report. Raises ValueError."""
    kind = event.get("event") if isinstance(event, dict) else None
    if kind == "built" and report.params is None:
        report.params = _count(event.get("params"))
        report.flops = None if event.get("flops") is None else _count(event["flops"])
        report.graph = None if event.get("graph") is None else _graph(event["graph"])
        report.precision = _precision(event.get("precision", ""))
    elif kind == "unfit":
        report.unfit = Status(event.get("status"))
        if report.unfit not in CLAIMABLE:
            raise ValueError(f"a candidate can't say that it is {report.unfit}")
        report.reason = str(event.get("reason"))
    elif kind == "checkpoint":
        report.state_bytes = _count(event.get("state_bytes"), most=LARGEST_STATE)
    elif kind == "trained":
        loss, peak = event.get("train_loss"), event.get("peak_device_bytes")
        if loss is not None and not (isinstance(loss, float) and math.isfinite(loss)):
            raise ValueError("no training loss")
        report.trained = True
        report.train_loss = loss
        report.peak_device_bytes = None if peak is None else _count(peak)
    else:
        raise ValueError("an unknown event")


def _count(value: object, most: int = LARGEST_COUNT) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("no count")
    return value


def _precision(value: object) -> str:
    if value not in ("", "float32", "bfloat16"):
        raise ValueError("no precision")
    return str(value)


def _graph(value: object) -> str:
    """Check that a graph is a text of JSON nodes; their contents can't be verified."""
    nodes = json.loads(value) if isinstance(value, str) else None
    if not isinstance(nodes, list) or not all(_is_node(node, at) for at, node in enumerate(nodes)):
        raise ValueError("no graph")
    return json.dumps(nodes, separators=(",", ":"))


def _is_node(node: object, at: int) -> bool:
    """Tell if this is [operator, arguments, shape, indices of earlier nodes]."""
    if not isinstance(node, list) or [type(part) for part in node] != [str, str, list, list]:
        return False
    return all(type(size) is int for size in node[2]) and all(type(each) is int and 0 <= each < at for each in node[3])


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or [""])[-1]


def _one_line(text: str) -> str:
    """Return the text as one printable line of at most REASON_LENGTH characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:REASON_LENGTH]
