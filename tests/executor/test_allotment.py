"""A process says what it lacks of the CPUs, GPUs and memory that SLURM was asked for."""

import os
import subprocess

import pytest

from nnloop.executor.allotment import STEP_SETUP, cores, shortfalls

ASKED = {"SLURM_CPUS_PER_TASK": "8", "SLURM_GPUS_ON_NODE": "2", "SLURM_MEM_PER_NODE": "32000"}


def lacks(
    environment: dict[str, str], usable: int = 8, gpus: int = 2, workers: int = 8, memory_gb: float = 4
) -> list[str]:
    return shortfalls(workers=workers, memory_gb=memory_gb, gpus=gpus, environment=environment, usable=usable)


def test_nothing_is_said_where_all_is_there_or_nothing_was_asked() -> None:
    assert lacks(ASKED) == []
    assert lacks({}, gpus=0) == []
    assert lacks({"SLURM_MEM_PER_NODE": "0"}) == []  # all of the node's memory


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"usable": 1}, "SLURM was asked for 8 CPUs, but this process may use 1"),
        ({"gpus": 1}, "SLURM was asked for 2 GPUs, but 1 can be used here"),
        ({"memory_gb": 5.0}, "SLURM was asked for 32 GB, but 8 trials of executor.memory_gb=5 may need 40 GB"),
    ],
)
def test_each_resource_that_lacks_is_named(change: dict[str, float], sentence: str) -> None:
    assert lacks(ASKED, **change) == [sentence]  # type: ignore[arg-type]


def test_more_workers_than_cpus_are_told_outside_of_slurm_too() -> None:
    assert lacks({}, usable=2, gpus=0) == ["executor.workers=8: this process may use 2 CPUs, which the trials share"]
    assert lacks({}, usable=2, gpus=1) == []


def test_memory_by_cpu_counts_for_all_of_them() -> None:
    assert lacks({"SLURM_CPUS_PER_TASK": "8", "SLURM_MEM_PER_CPU": "1000"}) == [
        "SLURM was asked for 8 GB, but 8 trials of executor.memory_gb=4 may need 32 GB"
    ]


def test_cores_are_those_of_this_process() -> None:
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("asked", "passed_on"), [("8", "8"), ("", "none")])
def test_a_step_is_told_the_cpus_only_where_they_were_asked_for(asked: str, passed_on: str) -> None:
    script = f"{STEP_SETUP}; echo ${{SRUN_CPUS_PER_TASK-none}}"
    environment = {"SLURM_CPUS_PER_TASK": asked} if asked else {}
    assert (
        subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment).stdout.strip()
        == passed_on
    )
