"""The warm process: imports torch and Lightning once, then forks a supervisor for every trial. Started by `client`.

It only imports: neither a thread pool that has run an operation nor a CUDA context would survive the fork. It has the
training set and the evaluation images, but never the evaluation labels, and no secret from the environment.
"""

import gc
import os
import resource
import signal
import socket
import sys
import tempfile
from typing import Any

from nnloop import compat
from nnloop.sandbox import kernel, wire
from nnloop.sandbox.config import ProbedSandbox, SandboxConfig, probe
from nnloop.sandbox.supervise import Work, kill_children, supervise
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
    work = _prepare(message["arrays"])
    if sandbox.config.inline:
        _run_inline(parent, work)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors report by themselves, nobody waits for them
    while True:
        mark, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
        if not mark:
            _end(sandbox)  # the parent is gone
        if os.fork() == 0:
            parent.close()
            _supervise(socket.socket(fileno=descriptors[0]), sandbox, work)
        os.close(descriptors[0])


def _end(sandbox: ProbedSandbox) -> None:
    """End every trial and this process at once: an orderly end of torch would take seconds."""
    kill_children()
    sandbox.remove_leftovers(os.getpid())
    os._exit(0)


def _supervise(connection: socket.socket, sandbox: ProbedSandbox, work: Work) -> None:
    """Become one trial's supervisor; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform.startswith("linux"):
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        supervise(connection, sandbox, work)
        code = 0
    except (OSError, ValueError, TypeError) as error:
        print(f"supervisor: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _prepare(arrays: list[dict[str, Any]]) -> Work:
    """Map the arrays, SharedArrays in JSON, close their files, and import everything that a trial needs."""
    from nnloop.sandbox.shared_arrays import SharedArray, attach

    attached = [attach(SharedArray.from_json(array)) for array in arrays]
    compat.ensure_torchvision_imports()
    import torch
    import torchvision  # noqa: F401  (candidates may use it)

    from nnloop.sandbox import child
    from nnloop.training.images import Images
    from nnloop.training.tamper import originals

    torch.set_num_threads(1)
    originals()
    images = Images(*(torch.from_numpy(array) for array in attached))
    gc.collect()
    gc.freeze()  # all objects made so far stay: collecting them in a fork would copy their pages
    return lambda request, report: child.prepare(request, report, images)


def _run_inline(parent: socket.socket, work: Work) -> None:
    """Run one trial here, so that a debugger can step through it: no limits, the terminal stays attached."""
    _, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
    with socket.socket(fileno=descriptors[0]) as connection, tempfile.TemporaryFile() as file:
        message = wire.receive(connection)
        if message is None:
            return
        connection.sendall(b"!")
        work(TrialRequest.from_json(message), file.fileno())()
        file.seek(0)
        report = file.read()
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        exit_info = ExitInfo("exit", 0, peak_bytes=peak_bytes, output="", report_bytes=len(report))
        wire.send(connection, exit_info.to_json())
        connection.sendall(report)


if __name__ == "__main__":
    main()
