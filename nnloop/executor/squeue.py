"""Lets submitit ask squeue instead of sacct, which knows no job where a site keeps no accounts."""

import os

from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

LOOK_S = 30  # between looks at the queue, at most


def use_squeue() -> None:
    """From now on, a submitit job of this process that squeue does not list any more counts as ended."""
    SlurmJob.watcher = SqueueWatcher(LOOK_S)


class SqueueWatcher(SlurmInfoWatcher):  # type: ignore[misc]
    """States of jobs by squeue: the base class, with another command and its output read accordingly."""

    def _make_command(self) -> list[str] | None:
        if not self._registered - self._finished:
            return None
        return ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", "--format=%i|%T"]

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        text = string if isinstance(string, str) else string.decode()
        listed = dict(line.split("|", 1) for line in text.splitlines() if "|" in line)
        return {job: {"JobID": job, "State": listed.get(job, "GONE")} for job in self._registered}
