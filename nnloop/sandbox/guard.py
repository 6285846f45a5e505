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
    _limit(rules)
    if layers.no_new_privs:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if layers.landlock:
        landlock.apply(_file_rules(rules.view, scratch, masked=layers.root))
    if layers.seccomp:
        seccomp.apply()


def _clean_environment(scratch: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name.startswith(("CUDA_", "NVIDIA_", "OMP_", "LC_"))}
    os.environ.clear()
    os.environ.update(kept, HOME=scratch, TMPDIR=scratch, PATH="/usr/bin:/bin", LANG="C.UTF-8", TORCHDYNAMO_DISABLE="1")


def _close_descriptors(keep: set[int]) -> None:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    try:
        open_now = [int(name) for name in os.listdir(folder)]
    except OSError:
        open_now = list(range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    for descriptor in open_now:
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue  # the one that listed the folder


def _limit(rules: Rules) -> None:
    """Limits are on top of what the warm process brought along."""
    mapped, data = _mapped_bytes()
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: rules.cpu_s,
        resource.RLIMIT_FSIZE: rules.scratch_mb << 20,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    if not any("nvidia" in device for device in rules.view.devices):  # its driver maps far more than it uses
        limits[resource.RLIMIT_DATA] = data + rules.memory_bytes
        limits[resource.RLIMIT_AS] = mapped + rules.memory_bytes + SHARED_SLACK_BYTES
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


def _file_rules(view: View, scratch: str, masked: bool) -> list[tuple[str, int]]:
    """Where a root of its own has masked what is hidden, a rule a folder is enough."""
    if masked:
        rules = [(path, landlock.READ) for path in view.readable]
    else:
        rules = [(path, landlock.LIST) for path in view.readable]
        rules += [(part, landlock.READ) for part in view.parts]
    rules += [(path, landlock.DEVICE) for path in view.devices]
    return [*rules, (scratch, landlock.WRITE), ("/dev/shm", landlock.WRITE), ("/proc", landlock.READ)]
