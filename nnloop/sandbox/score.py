"""Make a TrialResult from the ends of a candidate's two processes. Labels of the evaluation are used only here."""

import io
import math
import signal
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from nnloop.data import Dataset
from nnloop.errors import InfrastructureError
from nnloop.records import COMPLETED, PATIENCE, Status, TrialResult
from nnloop.sandbox.claims import Claims, read_claims
from nnloop.sandbox.client import Outcome
from nnloop.sandbox.confinement import PROCESSES
from nnloop.sandbox.cost import find_excess
from nnloop.sandbox.wire import ExitInfo, TrialRequest
from nnloop.training.recipe import probe_rows

REASON_LENGTH = 300
LONGEST_HEADER = 1 << 16


@dataclass(frozen=True, slots=True)
class Trained:
    """The end of a training, or of one segment of it, before any evaluation.

    Weights and state come from the candidate: they are kept and given to a process of the same candidate, and never
    loaded in the parent.
    """

    weights: bytes  # and recorded steps
    claims: Claims
    seconds: float
    charged_s: float
    cpu_s: float  # counted by the supervisor
    whole: bool  # the training was not cut into segments
    peak_bytes: int

    @property
    def weights_bytes(self) -> int:
        """The size of the weights alone."""
        return min(self.claims.weights_bytes, len(self.weights))

    @property
    def weights_count(self) -> int:
        """The number of values in the weights, at 4 bytes each, whatever the type: none can hide in a larger one.

        The header of safetensors, which names the arrays, is left out, unless it is longer than names are.
        """
        header = 8 + int.from_bytes(self.weights[:8], "little")
        return -(-(self.weights_bytes - min(header, LONGEST_HEADER, self.weights_bytes)) // 4)

    @property
    def state(self) -> bytes | None:
        """The state that the next segment starts from; None: the training is complete."""
        return self.claims.state


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """The end of a segment after which the training goes on."""

    state: bytes
    seconds: float
    charged_s: float  # of the trial's limit
    val_accuracy: float | None  # None if the logits are unfit: the training may still recover


def judge_training(outcome: Outcome, request: TrialRequest) -> TrialResult | Trained:
    """Judge the end of the process that trains. Raises InfrastructureError if the sandbox failed."""
    claims, status, reason = _judge(outcome, request)
    if status is Status.OK and claims.body is not None:
        return Trained(
            claims.body,
            claims,
            seconds=outcome.seconds,
            charged_s=_charged(outcome, request),
            cpu_s=outcome.exit_info.cpu_s,
            whole=request.state is None and request.until is None,
            peak_bytes=_peak(claims, outcome, request),
        )
    return _result(status, reason, claims, seconds=outcome.seconds, peak_bytes=_peak(claims, outcome, request))


def score(
    trained: Trained, outcome: Outcome, request: TrialRequest, *, dataset: Dataset, metric: str = "accuracy"
) -> TrialResult | SegmentEnd:
    """Judge the end of the process that evaluates a trained network. Raises InfrastructureError if the sandbox failed.

    `metric` is dataset.metric.

    The executor adds the sandbox's layers to the result.
    """
    claims, status, reason = _judge(outcome, request)
    accuracies: tuple[float, float] | tuple[None, None] = (None, None)
    if status is Status.OK and claims.body is not None:
        status, reason = _check_facts(claims, trained, request)
    if status is Status.OK and claims.body is not None:
        status, reason, accuracies = _grade(claims.body, dataset, request.recipe.classes, metric=metric)
    if status in COMPLETED and trained.whole:
        excess = find_excess(
            trained.cpu_s, outcome.exit_info.cpu_s, claims.step_s, recipe=request.recipe, images=len(dataset.train_y)
        )
        if excess:
            status, reason, accuracies = Status.OFF_RECIPE, excess, (None, None)
    seconds = trained.seconds + outcome.seconds
    if trained.state is not None:
        charged_s = trained.charged_s + _charged(outcome, request)
        return SegmentEnd(trained.state, seconds, charged_s, val_accuracy=accuracies[0])
    claims.train_loss = trained.claims.train_loss
    return _result(
        status,
        reason or _difference(trained.claims.answers, claims.answers, dataset),
        claims if claims.params is not None else trained.claims,
        seconds=seconds,
        peak_bytes=max(trained.peak_bytes, _peak(claims, outcome, request)),
        accuracies=accuracies,
        weights=trained.weights_count,
    )


def _judge(outcome: Outcome, request: TrialRequest) -> tuple[Claims, Status, str]:
    """Return the claims, the status and its reason, before anything in the body is looked at."""
    exit_info = outcome.exit_info
    if exit_info.cause in ("broken", "cancelled"):
        raise InfrastructureError(f"the sandbox: {exit_info.fault or exit_info.cause}")
    try:
        claims = read_claims(outcome.report, evaluating=request.weights_bytes is not None)
    except (ValueError, RecursionError):
        claims = Claims(unfit=Status.CRASHED, reason="its report can't be read")
    return claims, *_verdict(exit_info, claims, request)


def _verdict(exit_info: ExitInfo, claims: Claims, request: TrialRequest) -> tuple[Status, str]:
    stage = "evaluating" if request.weights_bytes is not None else "training" if claims.params else "building"
    if exit_info.cause == "timeout":
        worked = exit_info.cpu_s >= request.limits.wall_s * request.cores
        limit = f"{request.limits.wall_s:g} s of work" if worked else f"{request.limits.longest_s:g} s"
        return Status.TIMEOUT, f"stopped after {limit} while {stage}"
    if exit_info.cause == "memory":
        return Status.OUT_OF_MEMORY, f"more than {request.limits.memory_bytes >> 20} MiB while {stage}"
    if exit_info.cause == "disk":
        return Status.CRASHED, f"its scratch folder is full while {stage}"
    if exit_info.cause == "threads":
        return Status.CRASHED, f"more than {PROCESSES} threads while {stage}"
    if exit_info.cause == "flood":
        return Status.CRASHED, "its report is larger than its weights and logits may be"
    if claims.unfit is not None:
        return claims.unfit, claims.reason
    if claims.body is not None and exit_info.code == 0 and (claims.state is None or request.until is not None):
        return Status.OK, ""
    last = _last_line(exit_info.output)
    return Status.CRASHED, f"{_how(exit_info.code)} while {stage}{': ' + last if last else ''}"


def _check_facts(claims: Claims, trained: Trained, request: TrialRequest) -> tuple[Status, str]:
    """Compare the facts of the evaluation with what the parent knows: no parameter takes less than a byte."""
    params = claims.params or 0
    if params > trained.weights_bytes:
        return Status.CRASHED, f"{params:,} parameters in {trained.weights_bytes:,} bytes of weights"
    if request.max_params is not None and params > request.max_params:
        return Status.REJECTED, f"{params:,} parameters, {request.max_params:,} are allowed"
    return Status.OK, ""


def _difference(trained: list[int], evaluated: list[int], dataset: Dataset) -> str:
    """Say so if the network was better or worse where it trained than by its parameters and buffers alone."""
    labels = dataset.train_y[probe_rows(len(dataset.train_y))]
    if not len(trained) == len(evaluated) == len(labels):
        return ""
    there, here = (float((np.array(answers) == labels).mean()) for answers in (trained, evaluated))
    middle = (there + here) / 2
    if abs(there - here) <= 2 * math.sqrt(2 * middle * (1 - middle) / len(labels)):
        return ""
    return (
        f"of {len(labels)} training images it knew {there:.0%} at the end of its training, by its parameters and "
        f"buffers alone {here:.0%}: what it keeps elsewhere is not part of the network"
    )


def _result(
    status: Status,
    reason: str,
    claims: Claims,
    *,
    seconds: float,
    peak_bytes: int,
    accuracies: tuple[float, float] | tuple[None, None] = (None, None),
    weights: int | None = None,
) -> TrialResult:
    return TrialResult(
        status,
        _one_line(reason),
        val_accuracy=accuracies[0],
        test_accuracy=accuracies[1],
        params=claims.params,
        weights=weights,
        flops=claims.flops,
        graph=claims.graph,
        precision=claims.precision,
        memory_format=claims.memory_format,
        train_loss=claims.train_loss,
        seconds=seconds,
        peak_bytes=peak_bytes,
    )


def _charged(outcome: Outcome, request: TrialRequest) -> float:
    """Return the part of its limit that a process has used up, by its work or by waiting."""
    return max(outcome.exit_info.cpu_s / request.cores, outcome.seconds / PATIENCE)


def _peak(claims: Claims, outcome: Outcome, request: TrialRequest) -> int:
    """Return the peak of memory: on a GPU the device's, as the candidate's process says, else the supervisor's."""
    return (request.device and claims.peak_device_bytes) or outcome.exit_info.peak_bytes


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _grade(
    logits: bytes, dataset: Dataset, classes: int, *, metric: str
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
    of = METRICS[metric]
    val, test = of(answers[:count], dataset.val_y), of(answers[count:], dataset.test_y)
    commonest = np.bincount(dataset.val_y).argmax()
    guess = of(np.full(count, commonest), dataset.val_y)
    if val <= max(guess, 1 / classes):
        return Status.BELOW_CHANCE, f"validation accuracy {val:.4f}, guessing gives {guess:.4f}", (val, test)
    return Status.OK, "", (val, test)


def accuracy(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the share of images (N,) whose answer is their label."""
    return float((answers == labels).mean())


def balanced_accuracy(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the mean, over the classes that occur among the labels (N,), of the share of their images answered so."""
    counts = np.bincount(labels)
    right = np.bincount(labels, weights=answers == labels, minlength=len(counts))
    return float((right[counts > 0] / counts[counts > 0]).mean())


METRICS: dict[str, Callable[[NDArray[np.int64], NDArray[np.int64]], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
}
"""By dataset.metric."""


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


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or [""])[-1]


def _one_line(text: str) -> str:
    """Return the text as one printable line of at most REASON_LENGTH characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:REASON_LENGTH]
