"""The warm process: imports torch and Lightning once, then forks a supervisor for every trial. Started by `client`.

It only imports: neither a thread pool that has run an operation nor a CUDA context would survive the fork. It holds the
training set and the evaluation images as open files; a trial's supervisor maps the ones for its candidate's process.
It has never the evaluation labels, and no secret from the environment.
"""

import gc
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from functools import partial
from typing import Any

from nnloop import compat
from nnloop.sandbox import kernel, wire
from nnloop.sandbox.config import ProbedSandbox, SandboxConfig, probe
from nnloop.sandbox.supervise import MakeWork, Work, kill_children, supervise
from nnloop.sandbox.wire import ExitInfo, TrialRequest


def main() -> None:
    """Serve the parent at the other end of the socket whose descriptor is the first argument."""
    for number in (signal.SIGTERM, signal.SIGUSR2):  # a scheduler sends them to every process; the parent decides
        signal.signal(number, signal.SIG_IGN)
    parent = socket.socket(fileno=int(sys.argv[1]))
    message = wire.receive(parent)
    if message is None:
        return
    sandbox = probe(SandboxConfig.from_json(message["config"]))
    wire.send(parent, sandbox.to_json())
    make_work = _prepare(message["arrays"])
    if sandbox.config.inline:
        _run_inline(parent, make_work)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors report by themselves, nobody waits for them
    while True:
        mark, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
        if not mark:
            _end(sandbox)  # the parent is gone
        if os.fork() == 0:
            parent.close()
            _supervise(socket.socket(fileno=descriptors[0]), sandbox, make_work)
        os.close(descriptors[0])


def _end(sandbox: ProbedSandbox) -> None:
    """End every trial and this process at once: an orderly end of torch would take seconds."""
    kill_children()
    sandbox.remove_leftovers(os.getpid())
    os._exit(0)


def _supervise(connection: socket.socket, sandbox: ProbedSandbox, make_work: MakeWork) -> None:
    """Become one trial's supervisor; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()  # many kernels divide the processor among sessions
        if sys.platform.startswith("linux"):
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        supervise(connection, sandbox, make_work)
        code = 0
    except (OSError, ValueError, TypeError) as error:
        print(f"supervisor: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _prepare(arrays: list[dict[str, Any]]) -> MakeWork:
    """Import everything that a trial needs. The arrays, SharedArrays in JSON, are mapped by the trials' supervisors."""
    compat.ensure_torchvision_imports()
    import torch
    import torchvision  # noqa: F401  (candidates may use it)

    from nnloop.sandbox import child
    from nnloop.sandbox.shared_arrays import SharedArray
    from nnloop.training.tamper import originals

    torch.set_num_threads(1)
    originals()
    files = child.Files(*map(SharedArray.from_json, arrays))
    gc.collect()
    gc.freeze()  # all objects made so far stay: collecting them in a fork would copy their pages

    def make_work(request: TrialRequest, weights: bytes) -> Work:
        return partial(child.prepare, request, weights, child.open_images(request, files))

    return make_work


def _run_inline(parent: socket.socket, make_work: MakeWork) -> None:
    """Run one trial here, so that a debugger can step through it: no limits, the terminal stays attached."""
    _, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
    with socket.socket(fileno=descriptors[0]) as connection, tempfile.TemporaryFile() as file:
        message = wire.receive(connection)
        if message is None:
            return
        connection.sendall(b"!")
        request = TrialRequest.from_json(message)
        weights = wire.receive_exactly(connection, request.weights_bytes or 0)
        make_work(request, weights)(file.fileno())()
        file.seek(0)
        report = file.read()
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        exit_info = ExitInfo(
            "exit", 0, cpu_s=time.process_time(), peak_bytes=peak_bytes, output="", report_bytes=len(report)
        )
        wire.send(connection, exit_info.to_json())
        connection.sendall(report)


if __name__ == "__main__":
    main()
