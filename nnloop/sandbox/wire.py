"""Messages between the parent, the warm process and a candidate's supervisor: JSON with its length in front."""

import json
import os
import socket
from dataclasses import dataclass
from typing import Any

from nnloop.records import Record
from nnloop.training.recipe import Recipe

LARGEST_STATE = 128 << 20
"""Bytes of a training state that is carried from one leg of a trial to the next."""
LARGEST_MESSAGE = 2 * LARGEST_STATE


@dataclass(frozen=True, slots=True)
class Order(Record):
    """One trial, for the supervisor."""

    code: str
    seed: int
    recipe: Recipe
    max_params: int | None
    wall_s: float
    memory_bytes: int
    output_bytes: int
    device: str = ""  # UUID of a GPU; none is what torch finds
    device_share: float = 1.0  # of the GPU's memory, at most
    until: int | None = None  # stop after this epoch and give the training's state; None: train to the end
    state: str | None = None  # that an earlier leg of the same candidate gave, base64; only its process ever loads it


@dataclass(frozen=True, slots=True)
class Ending(Record):
    """How the candidate's process ended: the supervisor's word, the candidate has no part in it."""

    cause: str  # exit, timeout, memory, disk, flood, cancelled, broken (the wall could not be built)
    code: int  # exit code, or minus the signal's number
    peak_bytes: int  # resident, what the warm process brought along included
    output: str  # the end of what it printed
    payload_bytes: int  # what follows: the candidate's own report


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    connection.sendall(len(data).to_bytes(8, "little") + data)


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Return the next message, None at the end of the stream. Raises ConnectionError on a torn or absurd one."""
    header = receive_exactly(connection, 8)
    if not header:
        return None
    size = int.from_bytes(header, "little")
    if size > LARGEST_MESSAGE:
        raise ConnectionError(f"a message of {size} bytes")
    data = receive_exactly(connection, size)
    if len(data) < size:
        raise ConnectionError("the stream ended within a message")
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ConnectionError("a message that is no object")
    return message


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Read `size` bytes, fewer only where the stream ends."""
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            break
        data += part
    return bytes(data)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]
