"""Linux system calls by ctypes, with the numbers of x86_64 and aarch64. A failed call raises OSError."""

import ctypes
import functools
import os
import platform
from dataclasses import dataclass

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_NAMESPACES = 0x7E020000  # all of them, cgroup and time included
CLONE_THREAD = 0x00010000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 24, 36, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
LAST_CAPABILITY = 40

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True, slots=True)
class Machine:
    """What differs between processor architectures."""

    audit: int  # AUDIT_ARCH_*
    calls: dict[str, int]


_SAME_EVERYWHERE = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsmount": 432,
    "pidfd_open": 434,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}

_X86_64 = {
    "shmget": 29, "socket": 41, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "ptrace": 101,
    "setpgid": 109, "setsid": 112, "rt_sigqueueinfo": 129, "personality": 135, "pivot_root": 155, "prctl": 157,
    "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169,
    "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "tkill": 200,
    "tgkill": 234, "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "unshare": 272, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323,
}  # fmt: skip

_AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "quotactl": 60, "acct": 89, "personality": 92,
    "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106, "ptrace": 117, "kill": 129,
    "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "reboot": 142, "setpgid": 154, "setsid": 157, "prctl": 167,
    "settimeofday": 170, "mq_open": 180, "shmget": 194, "socket": 198, "add_key": 217, "request_key": 218,
    "keyctl": 219, "clone": 220, "execve": 221, "swapon": 224, "rt_tgsigqueueinfo": 240, "perf_event_open": 241,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "memfd_create": 279, "bpf": 280, "execveat": 281,
    "userfaultfd": 282,
}  # fmt: skip

MACHINES = {
    "x86_64": Machine(0xC000003E, {**_X86_64, **_SAME_EVERYWHERE}),
    "aarch64": Machine(0xC00000B7, {**_AARCH64, **_SAME_EVERYWHERE}),
}


def machine() -> Machine:
    """Return this machine's numbers; raises OSError where they are not known."""
    try:
        return MACHINES[platform.machine()]
    except KeyError:
        raise OSError(f"no system call numbers for {platform.machine()}") from None


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(name: str, *arguments: object) -> int:
    """Call by name. Integers are passed as unsigned longs, bytes as pointers."""
    number = machine().calls[name]
    passed = [ctypes.c_ulong(item & (2**64 - 1)) if isinstance(item, int) else item for item in arguments]
    return _checked(int(_libc().syscall(ctypes.c_long(number), *passed)), name)


def prctl(option: int, *arguments: int) -> int:
    padded = [option, *arguments, *([0] * (4 - len(arguments)))]
    return _checked(int(_libc().prctl(*(ctypes.c_ulong(item) for item in padded))), f"prctl {option}")


def unshare(flags: int) -> None:
    _checked(int(_libc().unshare(ctypes.c_int(flags))), f"unshare {flags:#x}")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    text = [None if item is None else os.fsencode(item) for item in (source, target, kind, data)]
    result = _libc().mount(text[0], text[1], text[2], ctypes.c_ulong(flags), text[3])
    _checked(int(result), f"mount {target}")


def unmount(target: str) -> None:
    _checked(int(_libc().umount2(os.fsencode(target), MNT_DETACH)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    syscall("pivot_root", os.fsencode(new), os.fsencode(old))


def make_read_only(target: str) -> None:
    """Make a tree of mounts read-only and deaf to setuid bits."""
    attributes = b"".join(value.to_bytes(8, "little") for value in (MS_RDONLY | MS_NOSUID, 0, 0, 0))
    syscall("mount_setattr", _AT_FDCWD, os.fsencode(target), _AT_RECURSIVE, attributes, len(attributes))


def drop_capabilities(bounding: bool) -> None:
    """Give up every capability; also for later programs where `bounding` (needs CAP_SETPCAP)."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if bounding:
        for capability in range(LAST_CAPABILITY + 1):
            prctl(PR_CAPBSET_DROP, capability)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(int(_libc().capset(header, (ctypes.c_uint32 * 6)())), "capset")
