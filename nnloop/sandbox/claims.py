"""The report of a candidate's process, read as what it is: bytes from a stranger.

It is one JSON object a line, each kind at most once, and after the last line the bytes of a state, weights or logits.
Anything else is a ValueError. The time to read a report grows with its size alone. Every number has bounds; whether it
is true can't be checked here: records.TrialResult names the fields that are a candidate's own word.
"""

import json
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from nnloop.records import Status
from nnloop.sandbox.wire import LARGEST_EVENTS, LARGEST_STATE

LARGEST_COUNT = 10**18
LARGEST_FLOPS = 10**15  # of one image: a hundred seconds of a fast GPU
LARGEST_DEVICE = 1 << 40  # bytes
MOST_ANSWERS = 1000
LARGEST_SECONDS = 1e6
PRECISIONS = ("", "float32", "bfloat16")
FORMATS = ("", "default", "channels_last")
CLAIMABLE = {
    Status.BUILD_FAILED,
    Status.BAD_SHAPE,
    Status.CRASHED,
    Status.OUT_OF_MEMORY,
    Status.DIVERGED,
    Status.REJECTED,
    Status.TAMPERED,
    Status.OFF_RECIPE,
}
"""Statuses that the candidate's process may claim: none of them counts for it."""


@dataclass(slots=True)
class Claims:
    """The parts of a report, each checked; None: the process has not said it."""

    params: int | None = None
    flops: int | None = None
    graph: str | None = None
    precision: str = ""
    memory_format: str = ""
    train_loss: float | None = None
    peak_device_bytes: int | None = None
    step_s: float = 0.0  # processor seconds of a step in the evaluation's process; 0: none was taken
    answers: list[int] = field(default_factory=list)  # classes of some training images
    unfit: Status | None = None
    reason: str = ""
    state_bytes: int | None = None  # size of the state, if the segment is not the last; weights follow it
    weights_bytes: int = 0  # size of the weights; recorded steps follow them
    state: bytes | None = None
    body: bytes | None = None  # weights or logits; None: the work did not come to its end


def read_claims(data: bytes, *, evaluating: bool = False) -> Claims:
    """Read the report of a training or of an evaluation. One that was cut off by the process's death has no body.

    Raises ValueError or RecursionError.
    """
    claims = Claims()
    place = 0
    while claims.body is None and claims.unfit is None:
        end = data.find(b"\n", place, LARGEST_EVENTS)
        if end < 0:
            if len(data) > LARGEST_EVENTS:
                raise ValueError("too long an event")
            return claims
        ended = _add_event(claims, json.loads(data[place:end]), evaluating=evaluating)
        place = end + 1
        if ended and claims.state_bytes is not None:
            claims.state, place = data[place : place + claims.state_bytes], place + claims.state_bytes
        if ended:
            claims.body = data[place:]
    if claims.unfit is not None and place < len(data):
        raise ValueError("bytes after the end")
    return claims


def _add_event(claims: Claims, event: Any, *, evaluating: bool) -> bool:
    """Check one line's object and add it to the claims; tell if it is the last line. Raises ValueError."""
    kind = event.get("event") if isinstance(event, dict) else None
    if kind != "unfit" and evaluating != (kind == "evaluated"):
        raise ValueError("an event of the other process")
    if kind == "built" and claims.params is None:
        _add_facts(claims, event)
        return False
    if kind == "unfit":
        claims.unfit = Status(event.get("status"))
        if claims.unfit not in CLAIMABLE:
            raise ValueError(f"a candidate can't say that it is {claims.unfit}")
        claims.reason = str(event.get("reason"))
        return False
    if kind == "checkpoint":
        claims.state_bytes = _count(event.get("state_bytes"), most=LARGEST_STATE)
        claims.weights_bytes = _count(event.get("weights_bytes"))
    elif kind == "trained":
        loss, peak = event.get("train_loss"), event.get("peak_device_bytes")
        if loss is not None and not (isinstance(loss, float) and math.isfinite(loss)):
            raise ValueError("no training loss")
        claims.train_loss = loss
        claims.peak_device_bytes = None if peak is None else _count(peak, most=LARGEST_DEVICE)
        claims.answers = _answers(event.get("answers", []))
        claims.weights_bytes = _count(event.get("weights_bytes"))
    elif kind == "evaluated":
        _add_facts(claims, event)
        claims.answers = _answers(event.get("answers", []))
        claims.step_s = _seconds(event.get("step_s", 0.0))
    else:
        raise ValueError("an unknown event")
    return True


def _add_facts(claims: Claims, event: dict[str, Any]) -> None:
    claims.params = _count(event.get("params"))
    claims.flops = None if event.get("flops") is None else _count(event["flops"], most=LARGEST_FLOPS)
    claims.graph = None if event.get("graph") is None else _graph(event["graph"])
    claims.precision = _one_of(PRECISIONS, event.get("precision", ""))
    claims.memory_format = _one_of(FORMATS, event.get("memory_format", ""))


def _count(value: object, most: int = LARGEST_COUNT) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("no count")
    return value


def _seconds(value: object) -> float:
    if not isinstance(value, float) or not 0 <= value <= LARGEST_SECONDS:
        raise ValueError("no seconds")
    return value


def _answers(value: object) -> list[int]:
    if not isinstance(value, list) or len(value) > MOST_ANSWERS:
        raise ValueError("no answers")
    return [_count(each) for each in value]


def _one_of(words: Collection[str], value: object) -> str:
    if not isinstance(value, str) or value not in words:
        raise ValueError("an unknown word")
    return value


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
