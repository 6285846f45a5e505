"""The parent's side of the wall: starts the warm process and hands it trials."""

import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnloop.errors import InfrastructureError
from nnloop.sandbox import wire
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.supervise import Site
from nnloop.sandbox.wire import Ending, Order
from nnloop.sandbox.zygote import Array, Setup, clear

HELLO_S = 60.0  # until the warm process has probed its layers, before it imports torch
READY_S = 300.0  # until a trial starts: imports on a busy machine
GRACE_S = 30.0  # beyond a trial's wall limit, until the supervisor must have reported
_MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 46),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Have glibc keep the memory that activations free, in huge pages: faulting it in anew took up to 20% of a step."""
_KEPT = ("PATH", "LANG", "LC_", "LD_LIBRARY_PATH", "DYLD_", "CUDA_", "NVIDIA_", "TMPDIR")  # of the environment


@dataclass(frozen=True, slots=True)
class Shared:
    """What every trial of an executor gets; the arrays are for a candidate's eyes."""

    train_x: NDArray[Any]
    train_y: NDArray[Any]
    eval_x: NDArray[Any]
    classes: int
    hidden: tuple[str, ...]
    without: tuple[str, ...]  # layers to leave off
    scratch_mb: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    ending: Ending
    report: bytes  # as the candidate's process wrote it: not to be trusted
    seconds: float  # wall, from the start of the trial


class Zygote:
    """One warm process. Thread-safe; every method but `close` raises InfrastructureError when the process is gone."""

    def __init__(self, shared: Shared) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())
        self._control, theirs = socket.socketpair()
        self._sending = threading.Lock()
        self._running: set[socket.socket] = set()
        self._site: Site | None = None
        with theirs:
            arrays = [_open(array) for array in (shared.train_x, shared.train_y, shared.eval_x)]
            descriptors = [array.descriptor for array in arrays]
            try:
                self._process = _start(theirs.fileno(), descriptors, self._stderr.fileno(), shared.inline)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        site = self._site = self._greet(
            Setup(
                [array.to_json() for array in arrays],
                list(shared.hidden),
                list(shared.without),
                shared.scratch_mb,
                4 * len(shared.eval_x) * shared.classes,
                shared.inline,
            )
        )
        self.layers: Layers = site.layers

    def _greet(self, setup: Setup) -> Site:
        try:
            wire.send(self._control, setup.to_json())
            self._control.settimeout(HELLO_S)
            hello = wire.receive(self._control)
        except OSError as error:
            gone = self._gone(str(error) or type(error).__name__)
            self.close()
            raise gone from None
        if hello is None:
            gone = self._gone("it ended at once")
            self.close()
            raise gone
        self._control.settimeout(None)
        return Site.from_json(hello)

    def alive(self) -> bool:
        return self._process.poll() is None

    def run(self, order: Order) -> Outcome:
        """Run one trial and wait for its end."""
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs, self._sending:
                    socket.send_fds(self._control, [b"t"], [theirs.fileno()])
                self._running.add(ours)
                return self._converse(ours, order)
            except OSError as error:
                raise self._gone(str(error) or type(error).__name__) from None
            finally:
                self._running.discard(ours)

    def _converse(self, connection: socket.socket, order: Order) -> Outcome:
        connection.settimeout(READY_S)
        wire.send(connection, order.to_json())
        if not wire.receive_exactly(connection, 1):
            raise self._gone("it hung up before the trial started")
        started = time.monotonic()
        connection.settimeout(order.wall_s + GRACE_S)
        message = wire.receive(connection)
        if message is None:
            raise self._gone("it hung up during the trial")
        ending = Ending.from_json(message)
        report = wire.receive_exactly(connection, ending.payload_bytes)
        return Outcome(ending, report, time.monotonic() - started)

    def _gone(self, what: str) -> InfrastructureError:
        code = self._process.poll()
        ended = "" if code is None else f", exit code {code}"
        last = self._last_words()
        return InfrastructureError(f"the warm process: {what}{ended}{': ' + last if last else ''}")

    def _last_words(self) -> str:
        """The last line it wrote to stderr; read without moving the offset at which it writes."""
        try:
            size = os.fstat(self._stderr.fileno()).st_size
            text = os.pread(self._stderr.fileno(), 4000, max(0, size - 4000)).decode("utf-8", "replace")
        except (OSError, ValueError):
            return ""  # closed meanwhile
        return (text.strip().splitlines() or [""])[-1]

    def close(self) -> None:
        """End it and every trial that it runs."""
        for connection in list(self._running):
            _shut(connection)
        _shut(self._control)
        self._control.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._site:
            clear(self._site, self._process.pid)
        self._stderr.close()


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _start(control: int, arrays: list[int], stderr: int, inline: bool) -> "subprocess.Popen[bytes]":
    """Start the warm process without anything secret of this one's environment."""
    environment = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    environment |= {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
        "OMP_NUM_THREADS": "1",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # the other check would touch CUDA, which no fork survives
        "TORCHDYNAMO_DISABLE": "1",
        "PYTHONWARNINGS": "ignore",
        **_MALLOC,
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "nnloop.sandbox.zygote", str(control)],
        env={**os.environ, **environment} if inline else environment,
        cwd=None if inline else "/",
        stdin=None if inline else subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if inline else stderr,
        stderr=None if inline else stderr,
        pass_fds=(control, *arrays),
        start_new_session=not inline,
    )


def _open(array: NDArray[Any]) -> Array:
    """Open the file that an array is mapped from, or put the array into a new one without a name."""
    shape, dtype = [int(size) for size in array.shape], array.dtype.str
    filename: str | None = getattr(array, "filename", None)
    if filename is not None and isinstance(
        getattr(array, "base", None), mmap.mmap
    ):  # a view of a part has another base
        return Array(os.open(filename, os.O_RDONLY | os.O_CLOEXEC), int(getattr(array, "offset")), shape, dtype)  # noqa: B009
    with tempfile.TemporaryFile() as file:
        file.write(np.ascontiguousarray(array).data)
        file.flush()
        return Array(os.dup(file.fileno()), 0, shape, dtype)
