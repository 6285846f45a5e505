"""Confine the current process for good, with the layers that the machine allows. Called in the candidate's process."""

import os
import resource
import signal
import sys
from dataclasses import dataclass

from nnloop.sandbox import kernel, landlock, root, seccomp
from nnloop.sandbox.layers import Layers
from nnloop.sandbox.view import SCRATCH, View

OPEN_FILES = 256
MOST_OPEN_FILES = 1 << 20  # a descriptor of the warm process can't be beyond
PROCESSES = 256  # threads included
SHARED_SLACK_BYTES = 1 << 30  # address space beyond the memory limit: thread stacks, mapped libraries
LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one candidate is held to. `scratch` is its folder where there is no root of its own."""

    layers: Layers
    view: View
    scratch: str
    scratch_mb: int
    memory_bytes: int
    cpu_s: int


def confine(rules: Rules, keep: set[int]) -> None:
    """Apply every layer; `keep` are the descriptors that stay open beside the standard ones. Raises OSError."""
    layers = rules.layers
    mapped, data = _mapped_bytes()  # while there is a /proc to ask
    if LINUX:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if layers.root:
        kernel.unshare(kernel.CLONE_NEWNS)
        root.enter(rules.view, rules.scratch_mb, layers.pid)
    else:
        os.chdir(rules.scratch)
    scratch = SCRATCH if layers.root else rules.scratch
    _clean_environment(scratch)
    _close_descriptors(keep)
    if LINUX and (layers.user or os.geteuid() == 0):
        kernel.drop_capabilities(bounding=True)
    _limit(rules, mapped, data)
    if layers.no_new_privs:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if layers.landlock:
        landlock.apply(_file_rules(rules.view, scratch, layers))
    if layers.seccomp:
        seccomp.apply()


def _clean_environment(scratch: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name.startswith(("CUDA_", "NVIDIA_", "OMP_", "LC_"))}
    os.environ.clear()
    os.environ.update(kept, HOME=scratch, TMPDIR=scratch, PATH="/usr/bin:/bin", LANG="C.UTF-8", TORCHDYNAMO_DISABLE="1")


def _close_descriptors(keep: set[int]) -> None:
    start = 3
    for descriptor in sorted(keep):
        os.closerange(start, descriptor)
        start = descriptor + 1
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(start, MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES))


def _limit(rules: Rules, mapped: int, data: int) -> None:
    """Limits are on top of what the warm process brought along: `mapped` address space, `data` of it private."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: rules.cpu_s,
        resource.RLIMIT_FSIZE: rules.scratch_mb << 20,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if not any("nvidia" in device for device in rules.view.devices):  # its driver maps far more than it uses
        limits[resource.RLIMIT_DATA] = data + rules.memory_bytes
        limits[resource.RLIMIT_AS] = mapped + rules.memory_bytes + SHARED_SLACK_BYTES
    if rules.layers.user:  # elsewhere it counts everything that this user runs
        limits[resource.RLIMIT_NPROC] = PROCESSES
    for what, wanted in limits.items():
        hard = resource.getrlimit(what)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(what, (value, value))
        except (OSError, ValueError):
            if LINUX:
                raise


def _mapped_bytes() -> tuple[int, int]:
    """Address space and private data of this process, 0 where unknown."""
    try:
        with open("/proc/self/statm") as file:
            fields = file.read().split()
    except OSError:
        return 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return int(fields[0]) * page, int(fields[5]) * page


def _file_rules(view: View, scratch: str, layers: Layers) -> list[tuple[str, int]]:
    """Where a root of its own has masked what is hidden, a rule a folder is enough."""
    if layers.root:
        rules = [(path, landlock.READ) for path in view.readable] + [("/dev/shm", landlock.WRITE)]
    else:
        rules = [(path, landlock.LIST) for path in view.readable]
        rules += [(part, landlock.READ) for part in view.parts]
    rules += [(path, landlock.DEVICE) for path in view.devices]
    own = "/proc" if layers.pid and layers.root else f"/proc/{os.getpid()}"  # others' are in the machine's /proc
    return [*rules, (scratch, landlock.WRITE), (own, landlock.READ)]
