"""A server on loopback that speaks the OpenAI protocol badly, in one way at a time."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

SSE = "text/event-stream"


@dataclass
class OddServer:
    """Answers the requests with the replies in turn; the last one stands for all further requests."""

    url: str = ""
    replies: list["Reply"] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            head, body = _request(connection)
            if not head:
                return
            if head.startswith("GET"):
                connection.sendall(http(200, json.dumps({"data": [{"id": "served"}]})))
                return
            with self._lock:
                number = len(self.asked)
                self.heads.append(head)
                self.asked.append(json.loads(body))
            reply = self.replies[min(number, len(self.replies) - 1)]
            if isinstance(reply, bytes):
                connection.sendall(reply)
            else:
                reply(connection)


Reply = bytes | Callable[[socket.socket], None]


def _request(connection: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return "", b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode(), body


def http(status: int, body: str, *, kind: str = "application/json", headers: str = "") -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {status} Word\r\nContent-Type: {kind}\r\n{headers}Content-Length: {len(data)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + data


def whole(content: Any, **more: Any) -> bytes:
    """An answer that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return http(200, json.dumps({"choices": [choice | more.pop("choice", {})], **more}))


def stream(*chunks: Any, done: bool = True) -> bytes:
    """A streamed answer; a text is a chunk as it stands."""
    lines = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks] + ["[DONE]"] * done
    return http(200, "".join(f"data: {line}\n\n" for line in lines), kind=SSE)


def chunk(content: Any, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}]}


def dripping(data: bytes, pause_s: float) -> Callable[[socket.socket], None]:
    """Send one byte after another."""

    def drip(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause_s)

    return drip


def endless(head: bytes, part: bytes) -> Callable[[socket.socket], None]:
    """Send the head, then the part again and again, as fast as it is taken."""

    def pour(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(part * 1000)

    return pour


def silent(connection: socket.socket) -> None:
    """Wait until the other side gives up."""
    connection.settimeout(60)
    connection.recv(1)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(*replies: Reply) -> Iterator[OddServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    state = OddServer(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", list(replies))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=state.take, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield state
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
