"""A trial's share of the processor, kept from outside where the kernel keeps none.

A process that gets ahead of its share is stopped until its share has caught up, as the kernel does with a control
group, and its threads run from then on only where no other process wants the processor. So a candidate with hundreds of
threads slows its neighbours down no more than one with a single thread does. A single thread is never ahead.
"""

import os
import signal
import time

AHEAD_S = 0.05  # seconds of work that a process may be ahead: its clock and ours are not read at once


class Share:
    """One process, and the cores that it may keep busy on average."""

    def __init__(self, pid: int, cores: float, *, kept_by_kernel: bool) -> None:
        """Begin to count; `kept_by_kernel`: its control group does the work."""
        self._pid, self._cores, self._by_kernel = pid, cores, kept_by_kernel
        self._began, self._work_s = time.monotonic(), cpu_seconds(pid)
        self._stopped = self._stands_back = False

    def keep(self) -> None:
        """Stop the process if it is ahead of its share, and let it go on when its share has caught up."""
        if self._by_kernel:
            return
        due_s = (time.monotonic() - self._began) * self._cores
        ahead = cpu_seconds(self._pid) - self._work_s > due_s + (0 if self._stopped else AHEAD_S)
        if ahead != self._stopped:
            self._stopped = ahead
            os.kill(self._pid, signal.SIGSTOP if ahead else signal.SIGCONT)
        if ahead and not self._stands_back:
            self._stands_back = True
            _stand_back(self._pid)


def _stand_back(pid: int) -> None:
    """Let the threads of a stopped process, and all that they start, run only where nobody else does."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))
        if os.getsid(pid) == os.getpid():  # a session of the trial alone, which many kernels schedule as one
            with open(f"/proc/{pid}/autogroup", "w") as file:
                file.write("19")
    except OSError:
        return  # the process is gone, or the kernel has no such groups


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all threads of a process, ended ones included; 0.0 if it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the kernel's number for the clock of a process
    except OSError:
        return 0.0
