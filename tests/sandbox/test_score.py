"""The parent believes nothing in a report that it has not checked."""

import io
import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandboxes import request

from nnloop.data import Dataset
from nnloop.errors import InfrastructureError
from nnloop.records import Status, TrialResult
from nnloop.sandbox.client import Outcome
from nnloop.sandbox.score import SegmentEnd, score
from nnloop.sandbox.wire import LARGEST_STATE, ExitInfo


def dataset() -> Dataset:
    pixels = np.zeros((4, 1, 2, 2), dtype=np.uint8)
    return Dataset("four", pixels, np.arange(4), pixels, np.array([0, 1]), np.array([2, 3]), "")


def ended(cause: str = "exit", code: int = 0, output: str = "", fault: str = "") -> ExitInfo:
    return ExitInfo(cause, code, peak_bytes=5, output=output, report_bytes=0, fault=fault)


def graded(report: bytes, exit_info: ExitInfo | None = None, until: int | None = None) -> TrialResult:
    outcome = Outcome(exit_info or ended(), report, 1.0)
    return score(outcome, request(until=until), dataset())  # type: ignore[return-value]


BUILT = b'{"event": "built", "params": 7, "flops": null}\n'
TRAINED = b'{"event": "trained", "train_loss": 0.5, "peak_device_bytes": null}\n'
UNFIT = b'{"event": "unfit", "status": "crashed", "reason": "no"}\n'


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


NODES = '[["input","",[2,1,2,2],[]],["mean","[*]",[],[0]]]'
NO_GRAPHS = ["", "7", "[7]", '[["a", "", []]]', '[["a", "", [1.5], []]]', '[["a", "", [1], [0]]]', "[" * 100_000]


def with_graph(graph: str) -> bytes:
    return json.dumps({"event": "built", "params": 7, "flops": None, "graph": graph}).encode() + b"\n"


def logits(answers: list[int]) -> bytes:
    return npy(np.eye(4, dtype="<f4")[answers])


def test_accuracies_are_computed_from_logits_and_the_parents_labels() -> None:
    result = graded(BUILT + TRAINED + logits([0, 1, 2, 0]))
    assert (result.status, result.val_accuracy, result.test_accuracy) == (Status.OK, 1.0, 0.5)
    assert (result.params, result.train_loss, result.peak_bytes) == (7, 0.5, 5)


def test_the_graph_comes_back_where_there_is_one() -> None:
    assert graded(with_graph(NODES) + TRAINED + logits([0, 1, 2, 0])).graph == NODES
    assert graded(BUILT + TRAINED + logits([0, 1, 2, 0])).graph is None


def test_chance_is_not_ok() -> None:
    result = graded(BUILT + TRAINED + logits([1, 0, 2, 3]))
    assert (result.status, result.val_accuracy, result.test_accuracy) == (Status.BELOW_CHANCE, 0.0, 1.0)


def test_the_commonest_class_for_every_image_is_not_ok() -> None:
    """Half of the validation images are of class 0: that is no more than chance where classes are out of balance."""
    result = graded(BUILT + TRAINED + logits([0, 0, 0, 0]))
    assert (result.status, result.val_accuracy) == (Status.BELOW_CHANCE, 0.5)
    assert result.reason == "validation accuracy 0.5000, guessing gives 0.5000"


@pytest.mark.parametrize(
    ("report", "status", "reason"),
    [
        (BUILT + TRAINED + logits([0, 1, 2]), Status.CRASHED, "176 bytes are no npy of float32 (4, 4)"),
        (BUILT + TRAINED + logits([0, 1, 2, 3])[:-1], Status.CRASHED, "191 bytes are no npy"),
        (BUILT + TRAINED + logits([0, 1, 2, 3]) + b"\0", Status.CRASHED, "193 bytes are no npy"),
        (BUILT + TRAINED + npy(np.eye(4)), Status.CRASHED, "no npy of float32"),
        (BUILT + TRAINED + npy(np.asfortranarray(np.eye(4, dtype="<f4"))), Status.CRASHED, "no npy of float32"),
        (BUILT + TRAINED + npy(np.array([["a", None]], dtype=object)), Status.CRASHED, "no npy of float32"),
        (BUILT + TRAINED + b"PK\x03\x04" * 16, Status.CRASHED, "no npy of float32"),
        (BUILT + TRAINED + b"", Status.CRASHED, "no npy of float32"),
        (BUILT + TRAINED + b"\x93NUMPY\x01\x00\xff\xff" + b"[" * 65535, Status.CRASHED, "no npy of float32"),
        (BUILT + TRAINED + npy(np.full((4, 4), np.inf, dtype="<f4")), Status.DIVERGED, "not finite"),
        (b'{"event": "unfit", "status": "ok", "reason": ""}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "unfit", "status": "infrastructure", "reason": ""}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": true, "flops": null}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": -1, "flops": null}\n', Status.CRASHED, "report can't be read"),
        (b'{"event": "built", "params": 1, "precision": "int4"}\n', Status.CRASHED, "report can't be read"),
        (BUILT + b'{"event": "trained", "train_loss": NaN}\n', Status.CRASHED, "report can't be read"),
        *((with_graph(graph), Status.CRASHED, "report can't be read") for graph in NO_GRAPHS),
        (BUILT + BUILT + TRAINED + logits([0, 1, 2, 3]), Status.CRASHED, "report can't be read"),
        (UNFIT + UNFIT, Status.CRASHED, "report can't be read"),
        (UNFIT + TRAINED + logits([0, 1, 2, 3]), Status.CRASHED, "report can't be read"),
        (b"[" * 100_000 + b"\n", Status.CRASHED, "report can't be read"),
        (b"\x80\x04pickle\n", Status.CRASHED, "report can't be read"),
        (b"null\n", Status.CRASHED, "report can't be read"),
        (b"", Status.CRASHED, "exited with code 0 while building"),
        (BUILT, Status.CRASHED, "exited with code 0 while training"),
    ],
)
def test_a_report_is_not_trusted(report: bytes, status: Status, reason: str) -> None:
    result = graded(report)
    assert result.status is status
    assert reason in result.reason
    assert result.val_accuracy is None


def test_what_the_supervisor_saw_outranks_the_report() -> None:
    good = BUILT + TRAINED + logits([0, 1, 2, 3])
    assert graded(good, ended("timeout")).status is Status.TIMEOUT
    assert graded(good, ended("memory")).status is Status.OUT_OF_MEMORY
    assert graded(good, ended(code=-11)).reason == "killed by SIGSEGV while training"
    with pytest.raises(InfrastructureError, match="mount /: no"):
        graded(good, ended("broken", fault="OSError: mount /: no"))


def test_a_dead_process_is_quoted() -> None:
    assert graded(BUILT, ended(code=-6, output="noise\nstd::bad_alloc\n")).reason.endswith(
        "SIGABRT while training: std::bad_alloc"
    )


HOSTILE = {
    "empty lines": b"\n",
    "one line": b" ",
    "many objects": BUILT,
    "ends": UNFIT,
    "checkpoints": b'{"event": "checkpoint", "state_bytes": 0}\n',
    "unknown events": b'{"event": "?"}\n',
    "brackets": b"[",
    "lists": b"[],",
    "digits": b"9",
    "quotes": b'"',
    "escapes": b"\\",
}


@given(
    start=st.sampled_from(
        [b"", BUILT, b'{"event": "built", "params": 7, "graph": "[', b'{"event": "unfit", "reason": "']
    ),
    shape=st.sampled_from(sorted(HOSTILE)),
    size=st.integers(0, 64 << 20),
    until=st.sampled_from([None, 1]),
)
@settings(max_examples=60, deadline=None)
def test_the_time_to_read_a_report_grows_with_its_size_alone(
    start: bytes, shape: str, size: int, until: int | None
) -> None:
    repeated = HOSTILE[shape]
    report = start + repeated * (size // len(repeated))
    before = time.process_time()
    result = graded(report, until=until)
    assert time.process_time() - before < 0.5 + len(report) / 100e6
    assert isinstance(result, SegmentEnd) or result.status is Status.CRASHED


CHECKPOINT = BUILT + b'{"event": "checkpoint", "state_bytes": 5}\nstate' + logits([0, 1, 2, 0])


def test_a_checkpoint_ends_a_segment() -> None:
    assert graded(CHECKPOINT, until=1) == SegmentEnd(b"state", 1.0, val_accuracy=1.0)


def test_unfit_logits_do_not_end_a_training_that_goes_on() -> None:
    assert graded(CHECKPOINT[:-1], until=1) == SegmentEnd(b"state", 1.0, val_accuracy=None)


def test_a_state_larger_than_a_message_is_a_crash() -> None:
    """The parent could not send it to the next segment, and would take that for a fault of ours."""
    event = json.dumps({"event": "checkpoint", "state_bytes": LARGEST_STATE + 1}).encode()
    assert graded(BUILT + event + b"\n" + bytes(LARGEST_STATE + 1), until=1).status is Status.CRASHED


def test_a_checkpoint_that_nobody_asked_for_is_a_crash() -> None:
    assert graded(CHECKPOINT).status is Status.CRASHED


def test_a_checkpoint_of_a_process_that_died_is_a_crash() -> None:
    assert graded(CHECKPOINT, ended(code=1), until=1).status is Status.CRASHED
