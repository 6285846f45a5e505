"""Count events of the machine, load programs into the kernel, and watch the disk and page faults.

expect: build_failed
reason: refused
"""

import ctypes
import os

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        if os.uname().machine != "x86_64":
            raise RuntimeError("refused")
        numbers = {"perf_event_open": 298, "bpf": 321, "userfaultfd": 323, "fanotify_init": 300, "quotactl": 179}
        numbers |= {"open_by_handle_at": 304, "process_vm_readv": 310, "kcmp": 312, "pidfd_getfd": 438, "syslog": 103}
        done = [name for name, number in numbers.items() if libc.syscall(number, 0, 0, 0, 0, 0) >= 0]
        raise RuntimeError(f"got through: {done}" if done else "refused")
