"""The parent's side of the sandbox: it starts the warm process and gives it trials."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnloop.errors import InfrastructureError
from nnloop.sandbox import wire
from nnloop.sandbox.config import ProbedSandbox, SandboxConfig
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.shared_arrays import share
from nnloop.sandbox.supervise import START_S
from nnloop.sandbox.wire import ExitInfo, TrialRequest

HELLO_S = 60.0  # the longest time in which the warm process probes its layers, before it imports torch
READY_S = 300.0  # the longest time until a trial starts: imports on a busy machine
GRACE_S = 30.0  # beyond a trial's limits of time, the longest time until the supervisor reports
_PASSED_ON = ("PATH", "LANG", "LC_", "LD_LIBRARY_PATH", "DYLD_", "CUDA_", "NVIDIA_", "TMPDIR")
"""Prefixes of the environment variables that the warm process gets; none of them is a secret."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One trial's end, from the supervisor, and its report, from the candidate."""

    exit_info: ExitInfo
    report: bytes  # as the candidate's process wrote it: not to be trusted
    seconds: float  # wall, from the start of the trial


class Zygote:
    """One warm process. Thread-safe. Starting it and `run` raise InfrastructureError when the process is gone."""

    def __init__(self, config: SandboxConfig, arrays: Sequence[NDArray[Any]]) -> None:
        """Start the process; `arrays` are those of child.Files, in that order."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close())
        self._control, theirs = socket.socketpair()
        self._sending = threading.Lock()
        self._running: set[socket.socket] = set()
        self._sandbox: ProbedSandbox | None = None
        shared = [share(array) for array in arrays]
        descriptors = [theirs.fileno(), *(array.descriptor for array in shared)]
        with theirs:
            try:
                self._process = _start(descriptors, self._stderr.fileno(), config.inline)
            finally:
                for descriptor in descriptors[1:]:
                    os.close(descriptor)
        message = {"config": config.to_json(), "arrays": [array.to_json() for array in shared]}
        self._sandbox = sandbox = self._greet(message)
        self.layers: Layers = sandbox.layers

    def _greet(self, message: Mapping[str, object]) -> ProbedSandbox:
        try:
            wire.send(self._control, message)
            self._control.settimeout(HELLO_S)
            hello = wire.receive(self._control)
            reason = "it ended at once"
        except OSError as error:
            hello, reason = None, str(error) or type(error).__name__
        if hello is None:
            gone = self._gone(reason)
            self.close()
            raise gone
        self._control.settimeout(None)
        return ProbedSandbox.from_json(hello)

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def run(self, request: TrialRequest, weights: bytes = b"") -> Outcome:
        """Run one trial, or evaluate its weights, and wait for the end."""
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs, self._sending:
                    socket.send_fds(self._control, [b"t"], [theirs.fileno()])
                self._running.add(ours)
                return self._converse(ours, request, weights)
            except OSError as error:
                raise self._gone(str(error) or type(error).__name__) from None
            finally:
                self._running.discard(ours)

    def _converse(self, connection: socket.socket, request: TrialRequest, weights: bytes) -> Outcome:
        connection.settimeout(READY_S)
        wire.send(connection, request.to_json())
        connection.sendall(weights)
        if not wire.receive_exactly(connection, 1):
            raise self._gone("it hung up before the trial started")
        started = time.monotonic()
        connection.settimeout(START_S + request.limits.longest_s + GRACE_S)
        message = wire.receive(connection)
        if message is None:
            raise self._gone("it hung up during the trial")
        exit_info = ExitInfo.from_json(message)
        report = wire.receive_exactly(connection, exit_info.report_bytes)
        if len(report) < exit_info.report_bytes:
            raise self._gone("it hung up within a report")
        return Outcome(exit_info, report, time.monotonic() - started)

    def _gone(self, reason: str) -> InfrastructureError:
        code = self._process.poll()
        ended = "" if code is None else f", exit code {code}"
        last = self._last_words()
        return InfrastructureError(f"the warm process: {reason}{ended}{': ' + last if last else ''}")

    def _last_words(self) -> str:
        """Return the process's last line on stderr, without moving the offset at which it writes."""
        try:
            size = os.fstat(self._stderr.fileno()).st_size
            text = os.pread(self._stderr.fileno(), 4000, max(0, size - 4000)).decode("utf-8", "replace")
        except (OSError, ValueError):
            return ""  # closed meanwhile
        return (text.strip().splitlines() or [""])[-1]

    def close(self) -> None:
        """End the process and every trial that it runs."""
        for connection in list(self._running):
            _shut(connection)
        _shut(self._control)
        self._control.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._sandbox:
            self._sandbox.remove_leftovers(self._process.pid)
        self._stderr.close()


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _start(descriptors: list[int], stderr: int, inline: bool) -> "subprocess.Popen[bytes]":
    """Start the warm process with these descriptors, the first for control, and no secret in its environment."""
    environment = {name: value for name, value in os.environ.items() if inline or name.startswith(_PASSED_ON)}
    environment |= {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path),
        "OMP_NUM_THREADS": "1",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # the other check would touch CUDA, which no fork survives
        "TORCHDYNAMO_DISABLE": "1",
        "PYTHONWARNINGS": "ignore",
        # have glibc keep the memory that activations free, in huge pages: faulting it in anew took up to 20% of a step
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 46),
        "MALLOC_TOP_PAD_": str(16 << 20),
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "nnloop.sandbox.zygote", str(descriptors[0])],
        env=environment,
        cwd=None if inline else "/",
        stdin=None if inline else subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if inline else stderr,
        stderr=None if inline else stderr,
        pass_fds=descriptors,
        start_new_session=not inline,
    )
