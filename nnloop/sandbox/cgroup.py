"""Control groups, by which the kernel counts and limits one trial's memory, processes and processor time.

Covers version 1 (controllers memory, pids and cpu) and version 2 (a folder whose children have them). Root can use
them, and an ordinary user if the system delegates a folder. Without them other layers step in: the supervisor checks
the resident memory and the threads every 0.1 s and stops a process for as long as it is ahead of its share, and
resource limits count address space and processes.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nnloop.json_record import Record

_CONTROLLERS = ("memory", "pids", "cpu")
_PERIOD_US = 100_000  # in which a group gets its share
_REMOVAL_S = 2.0  # the kernel lets go of a group's last process a little after its death


@dataclass(frozen=True, slots=True)
class Home(Record):
    """The folders in which groups of trials can be made, by controller; in version 2 they are the same."""

    memory: str
    pids: str
    version: int
    cpu: str = ""  # empty: no share of the processor can be set


def find() -> Home | None:
    """Return the folders in which this process can make groups; None if it can't."""
    return next((home for home in _homes() if _usable(home)), None)


def _homes() -> Iterator[Home]:
    """Yield the folders in which groups might be made, most likely first."""
    own = _own_groups()
    mounts = _mounts()
    if "memory" in mounts and "pids" in mounts:
        memory, pids, cpu = (_below(mounts[name], own.get(name)) if name in mounts else "" for name in _CONTROLLERS)
        yield from _with_and_without_cpu(Home(memory, pids, 1, cpu=cpu))
    if "" in mounts:
        folder = _below(mounts[""], own.get(""))
        for each in dict.fromkeys((folder, os.path.dirname(folder) if folder != mounts[""][1] else folder)):
            yield from _with_and_without_cpu(Home(each, each, 2, cpu=each))


def _with_and_without_cpu(home: Home) -> Iterator[Home]:
    if home.cpu:
        yield home
    yield replace(home, cpu="")


def _usable(home: Home) -> bool:
    """Tell if it works to make a group, limit it, and move a process into it."""
    try:
        _ask_for_controllers(home)
        group = Group(home, f"nnloop-probe-{os.getpid()}", memory_bytes=1 << 30, processes=64, cores=1.0)
    except OSError:
        return False
    child = os.fork()
    if child == 0:
        time.sleep(10)
        os._exit(0)
    try:
        group.add(child)
        return True
    except OSError:
        return False
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        group.remove()


class Group:
    """The control group of one trial. Raises OSError if it can't be made."""

    def __init__(self, home: Home, name: str, *, memory_bytes: int, processes: int, cores: float) -> None:
        self._version = home.version
        self._memory, pids = os.path.join(home.memory, name), os.path.join(home.pids, name)
        cpu = os.path.join(home.cpu, name) if home.cpu else ""
        self.shares_cpu = bool(cpu)
        self._folders = list(dict.fromkeys(filter(None, (self._memory, pids, cpu))))
        for folder in self._folders:
            os.mkdir(folder)
        try:
            limit = "memory.max" if home.version == 2 else "memory.limit_in_bytes"
            _write(self._memory, limit, str(memory_bytes))
            _write(pids, "pids.max", str(processes))
            quota = round(cores * _PERIOD_US)
            if cpu and home.version == 2:
                _write(cpu, "cpu.max", f"{quota} {_PERIOD_US}")
            elif cpu:
                _write(cpu, "cpu.cfs_quota_us", str(quota))
        except OSError:
            self.remove()
            raise

    def add(self, pid: int) -> None:
        """Move a process into the group. Raises OSError."""
        for folder in self._folders:
            _write(folder, "cgroup.procs", str(pid))

    def out_of_memory(self) -> bool:
        """Tell if the kernel has killed a process of the group for its memory."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        counts = dict(line.split(" ", 1) for line in self._lines(name) if " " in line)
        return counts.get("oom_kill", "0") != "0"

    def _lines(self, name: str) -> list[str]:
        try:
            with open(os.path.join(self._memory, name)) as file:
                return file.read().splitlines()
        except OSError:
            return []

    def remove(self) -> None:
        """Kill every process that is left in it and remove it."""
        for folder in self._folders:
            _remove(folder)


def sweep(home: Home, prefix: str) -> None:
    """Remove the groups that killed supervisors have left."""
    for folder in dict.fromkeys(filter(None, (home.memory, home.pids, home.cpu))):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            if name.startswith(prefix):
                _remove(os.path.join(folder, name))


def _remove(folder: str) -> None:
    deadline = time.monotonic() + _REMOVAL_S
    while not _removed(folder) and time.monotonic() < deadline:
        _kill_all(folder)
        time.sleep(0.002)


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except OSError:
        return not os.path.exists(folder)
    return True


def _kill_all(folder: str) -> None:
    try:
        with open(os.path.join(folder, "cgroup.procs")) as file:
            for pid in file.read().split():
                os.kill(int(pid), 9)
    except OSError:
        return


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def _ask_for_controllers(home: Home) -> None:
    """Let a folder of version 2 pass its controllers on to its children, which it does only if it is told to."""
    if home.version == 2:
        for controllers in ("+memory +pids", *(["+cpu"] if home.cpu else [])):
            try:
                _write(home.memory, "cgroup.subtree_control", controllers)
            except OSError:
                continue  # it may hand them on already


def _own_groups() -> dict[str, str]:
    """Return the group of this process by controller, version 2 under ""."""
    groups: dict[str, str] = {}
    try:
        with open("/proc/self/cgroup") as file:
            for line in file.read().splitlines():
                _, controllers, path = line.split(":", 2)
                groups |= dict.fromkeys(controllers.split(","), path)
    except (OSError, ValueError):
        return {}
    return groups


def _mounts() -> dict[str, tuple[str, str]]:
    """Return (root, folder) of the mounted hierarchies by controller, version 2 under ""."""
    mounts: dict[str, tuple[str, str]] = {}
    try:
        with open("/proc/self/mountinfo") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in lines:
        before, _, after = line.partition(" - ")
        (root, folder), (kind, _, options) = before.split()[3:5], after.split()[:3]
        if kind == "cgroup":
            mounts |= dict.fromkeys(options.split(","), (root, folder))
        elif kind == "cgroup2":
            mounts[""] = (root, folder)
    return mounts


def _below(mount: tuple[str, str], own: str | None) -> str:
    """Return the folder of this process's group in a mounted hierarchy."""
    root, folder = mount
    inside = os.path.relpath(own or "/", root) if (own or "/").startswith(root) else "."
    return os.path.normpath(os.path.join(folder, inside))
