"""Lets submitit ask squeue instead of sacct, which knows no job where a site keeps no accounts."""

import os

from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

LOOK_S = 30  # between looks at the queue, at most
GONE = "GONE"  # squeue does not list the job
ENDED = {GONE, "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}


def use_squeue() -> None:
    """From now on, a submitit job of this process that squeue does not list any more counts as ended."""
    SlurmJob.watcher = SqueueWatcher(LOOK_S)


class SqueueWatcher(SlurmInfoWatcher):  # type: ignore[misc]
    """States of jobs by squeue: the base class, with another command and its output read accordingly.

    To the base class a job that is suspended or whose node is being set up has ended, here it has not.
    """

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        return self.get_state(job_id, mode) in ENDED

    def _make_command(self) -> list[str] | None:
        if not self._registered - self._finished:
            return None
        return ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", "--format=%i|%T"]

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        text = string if isinstance(string, str) else string.decode()
        listed = dict(line.split("|", 1) for line in text.splitlines() if "|" in line)
        return {job: {"JobID": job, "State": listed.get(job, GONE)} for job in self._registered}
