"""States of submitit's jobs by squeue; its own source, sacct, knows no job at a site without accounting."""

import os

from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

LOOK_S = 30  # between looks at the queue, at most
GONE = "GONE"  # squeue does not list the job
ENDED = {GONE, "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}


def use_squeue() -> None:
    """Have every submitit job of this process count as ended once squeue does not list it any more."""
    SlurmJob.watcher = SqueueWatcher(LOOK_S)


class SqueueWatcher(SlurmInfoWatcher):  # type: ignore[misc]
    """Submitit's watcher of jobs, which asks squeue.

    To the base class a job that is suspended or whose node is being set up has ended, here it has not.
    """

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        """Tell if a job has ended, however it did."""
        return self.get_state(job_id, mode) in ENDED

    def _make_command(self) -> list[str] | None:
        if not self._registered - self._finished:
            return None
        return ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", "--format=%i|%T"]

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        """Return the states of all registered jobs from squeue's output, in the shape of sacct's."""
        text = string if isinstance(string, str) else string.decode()
        listed = dict(line.split("|", 1) for line in text.splitlines() if "|" in line)
        return {job: {"JobID": job, "State": listed.get(job, GONE)} for job in self._registered}
