"""Confine the current process for good, with the layers that the machine allows. Called in the candidate's process."""

import os
import resource
import signal
import sys
from dataclasses import dataclass

from nnloop.records import Limits
from nnloop.sandbox import kernel, landlock, root, seccomp
from nnloop.sandbox.config import ProbedSandbox
from nnloop.sandbox.view import SCRATCH

OPEN_FILES = 256
MOST_OPEN_FILES = 1 << 20  # more descriptors than the warm process ever has
PROCESSES = 256  # threads included
MOST_BEYOND = 1024  # new threads beside all others of the user, before the supervisor has looked
PENDING_SIGNALS = 256  # of all processes of this user: a candidate that finds more can't queue another
SHARED_SLACK_BYTES = 1 << 30  # address space beyond the memory limit: thread stacks, mapped libraries
CPU_SLACK_S = 5 + (os.cpu_count() or 1)  # the supervisor looks first
LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True, slots=True)
class Confinement:
    """The bounds of one candidate."""

    sandbox: ProbedSandbox
    limits: Limits
    cores: float  # its share of the processor
    scratch: str  # its scratch folder; empty if it gets a root of its own


def confine(confinement: Confinement, *, open_descriptors: set[int]) -> None:
    """Apply every layer, and close all descriptors but the standard streams and the given ones. Raises OSError."""
    sandbox = confinement.sandbox
    layers = sandbox.layers
    mapped, data = _mapped_bytes()  # while there is a /proc to ask
    if LINUX:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if layers.root:
        kernel.unshare(kernel.CLONE_NEWNS)
        root.enter(sandbox.view, sandbox.config.scratch_mb, layers.pid)
    else:
        os.chdir(confinement.scratch)
    scratch = SCRATCH if layers.root else confinement.scratch
    _clean_environment(scratch)
    _close_descriptors(open_descriptors)
    if LINUX and (layers.user or os.geteuid() == 0):
        kernel.drop_capabilities(bounding=True)
    _limit(confinement, mapped, data)
    if layers.no_new_privs:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if layers.landlock:
        landlock.apply(_file_rules(sandbox, scratch))
    if layers.seccomp:
        seccomp.apply(gpu=sandbox.view.gpu)


def _clean_environment(scratch: str) -> None:
    same = {name: value for name, value in os.environ.items() if name.startswith(("CUDA_", "NVIDIA_", "OMP_", "LC_"))}
    os.environ.clear()
    os.environ.update(same, HOME=scratch, TMPDIR=scratch, PATH="/usr/bin:/bin", LANG="C.UTF-8", TORCHDYNAMO_DISABLE="1")


def _close_descriptors(spared: set[int]) -> None:
    start = 3
    for descriptor in sorted(spared):
        os.closerange(start, descriptor)
        start = descriptor + 1
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(start, MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES))


def _limit(confinement: Confinement, mapped: int, data: int) -> None:
    """Set resource limits beyond the memory at birth: `mapped` bytes of address space, `data` of them private."""
    sandbox, memory_bytes = confinement.sandbox, confinement.limits.memory_bytes
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: int(confinement.limits.wall_s * confinement.cores) + CPU_SLACK_S,
        resource.RLIMIT_FSIZE: sandbox.config.scratch_mb << 20,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if LINUX:
        limits[resource.RLIMIT_SIGPENDING] = PENDING_SIGNALS
    if not sandbox.view.gpu:  # the GPU's driver maps far more than it uses
        limits[resource.RLIMIT_DATA] = data + memory_bytes
        limits[resource.RLIMIT_AS] = mapped + memory_bytes + SHARED_SLACK_BYTES
    if sandbox.layers.user:  # else the limit counts every process of this user
        limits[resource.RLIMIT_NPROC] = PROCESSES
    elif LINUX and not sandbox.layers.cgroup and os.getuid():  # root has no such limit
        limits[resource.RLIMIT_NPROC] = _tasks_of_user() + MOST_BEYOND
    for what, wanted in limits.items():
        hard = resource.getrlimit(what)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(what, (value, value))
        except (OSError, ValueError):
            if LINUX:
                raise


def _tasks_of_user() -> int:
    """Count the threads of this user's processes."""
    count, user = 0, os.getuid()
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/status") as file:
                rows = dict(line.split(":\t", 1) for line in file if line.startswith(("Uid", "Threads")))
        except (OSError, ValueError):
            continue
        count += int(rows["Threads"]) if int(rows["Uid"].split()[0]) == user else 0
    return count


def _mapped_bytes() -> tuple[int, int]:
    """Return the bytes of address space and of private data of this process; 0 if unknown."""
    try:
        with open("/proc/self/statm") as file:
            fields = file.read().split()
    except OSError:
        return 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return int(fields[0]) * page, int(fields[5]) * page


def _file_rules(sandbox: ProbedSandbox, scratch: str) -> list[tuple[str, int]]:
    """Return Landlock's rules. A root of its own holds nothing but the view: one rule is enough for it."""
    view, layers = sandbox.view, sandbox.layers
    if layers.root:
        rules = [("/", landlock.READ), ("/dev/shm", landlock.WRITE)]
    else:
        rules = [(path, landlock.LIST) for path in view.listed]
        rules += [(part, landlock.READ) for part in view.parts]
    rules += [(path, landlock.DEVICE) for path in view.devices]
    own = (
        "/proc" if layers.pid and layers.root else f"/proc/{os.getpid()}"
    )  # the machine's /proc also shows other processes
    return [*rules, (scratch, landlock.WRITE), (own, landlock.READ)]
