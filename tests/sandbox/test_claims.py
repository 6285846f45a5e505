"""A report of any bytes is read in linear time, into bounded claims. How they are judged stands in test_score."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnloop.records import Status
from nnloop.sandbox.claims import read_claims

BUILT = b'{"event": "built", "params": 7, "flops": null}\n'
UNFIT = b'{"event": "unfit", "status": "crashed", "reason": "no"}\n'


def line(**event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"


def test_a_training_ends_with_its_weights_and_a_segment_with_its_state_before_them() -> None:
    claims = read_claims(BUILT + line(event="trained", train_loss=0.5, weights_bytes=1, answers=[1, 0]) + b"{}\n")
    assert (claims.params, claims.train_loss, claims.answers, claims.state, claims.body) == (
        7,
        0.5,
        [1, 0],
        None,
        b"{}\n",
    )
    claims = read_claims(BUILT + line(event="checkpoint", state_bytes=2, weights_bytes=1) + b"{}\n")
    assert (claims.state, claims.body) == (b"{}", b"\n")


EVALUATED = line(event="evaluated", params=7, flops=None)
TRAINED = line(event="trained", train_loss=0.5, weights_bytes=1, answers=[1, 0])


@pytest.mark.parametrize(("report", "evaluating"), [(EVALUATED, False), (BUILT, True), (TRAINED, True)])
def test_a_process_says_nothing_that_the_other_has_to_say(report: bytes, evaluating: bool) -> None:
    read_claims(report, evaluating=not evaluating)
    with pytest.raises(ValueError, match="of the other process"):
        read_claims(report, evaluating=evaluating)


def test_a_report_that_was_cut_off_has_no_body() -> None:
    assert read_claims(BUILT + b'{"event": "trai').body is None
    assert read_claims(b"").params is None


def test_an_unfit_candidate_says_why() -> None:
    claims = read_claims(BUILT + UNFIT)
    assert (claims.unfit, claims.reason, claims.body) == (Status.CRASHED, "no", None)


@pytest.mark.parametrize("status", ["ok", "below_chance", "duplicate", "infrastructure", "patch_failed", "?"])
def test_no_status_that_counts_for_it_can_be_claimed(status: str) -> None:
    with pytest.raises(ValueError):
        read_claims(line(event="unfit", status=status, reason=""))


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
)
@settings(max_examples=60, deadline=None)
def test_the_time_to_read_a_report_grows_with_its_size_alone(start: bytes, shape: str, size: int) -> None:
    repeated = HOSTILE[shape]
    report = start + repeated * (size // len(repeated))
    before = time.process_time()
    with contextlib.suppress(ValueError, RecursionError):
        read_claims(report)
    assert time.process_time() - before < 0.5 + len(report) / 100e6
