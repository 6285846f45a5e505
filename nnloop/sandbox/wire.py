"""Messages between the parent, the warm process and a candidate's supervisor: JSON with its length in front."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnloop.json_record import Record
from nnloop.records import Limits
from nnloop.training.recipe import Recipe

LARGEST_STATE = 128 << 20
"""Bytes of a training's state that may be carried from one segment of a trial to the next."""
LARGEST_MESSAGE = 2 * LARGEST_STATE
LARGEST_EVENTS = 1 << 20
"""Bytes of a report before its state and its logits: the operator graph, above all."""


@dataclass(frozen=True, slots=True)
class TrialRequest(Record):
    """The parent's request to a supervisor: one trial, or one segment of it."""

    code: str
    seed: int
    recipe: Recipe
    limits: Limits
    max_params: int | None  # candidates with more parameters are rejected untrained; None is no limit
    device: str = ""  # UUID of a GPU; empty is the device that torch finds
    device_share: float = 1.0  # of the GPU's memory, at most
    until: int | None = None  # stop after this epoch and return the training's state; None: train to the end
    state: str | None = None  # returned by an earlier segment, base64; only a process of the same candidate loads it
    weights_bytes: int | None = None  # evaluate the weights and recorded steps that follow this message; None: train
    secret: int = 0  # decides which steps of the training are recorded; the candidate can't know it before it runs
    looks_at: int = 0  # size of the weights; the rest of `weights_bytes` are recorded steps

    @property
    def largest_weights(self) -> int:
        """The most bytes of weights that a training may hand over: a network trains in several times as many."""
        return self.limits.memory_bytes // 3

    @property
    def cores(self) -> float:
        """The trial's share of the processor; beside a GPU, the thread of its backward passes works too."""
        return 2.0 if self.device else 1.0


@dataclass(frozen=True, slots=True)
class ExitInfo(Record):
    """The end of a candidate's process, as its supervisor saw it: the candidate can't forge it."""

    cause: str  # exit, timeout, memory, disk, threads, flood, cancelled, broken (its code was never reached)
    code: int  # exit code, or minus the signal's number
    cpu_s: float  # processor time of all its threads
    peak_bytes: int  # resident, including the memory that it shares with the warm process
    output: str  # the end of what it printed
    report_bytes: int  # size of the candidate's own report, which follows this message
    fault: str = ""  # why the candidate's code was never reached


def send(connection: socket.socket, message: Mapping[str, object]) -> None:
    """Send one message. Raises OSError."""
    data = json.dumps(message).encode()
    connection.sendall(len(data).to_bytes(8, "little") + data)


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Return the next message; None at the end of the stream. Raises ConnectionError for an invalid one."""
    header = receive_exactly(connection, 8)
    if not header:
        return None
    size = int.from_bytes(header, "little")
    if size > LARGEST_MESSAGE:
        raise ConnectionError(f"a message of {size} bytes")
    data = receive_exactly(connection, size)
    if len(data) < size:
        raise ConnectionError("the stream ended within a message")
    try:
        message = json.loads(data)
    except ValueError:
        raise ConnectionError("a message that is no JSON") from None
    if not isinstance(message, dict):
        raise ConnectionError("a message that is no object")
    return message


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Read `size` bytes; fewer only if the stream ends."""
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            break
        data += part
    return bytes(data)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data` to a file descriptor. Raises OSError."""
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]
