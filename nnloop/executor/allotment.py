"""Compare the CPUs, GPUs and memory of this process with the request to SLURM."""

import os
from collections.abc import Mapping

STEP_SETUP = '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"'
"""A shell line before `srun` in a job: since SLURM 22.05 `srun` does not take over --cpus-per-task from `sbatch`."""


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shortfalls(
    *, workers: int, memory_gb: float, gpus: int, environment: Mapping[str, str] = os.environ, usable: int | None = None
) -> list[str]:
    """Return a sentence for each resource of which there is less than was asked for.

    `memory_gb` is the limit of a trial, `gpus` the number of GPUs found here, `usable` that of cores (None: as found).
    """
    usable = cores() if usable is None else usable
    cpus = _number(environment, "SLURM_CPUS_PER_TASK")
    given_gpus = _number(environment, "SLURM_GPUS_ON_NODE")
    megabytes = _number(environment, "SLURM_MEM_PER_NODE") or cpus * _number(environment, "SLURM_MEM_PER_CPU")
    needed_gb = workers * memory_gb
    sentences = []
    if usable < cpus:
        sentences.append(f"SLURM was asked for {cpus} CPUs, but this process may use {usable}")
    if usable < workers and not gpus:
        sentences.append(f"executor.workers={workers}: this process may use {usable} CPUs, which the trials share")
    if gpus < given_gpus:
        sentences.append(f"SLURM was asked for {given_gpus} GPUs, but {gpus} can be used here")
    if 0 < megabytes < needed_gb * 1000:
        sentences.append(
            f"SLURM was asked for {megabytes / 1000:g} GB, but {workers} trials of executor.memory_gb={memory_gb:g} "
            f"may need {needed_gb:g} GB"
        )
    return sentences


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    return int(text) if text.isdecimal() else 0
