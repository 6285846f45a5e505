"""Messages arrive whole or not at all."""

import os
import socket

import pytest
from sandboxes import request

from nnloop.sandbox import wire
from nnloop.sandbox.wire import TrialRequest


def test_messages_survive_the_wire() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(ours, {"a": "é" * 10_000})
        wire.send(ours, {})
        assert wire.receive(theirs) == {"a": "é" * 10_000}
        assert wire.receive(theirs) == {}
        ours.sendall((1 << 60).to_bytes(8, "little"))
        with pytest.raises(ConnectionError, match="bytes"):
            wire.receive(theirs)


def test_a_request_arrives_as_it_was_sent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(ours, request(state="AA==", until=2).to_json())
        message = wire.receive(theirs)
    assert message is not None
    assert TrialRequest.from_json(message) == request(state="AA==", until=2)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"\x05", "within a message"),
        (bytes([9, *[0] * 7]) + b"{}", "within a message"),
        (bytes([1, *[0] * 7]) + b"7", "no object"),
    ],
)
def test_a_torn_or_absurd_message_is_refused(sent: bytes, error: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(sent)
        with pytest.raises(ConnectionError, match=error):
            wire.receive(theirs)


def test_the_end_of_the_stream_is_no_message() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        assert wire.receive(theirs) is None


def test_all_of_a_report_is_written_though_a_pipe_holds_less() -> None:
    data = bytes(range(256)) * 1000
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        wire.write_all(write, memoryview(data))
        os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        assert file.read() == data
    os.waitpid(child, 0)
