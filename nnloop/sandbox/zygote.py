"""The warm process: imports torch and Lightning once, then forks a supervisor for every trial. Started by `launch`.

It only imports: a thread pool that had run an operation would not survive the fork, nor would a CUDA context. It holds
the training set and the evaluation images, never the labels of the latter, and keeps no secret of the environment.
"""

import gc
import mmap
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from nnloop import compat
from nnloop.records import Record
from nnloop.sandbox import cgroup, kernel, layers, wire
from nnloop.sandbox.supervise import REPORT_SLACK_BYTES, Site, Work, group_prefix, kill_children, supervise
from nnloop.sandbox.view import view
from nnloop.sandbox.wire import Ending, Order


@dataclass(frozen=True, slots=True)
class Array(Record):
    """An array in a file that is open under `descriptor`."""

    descriptor: int
    offset: int
    shape: list[int]
    dtype: str


@dataclass(frozen=True, slots=True)
class Setup(Record):
    """What all trials of an executor share."""

    arrays: list[dict[str, Any]]  # of train_x, train_y and eval_x, as Array in JSON
    hidden: list[str]  # folders that no candidate may see
    without: list[str]  # layers to leave off
    scratch_mb: int
    logit_bytes: int  # that a trial must give
    inline: bool  # run one trial in this very process, with no wall


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGUSR2):  # a scheduler sends them to every process; the parent decides
        signal.signal(number, signal.SIG_IGN)
    parent = socket.socket(fileno=int(sys.argv[1]))
    message = wire.receive(parent)
    if message is None:
        return
    setup = Setup.from_json(message)
    site = _survey(setup)
    wire.send(parent, site.to_json())
    work = _prepare(setup)
    if setup.inline:
        _run_inline(parent, work)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors report by themselves, nobody waits for them
    while True:
        mark, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
        if not mark:
            _end(site)  # the parent is gone
        if os.fork() == 0:
            _supervise(parent, socket.socket(fileno=descriptors[0]), site, work)
        os.close(descriptors[0])


def _survey(setup: Setup) -> Site:
    """Find out what this machine allows."""
    seen = view(tuple(setup.hidden))
    groups = None if setup.inline or "cgroup" in setup.without else cgroup.find()
    found = layers.Layers() if setup.inline else layers.probe(seen, groups is not None).without(setup.without)
    scratch = "" if found.root or setup.inline else tempfile.mkdtemp(prefix="nnloop-")
    return Site(found, seen, groups, scratch, setup.scratch_mb, setup.logit_bytes + REPORT_SLACK_BYTES)


def _end(site: Site) -> None:
    """End every trial and this process, at once: taking torch down in order would take seconds."""
    kill_children()
    clear(site, os.getpid())
    os._exit(0)


def clear(site: Site, warm: int) -> None:
    """Remove what the killed supervisors of a warm process have left."""
    if site.groups:
        cgroup.sweep(site.groups, group_prefix(warm))
    if site.scratch:
        shutil.rmtree(site.scratch, ignore_errors=True)


def _supervise(parent: socket.socket, connection: socket.socket, site: Site, work: Work) -> None:
    """Become one trial's supervisor; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        parent.close()
        if sys.platform.startswith("linux"):
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        supervise(connection, site, work)
        code = 0
    except (OSError, ValueError, TypeError) as error:
        print(f"supervisor: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _prepare(setup: Setup) -> Work:
    """Map the arrays, close their files, and import everything a trial needs."""
    import numpy as np

    arrays = [_map(Array.from_json(array)) for array in setup.arrays]
    compat.ensure_torchvision_imports()
    import torch
    import torchvision  # noqa: F401  (candidates may use it)

    from nnloop.sandbox import child
    from nnloop.training.images import Images
    from nnloop.training.tamper import originals

    torch.set_num_threads(1)
    originals()
    images = Images(*(torch.from_numpy(np.asarray(array)) for array in arrays))
    gc.collect()
    gc.freeze()  # what is here by now stays: collecting it in a fork would copy its pages

    def work(order: Order, report: int) -> None:
        child.work(order, report, images)

    return work


def _map(array: Array) -> Any:
    """Map an array copy-on-write: a candidate that writes to it changes its own copy only."""
    import numpy as np

    size = array.offset + int(np.prod(array.shape)) * np.dtype(array.dtype).itemsize
    buffer = mmap.mmap(array.descriptor, size, access=mmap.ACCESS_COPY)
    os.close(array.descriptor)
    return np.frombuffer(buffer, dtype=array.dtype, offset=array.offset).reshape(array.shape)


def _run_inline(parent: socket.socket, work: Work) -> None:
    """Run one trial here, so that a debugger can step through it: no limits, the terminal stays attached."""
    _, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
    connection = socket.socket(fileno=descriptors[0])
    message = wire.receive(connection)
    if message is None:
        return
    connection.sendall(b"!")
    with tempfile.TemporaryFile() as report:
        work(Order.from_json(message), report.fileno())
        report.seek(0)
        payload = report.read()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    wire.send(connection, Ending("exit", 0, usage.ru_maxrss * 1024, "", len(payload)).to_json())
    connection.sendall(payload)


if __name__ == "__main__":
    main()
