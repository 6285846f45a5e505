"""The layers of the wall that this machine allows, found by trying each in a process that is thrown away."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nnloop.json_record import Record
from nnloop.sandbox import kernel, landlock, root, seccomp
from nnloop.sandbox.view import View

NAMESPACES = {
    "pid": kernel.CLONE_NEWPID,
    "net": kernel.CLONE_NEWNET,
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
}


@dataclass(frozen=True, slots=True)
class Layers(Record):
    """The layers that are in force for every trial of an executor."""

    user: bool = False  # a user namespace around the others
    pid: bool = False
    net: bool = False
    ipc: bool = False
    uts: bool = False
    root: bool = False  # a mount namespace with a root of its own
    no_new_privs: bool = False
    seccomp: bool = False
    landlock: int = 0  # ABI version, 0 is off
    rlimits: bool = False
    cgroup: bool = False  # memory and processes of a trial counted together

    def __str__(self) -> str:
        on = [name for name in self.__slots__ if getattr(self, name) and name != "landlock"]
        return "+".join([*on, *([f"landlock{self.landlock}"] if self.landlock else [])]) or "none"

    def missing(self) -> list[str]:
        """Return the names of the layers that are off; `user` is not missing if root needs no user namespace."""
        spared = {"user"} if self.pid and self.net and self.root else set()
        return [name for name in self.__slots__ if not getattr(self, name) and name not in spared]

    def leaks(self) -> list[str]:
        """Return the things that a candidate can reach although sandbox=strict forbids them."""
        return [
            *([] if self.net or self.seccomp else ["the network"]),
            *([] if self.root or self.landlock else ["your files"]),
            *([] if self.pid or (self.seccomp and (self.root or self.landlock)) else ["other processes"]),
        ]

    def without(self, names: Sequence[str]) -> "Layers":
        """Return the layers without these; without the user namespace, the layers that need it are off too."""
        if "user" in names and self.user:
            names = [*names, *NAMESPACES, "root"]
        return replace(self, **{name: 0 if name == "landlock" else False for name in names})  # type: ignore[arg-type]

    def flags(self) -> int:
        """Return the namespaces to unshare before the fork: all but the mount namespace."""
        wanted = [flag for name, flag in NAMESPACES.items() if getattr(self, name)]
        return (kernel.CLONE_NEWUSER if self.user else 0) | sum(wanted)


def probe(view: View, groups: bool) -> Layers:
    """Try every layer; `groups` tells if there are control groups. Other systems than Linux have only limits."""
    if not sys.platform.startswith("linux"):
        return Layers(rlimits=True)
    user = _works(lambda: enter(Layers(user=True)))
    spaces = {name: _works(lambda one=name: enter(Layers(user=user, **{one: True}))) for name in NAMESPACES}  # type: ignore[misc]
    base = Layers(user=user, **spaces)
    return Layers(
        user=user,
        **spaces,
        root=_works(lambda: _new_root(base, view)),
        no_new_privs=_works(_no_new_privs),
        seccomp=_works(_filter),
        landlock=landlock.version() if _works(_restrict) else 0,
        rlimits=True,
        cgroup=groups,
    )


def enter(layers: Layers) -> None:
    """Unshare the pid namespace for this process's children, and all others but the mounts for itself too.

    In a user namespace, the user stays the same. Raises OSError.
    """
    if layers.flags():
        uid, gid = os.getuid(), os.getgid()
        kernel.unshare(layers.flags())
    if layers.user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _new_root(layers: Layers, view: View) -> None:
    enter(layers)
    if not layers.pid:
        return _enter_root(view, False)
    if not _works(lambda: _enter_root(view, True)):
        raise OSError("no new root")
    return None


def _enter_root(view: View, new_proc: bool) -> None:
    kernel.unshare(kernel.CLONE_NEWNS)
    root.enter(view, 1, new_proc)


def _no_new_privs() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


def _filter() -> None:
    _no_new_privs()
    seccomp.apply(gpu=False)


def _restrict() -> None:
    _no_new_privs()
    landlock.apply([])


def _works(attempt: Callable[[], None]) -> bool:
    """Run `attempt` in a fork and tell if it ended without an exception."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            attempt()
            code = 0
        except BaseException:  # of any kind: the layer can't be had here
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
