"""A small HTTP server on the loopback address that serves a folder, well or badly."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Served:
    """What the server is to do, and what it was asked.

    `faults` is consulted once per request, in order: a status to answer with, "cut" (half of what is due, then the
    connection ends), "slow" (in small pieces with pauses), "stall" (half, then silence), "html", or None for an
    answer in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[int | str | None] = []
        self.ranges = True  # whether it can continue
        self.asked: list[tuple[str, str | None]] = []  # file and Range header
        self.address = ""
        self.stop = threading.Event()


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    served = Served(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            served.asked.append((name, self.headers.get("Range")))
            fault = served.faults.pop(0) if served.faults else None
            file = served.folder / name
            if isinstance(fault, int) or not file.is_file():
                self.send_error(fault if isinstance(fault, int) else 404)
                return
            content, start = file.read_bytes(), self._start()
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Type", "text/html" if fault == "html" else "application/octet-stream")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            _send(self.wfile.write, content[start:], fault, served.stop)

        def _start(self) -> int:
            given = self.headers.get("Range")
            return int(given.removeprefix("bytes=").rstrip("-")) if given and served.ranges else 0

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _send(write: Callable[[bytes], object], content: bytes, fault: object, stop: threading.Event) -> None:
    half = len(content) // 2
    if fault in ("cut", "stall"):
        write(content[:half])
        stop.wait(5 if fault == "stall" else 0)
    elif fault == "slow":
        for start in range(0, len(content), len(content) // 10 + 1):
            write(content[start : start + len(content) // 10 + 1])
            time.sleep(0.02)
    else:
        write(content)
