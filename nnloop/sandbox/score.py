"""From what came out of the wall to a TrialResult. The labels are here, on the parent's side, and nowhere else."""

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
from nnloop.sandbox.wire import Ending, Order

REASON_LENGTH = 300
LARGEST_COUNT = 10**18
CLAIMABLE = frozenset(
    {
        Status.BUILD_FAILED,
        Status.BAD_SHAPE,
        Status.CRASHED,
        Status.OUT_OF_MEMORY,
        Status.DIVERGED,
        Status.REJECTED,
        Status.TAMPERED,
    }
)
"""What the candidate's process may say of itself: nothing that would count for it."""


@dataclass(slots=True)
class _Report:
    """What the candidate's process says, each part checked."""

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
    state_bytes: int | None = None  # of a leg that is not the last; the logits follow
    state: bytes | None = None

    def stage(self) -> str:
        return "while training" if self.params is not None else "while building"


def score(outcome: Outcome, order: Order, dataset: Dataset) -> TrialResult:
    """Judge one ended trial, all but its sandbox. Raises InfrastructureError where the wall broke."""
    ending = outcome.ending
    if ending.cause in ("broken", "cancelled"):
        raise InfrastructureError(f"the sandbox: {_last_line(ending.output) or ending.cause}")
    try:
        report = _read(outcome.report)
    except (ValueError, RecursionError):
        report = _Report(unfit=Status.CRASHED, reason="its report can't be read")
    status, reason = _verdict(ending, report, order)
    accuracies: tuple[float, float] | None = None
    if status is Status.OK and report.logits is not None:
        status, reason, accuracies = _grade(report.logits, dataset, order.recipe.classes)
    return TrialResult(
        status,
        _one_line(reason),
        val_accuracy=accuracies[0] if accuracies else None,
        test_accuracy=accuracies[1] if accuracies else None,
        params=report.params,
        flops=report.flops,
        graph=report.graph,
        precision=report.precision,
        train_loss=report.train_loss,
        seconds=outcome.seconds,
        peak_bytes=report.peak_device_bytes or ending.peak_bytes,
    )


@dataclass(frozen=True, slots=True)
class Halt:
    """The end of a leg after which the training goes on.

    The state is bytes of the candidate's making: to be stored and handed back to a process of the same candidate, never
    to be loaded on this side of the wall.
    """

    state: bytes
    val_accuracy: float | None  # None where its logits are unfit: the training may still recover


def halt(outcome: Outcome, order: Order, dataset: Dataset) -> Halt | None:
    """Read how a leg ended; None where the trial ended with it."""
    if order.until is None or outcome.ending.cause != "exit" or outcome.ending.code != 0:
        return None
    try:
        report = _read(outcome.report)
    except (ValueError, RecursionError):
        return None
    if report.state is None or report.logits is None:
        return None
    accuracies = _grade(report.logits, dataset, order.recipe.classes)[2]
    return Halt(report.state, accuracies[0] if accuracies else None)


def _verdict(ending: Ending, report: _Report, order: Order) -> tuple[Status, str]:
    """The status before any accuracy is looked at."""
    if ending.cause == "timeout":
        return Status.TIMEOUT, f"stopped after {order.wall_s:g} s {report.stage()}"
    if ending.cause == "memory":
        return Status.OUT_OF_MEMORY, f"more than {order.memory_bytes >> 20} MiB {report.stage()}"
    if ending.cause == "disk":
        return Status.CRASHED, f"its scratch folder is full {report.stage()}"
    if ending.cause == "flood":
        return Status.CRASHED, "its report is larger than its logits"
    if report.unfit is not None:
        return report.unfit, report.reason
    if report.trained and report.logits is not None and ending.code == 0:
        return Status.OK, ""
    last = _last_line(ending.output)
    return Status.CRASHED, f"{_how(ending.code)} {report.stage()}{': ' + last if last else ''}"


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _grade(logits: bytes, dataset: Dataset, classes: int) -> tuple[Status, str, tuple[float, float] | None]:
    values = _unpack(logits, (len(dataset.eval_x), classes))
    if values is None:
        return Status.CRASHED, f"{len(logits)} bytes are no npy of float32 {(len(dataset.eval_x), classes)}", None
    if not np.isfinite(values).all():
        return Status.DIVERGED, "the logits are not finite", None
    answers = values.argmax(1)
    held = len(dataset.val_y)
    val = float((answers[:held] == dataset.val_y).mean())
    test = float((answers[held:] == dataset.test_y).mean())
    guess = float(np.bincount(dataset.val_y).max() / held)  # by always answering the commonest class
    if val <= max(guess, 1 / classes):
        return Status.BELOW_CHANCE, f"validation accuracy {val:.4f}, guessing gives {guess:.4f}", (val, test)
    return Status.OK, "", (val, test)


def _unpack(data: bytes, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Take npy of exactly this shape in float32, None for anything else.

    Its header is compared with the only right one and never parsed, so that nothing in it can have an effect.
    """
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = file.getvalue()
    if not data.startswith(header) or len(data) != len(header) + 4 * math.prod(shape):
        return None
    return np.frombuffer(data, dtype="<f4", offset=len(header)).reshape(shape)


def _read(data: bytes) -> _Report:
    """Read the JSON lines and what follows the last: a state where it is said to, and the logits' bytes.

    Raises ValueError on anything else.
    """
    report = _Report()
    while data and report.logits is None:
        line, newline, data = data.partition(b"\n")
        if not newline:
            break  # cut off by the process's death
        _take(report, json.loads(line))
        if report.trained:
            report.logits = data
        elif report.state_bytes is not None:
            report.state, report.logits = data[: report.state_bytes], data[report.state_bytes :]
    return report


def _take(report: _Report, event: Any) -> None:
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
    elif kind == "paused":
        report.state_bytes = _count(event.get("state_bytes"))
    elif kind == "trained":
        loss, peak = event.get("train_loss"), event.get("peak_device_bytes")
        if loss is not None and not (isinstance(loss, float) and math.isfinite(loss)):
            raise ValueError("no training loss")
        report.trained = True
        report.train_loss = loss
        report.peak_device_bytes = None if peak is None else _count(peak)
    else:
        raise ValueError("an unknown event")


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
        raise ValueError("no count")
    return value


def _precision(value: Any) -> str:
    if value not in ("", "float32", "bfloat16"):
        raise ValueError("no precision")
    return str(value)


def _graph(value: Any) -> str:
    """Check that a graph is text of JSON nodes; what they say is the candidate's word."""
    nodes = json.loads(value) if isinstance(value, str) else None
    if not isinstance(nodes, list) or not all(_is_node(node, at) for at, node in enumerate(nodes)):
        raise ValueError("no graph")
    return json.dumps(nodes, separators=(",", ":"))


def _is_node(node: Any, at: int) -> bool:
    """Whether this is [operator, arguments, shape, places of earlier nodes]."""
    if not isinstance(node, list) or [type(part) for part in node] != [str, str, list, list]:
        return False
    return all(type(size) is int for size in node[2]) and all(type(each) is int and 0 <= each < at for each in node[3])


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or [""])[-1]


def _one_line(text: str) -> str:
    """Printable, one line, at most REASON_LENGTH characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:REASON_LENGTH]
