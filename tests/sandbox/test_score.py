"""The parent believes nothing in a report that it has not checked."""

import io
import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from sandboxes import request

from nnloop.data import Dataset
from nnloop.errors import InfrastructureError
from nnloop.records import Status, TrialResult
from nnloop.sandbox.client import Outcome
from nnloop.sandbox.score import SegmentEnd, Trained, accuracy, balanced_accuracy, judge_training, score
from nnloop.sandbox.wire import LARGEST_STATE, ExitInfo


def dataset() -> Dataset:
    pixels = np.zeros((4, 1, 2, 2), dtype=np.uint8)
    return Dataset("four", pixels, np.arange(4), pixels, np.array([0, 1]), np.array([2, 3]), "")


def ended(cause: str = "exit", code: int = 0, output: str = "", fault: str = "", cpu_s: float = 1.0) -> ExitInfo:
    return ExitInfo(cause, code, cpu_s=cpu_s, peak_bytes=5, output=output, report_bytes=0, fault=fault)


def trained(report: bytes, exit_info: ExitInfo | None = None, **asked: Any) -> TrialResult | Trained:
    return judge_training(Outcome(exit_info or ended(), report, 1.0), request(**asked))


def graded(report: bytes, exit_info: ExitInfo | None = None, **asked: Any) -> TrialResult:
    """Judge the evaluation of a network that was trained as TRAINED says."""
    before = trained(BUILT + TRAINED + b"weights")
    assert isinstance(before, Trained)
    result = score(
        before, Outcome(exit_info or ended(), report, 1.0), request(weights_bytes=7, **asked), dataset=dataset()
    )
    assert isinstance(result, TrialResult)
    return result


BUILT = b'{"event": "built", "params": 7, "flops": null}\n'
TRAINED = (
    b'{"event": "trained", "train_loss": 0.5, "peak_device_bytes": 9, "weights_bytes": 7, "answers": [0, 1, 2, 3]}\n'
)
EVALUATED = b'{"event": "evaluated", "params": 7, "flops": 9, "graph": null, "answers": [0, 1, 2, 3]}\n'
UNFIT = b'{"event": "unfit", "status": "crashed", "reason": "no"}\n'


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


NODES = '[["input","",[2,1,2,2],[]],["mean","[*]",[],[0]]]'
NO_GRAPHS = ["", "7", "[7]", '[["a", "", []]]', '[["a", "", [1.5], []]]', '[["a", "", [1], [0]]]', "[" * 100_000]


def with_graph(graph: str) -> bytes:
    return json.dumps({"event": "evaluated", "params": 7, "flops": None, "graph": graph}).encode() + b"\n"


def logits(answers: list[int]) -> bytes:
    return npy(np.eye(4, dtype="<f4")[answers])


def test_accuracies_are_computed_from_logits_and_the_parents_labels() -> None:
    result = graded(EVALUATED + logits([0, 1, 2, 0]))
    assert (result.status, result.val_accuracy, result.test_accuracy) == (Status.OK, 1.0, 0.5)
    assert (result.params, result.flops, result.train_loss, result.seconds) == (7, 9, 0.5, 2.0)
    assert (result.peak_bytes, result.reason) == (5, "")


def test_a_trained_network_has_no_score_before_its_evaluation() -> None:
    end = trained(BUILT + TRAINED + b"weights")
    assert isinstance(end, Trained)
    assert (end.weights, end.state, end.seconds) == (b"weights", None, 1.0)


def test_a_devices_peak_counts_only_on_a_device() -> None:
    on_gpu, on_cpu = (trained(BUILT + TRAINED, device=device) for device in ("GPU-1", ""))
    assert isinstance(on_gpu, Trained)
    assert isinstance(on_cpu, Trained)
    assert (on_gpu.peak_bytes, on_cpu.peak_bytes) == (9, 5)


def test_the_graph_comes_back_where_there_is_one() -> None:
    assert graded(with_graph(NODES) + logits([0, 1, 2, 0])).graph == NODES
    assert graded(EVALUATED + logits([0, 1, 2, 0])).graph is None


def test_chance_is_not_ok() -> None:
    result = graded(EVALUATED + logits([1, 0, 2, 3]))
    assert (result.status, result.val_accuracy, result.test_accuracy) == (Status.BELOW_CHANCE, 0.0, 1.0)


def test_the_commonest_class_for_every_image_is_not_ok() -> None:
    """Half of the validation images are of class 0: that is no more than chance where classes are out of balance."""
    result = graded(EVALUATED + logits([0, 0, 0, 0]))
    assert (result.status, result.val_accuracy) == (Status.BELOW_CHANCE, 0.5)
    assert result.reason == "validation accuracy 0.5000, guessing gives 0.5000"


def test_a_balanced_accuracy_counts_every_class_alike() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    answers = np.array([0] * 8 + [0, 1])
    assert accuracy(answers, labels) == 0.9
    assert balanced_accuracy(answers, labels) == 0.75
    assert balanced_accuracy(np.zeros(10, dtype=np.int64), labels) == 0.5
    assert balanced_accuracy(np.full(10, 7), labels) == 0.0


def test_the_metric_decides_on_accuracy_and_chance() -> None:
    pixels = np.zeros((8, 1, 2, 2), dtype=np.uint8)
    rare = Dataset("rare", pixels[:4], np.arange(4), pixels, np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1]), "")
    before = trained(BUILT + TRAINED + b"weights")
    assert isinstance(before, Trained)
    ends = {}
    for metric, answers in product(("accuracy", "balanced_accuracy"), ([0, 0, 0, 0], [0, 0, 1, 1])):
        outcome = Outcome(ended(), EVALUATED + logits([*answers, *answers]), 1.0)
        result = score(before, outcome, request(weights_bytes=7), dataset=rare, metric=metric)
        assert isinstance(result, TrialResult)
        ends[metric, sum(answers)] = (result.status, round(result.test_accuracy or 0, 4))
    assert ends == {
        ("accuracy", 0): (Status.BELOW_CHANCE, 0.75),
        ("accuracy", 2): (Status.BELOW_CHANCE, 0.75),
        ("balanced_accuracy", 0): (Status.BELOW_CHANCE, 0.5),
        ("balanced_accuracy", 2): (Status.OK, 0.8333),
    }


@pytest.mark.parametrize(
    ("header", "values", "count"),
    [(16, 40, 10), (16, 41, 11), (1 << 17, 0, (8 + (1 << 17) - (1 << 16)) // 4), ((1 << 64) - 1, 0, 0)],
)
def test_the_parent_counts_the_weights_whatever_the_network_says(header: int, values: int, count: int) -> None:
    body = header.to_bytes(8, "little") + bytes(min(header, 1 << 17) + values)
    if header >= 1 << 64 - 1:
        body = body[: 1 << 16]
    told = TRAINED.replace(b'"weights_bytes": 7', b'"weights_bytes": %d' % len(body))
    before = trained(BUILT + told + body)
    assert isinstance(before, Trained)
    assert before.weights_count == count


def test_the_entry_says_where_training_and_evaluation_saw_different_networks() -> None:
    other = EVALUATED.replace(b"[0, 1, 2, 3]", b"[3, 3, 3, 0]")
    result = graded(other + logits([0, 1, 2, 0]))
    assert (result.status, result.val_accuracy) == (Status.OK, 1.0)
    assert result.reason.startswith("of 4 training images it knew 100% at the end of its training, by its parameters")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({b'"params": 7': b'"params": 8'}, Status.CRASHED, "8 parameters in 7 bytes of weights"),
        ({b'"params": 7': b'"params": 6'}, Status.REJECTED, "6 parameters, 5 are allowed"),
    ],
)
def test_parameters_are_bounded_by_the_weights_and_the_limit(
    changes: dict[bytes, bytes], status: Status, reason: str
) -> None:
    ((old, new),) = changes.items()
    result = graded(EVALUATED.replace(old, new) + logits([0, 1, 2, 0]), max_params=5)
    assert (result.status, result.reason, result.val_accuracy) == (status, reason, None)


@pytest.mark.parametrize(
    ("report", "status", "reason"),
    [
        (EVALUATED + logits([0, 1, 2]), Status.CRASHED, "176 bytes are no npy of float32 (4, 4)"),
        (EVALUATED + logits([0, 1, 2, 3])[:-1], Status.CRASHED, "191 bytes are no npy"),
        (EVALUATED + logits([0, 1, 2, 3]) + b"\0", Status.CRASHED, "193 bytes are no npy"),
        (EVALUATED + npy(np.eye(4)), Status.CRASHED, "no npy of float32"),
        (EVALUATED + npy(np.asfortranarray(np.eye(4, dtype="<f4"))), Status.CRASHED, "no npy of float32"),
        (EVALUATED + npy(np.array([["a", None]], dtype=object)), Status.CRASHED, "no npy of float32"),
        (EVALUATED + b"PK\x03\x04" * 16, Status.CRASHED, "no npy of float32"),
        (EVALUATED + b"", Status.CRASHED, "no npy of float32"),
        (EVALUATED + b"\x93NUMPY\x01\x00\xff\xff" + b"[" * 65535, Status.CRASHED, "no npy of float32"),
        (EVALUATED + npy(np.full((4, 4), np.inf, dtype="<f4")), Status.DIVERGED, "not finite"),
        (EVALUATED.replace(b'"flops": 9', b'"flops": 1000000000000000000'), Status.CRASHED, "can't be read"),
        (EVALUATED.replace(b"[0,", b"[-1,"), Status.CRASHED, "can't be read"),
        (EVALUATED.replace(b"[0,", b"[" + b"0," * 1000), Status.CRASHED, "can't be read"),
        *((with_graph(graph), Status.CRASHED, "report can't be read") for graph in NO_GRAPHS),
        (b"", Status.CRASHED, "exited with code 0 while evaluating"),
    ],
)
def test_the_report_of_an_evaluation_is_not_trusted(report: bytes, status: Status, reason: str) -> None:
    result = graded(report)
    assert (result.status, reason in result.reason, result.val_accuracy) == (status, True, None), result.reason


@pytest.mark.parametrize(
    ("report", "status", "reason"),
    [
        (b'{"event": "unfit", "status": "ok", "reason": ""}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "unfit", "status": "infrastructure", "reason": ""}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": true, "flops": null}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": -1, "flops": null}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": 1, "precision": "int4"}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": 1, "memory_format": "last"}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": 1, "memory_format": []}\n', Status.CRASHED, "report can't be read"),
        (BUILT + b'{"event": "trained", "train_loss": NaN}\n', Status.CRASHED, "report can't be read"),
        (TRAINED.replace(b'bytes": 9', b'bytes": 1000000000000000000'), Status.CRASHED, "report can't be read"),
        (BUILT + BUILT + TRAINED, Status.CRASHED, "report can't be read"),
        (UNFIT + UNFIT, Status.CRASHED, "report can't be read"),
        (UNFIT + TRAINED, Status.CRASHED, "report can't be read"),
        (b"[" * 100_000 + b"\n", Status.CRASHED, "report can't be read"),
        (b"\x80\x04pickle\n", Status.CRASHED, "report can't be read"),
        (b"null\n", Status.CRASHED, "report can't be read"),
        (b"", Status.CRASHED, "exited with code 0 while building"),
        (BUILT, Status.CRASHED, "exited with code 0 while training"),
    ],
)
def test_the_report_of_a_training_is_not_trusted(report: bytes, status: Status, reason: str) -> None:
    result = trained(report)
    assert isinstance(result, TrialResult)
    assert (result.status, reason in result.reason) == (status, True), result.reason


def test_what_the_supervisor_saw_outranks_the_report() -> None:
    good = EVALUATED + logits([0, 1, 2, 3])
    assert graded(good, ended("timeout")).status is Status.TIMEOUT
    assert graded(good, ended("timeout")).reason == "stopped after 36 s while evaluating"
    assert graded(good, ended("timeout", cpu_s=9.0)).reason == "stopped after 9 s of work while evaluating"
    assert graded(good, ended("memory")).status is Status.OUT_OF_MEMORY
    assert graded(good, ended(code=-11)).reason == "killed by SIGSEGV while evaluating"
    with pytest.raises(InfrastructureError, match="mount /: no"):
        graded(good, ended("broken", fault="OSError: mount /: no"))


def test_a_dead_process_is_quoted() -> None:
    result = trained(BUILT, ended(code=-6, output="noise\nstd::bad_alloc\n"))
    assert isinstance(result, TrialResult)
    assert result.reason.endswith("SIGABRT while training: std::bad_alloc")


CHECKPOINT = BUILT + b'{"event": "checkpoint", "state_bytes": 5, "weights_bytes": 7}\nstateweights'


def segment_end(report: bytes) -> TrialResult | SegmentEnd:
    before = trained(CHECKPOINT, until=1)
    assert isinstance(before, Trained)
    return score(before, Outcome(ended(), report, 1.0), request(weights_bytes=7), dataset=dataset())


def test_a_checkpoint_ends_a_segment() -> None:
    assert segment_end(EVALUATED + logits([0, 1, 2, 0])) == SegmentEnd(b"state", 2.0, 2.0, val_accuracy=1.0)


def test_unfit_logits_do_not_end_a_training_that_goes_on() -> None:
    assert segment_end(EVALUATED + logits([0, 1, 2, 0])[:-1]) == SegmentEnd(b"state", 2.0, 2.0, val_accuracy=None)


def no_segment(report: bytes, exit_info: ExitInfo | None = None, until: int | None = None) -> Status:
    result = trained(report, exit_info, until=until)
    assert isinstance(result, TrialResult)
    return result.status


def test_a_state_larger_than_a_message_is_a_crash() -> None:
    """The parent could not send it to the next segment, and would take that for a fault of ours."""
    event = json.dumps({"event": "checkpoint", "state_bytes": LARGEST_STATE + 1, "weights_bytes": 0}).encode()
    assert no_segment(BUILT + event + b"\n" + bytes(LARGEST_STATE + 1), until=1) is Status.CRASHED


def test_a_checkpoint_that_nobody_asked_for_is_a_crash() -> None:
    assert no_segment(CHECKPOINT) is Status.CRASHED


def test_a_checkpoint_of_a_process_that_died_is_a_crash() -> None:
    assert no_segment(CHECKPOINT, ended(code=1), until=1) is Status.CRASHED
