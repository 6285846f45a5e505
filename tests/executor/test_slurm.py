"""Job arrays without a cluster: scripts stand for SLURM's commands, and no job ever runs. See test_cluster.py."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from trials import network, trial

from nnloop.errors import UserError
from nnloop.executor import node
from nnloop.executor.slurm import SlurmExecutor, outside_of_slurm
from nnloop.records import Status, TrialResult
from nnloop.runs.durable import journal
from nnloop.settings import Settings, SlurmExecutorSettings

SUBMIT = "echo $0 $@ >> {folder}/said; echo Submitted batch job 7"


@pytest.fixture
def tmp_path(closed_path: Path) -> Path:
    return closed_path


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write the bodies of SLURM's commands; their arguments are appended to the file `said`."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def write(**bodies: str) -> None:
        for name, body in bodies.items():
            script = tmp_path / name
            script.write_text(f"#!/bin/sh\n{body.format(folder=tmp_path)}\n")
            script.chmod(0o755)

    write(sbatch=SUBMIT, squeue="true", scancel="echo $0 $@ >> {folder}/said", srun="true")
    return write


@pytest.fixture
def settings(configure: Callable[..., Settings]) -> SlurmExecutorSettings:
    chosen = configure(
        "executor=slurm", "executor.retries=1", "executor.trials_per_job=2", "executor.workers=4"
    ).executor
    assert isinstance(chosen, SlurmExecutorSettings)
    return replace(chosen, poll_s=0.02)


@pytest.fixture
def executor(commands: Callable[..., None], settings: SlurmExecutorSettings, tmp_path: Path) -> Iterator[SlurmExecutor]:
    with SlurmExecutor(settings, tmp_path, start=lambda: None) as started:  # type: ignore[arg-type, return-value]
        yield started


def requests(folder: Path) -> list[Path]:
    return sorted((folder / "slurm/trials").glob("*.json"))


def test_a_trial_whose_jobs_vanish_ends_as_our_fault_after_its_retries(executor: SlurmExecutor, tmp_path: Path) -> None:
    result = executor.submit(trial(network())).result(timeout=30)
    assert (result.status, result.reason) == (
        Status.INFRASTRUCTURE,
        "SLURM job 7 ended as one that squeue does not list",
    )
    assert len(requests(tmp_path)) == 2


def test_a_result_that_a_job_has_written_is_handed_over(
    commands: Callable[..., None], executor: SlurmExecutor, tmp_path: Path
) -> None:
    commands(squeue="echo '7|RUNNING|None'")
    asked = trial(network())
    future = executor.submit(asked)
    while not requests(tmp_path):
        assert not future.done()
    with journal(requests(tmp_path)[0].with_suffix(".jsonl")) as out:
        out.append(f'{{"trial": "{node.key(asked)}", "result": {TrialResult(Status.OK, params=3).line()}}}')
        out.sync()
    assert future.result(timeout=30) == TrialResult(Status.OK, params=3)


def test_a_restart_finds_the_results_of_the_jobs_before_it(
    commands: Callable[..., None], settings: SlurmExecutorSettings, tmp_path: Path
) -> None:
    (tmp_path / "slurm/trials").mkdir(parents=True)
    (tmp_path / "slurm/trials/a.json").write_text("[]")
    done, failed = trial(network(), seed=1), trial(network(), seed=2)
    with journal(tmp_path / "slurm/trials/a.jsonl") as out:
        for asked, status in ((done, Status.OK), (failed, Status.INFRASTRUCTURE)):
            out.append(f'{{"trial": "{node.key(asked)}", "result": {TrialResult(status).line()}}}')
    with SlurmExecutor(settings, tmp_path, start=lambda: None) as executor:  # type: ignore[arg-type, return-value]
        assert executor.submit(done).result(timeout=0).status is Status.OK
        assert not executor.submit(failed).done()
    assert f"scancel --name={executor.name}" in (tmp_path / "said").read_text()


def test_a_job_that_slurm_will_never_start_is_cancelled(
    commands: Callable[..., None], executor: SlurmExecutor, tmp_path: Path
) -> None:
    commands(squeue="echo '7|PENDING|BadConstraints'")
    result = executor.submit(trial(network())).result(timeout=30)
    assert (result.status, result.reason) == (Status.INFRASTRUCTURE, "SLURM job 7 BadConstraints")
    assert "scancel 7" in (tmp_path / "said").read_text()


def test_a_cluster_that_takes_no_job_is_a_users_error(commands: Callable[..., None], executor: SlurmExecutor) -> None:
    commands(sbatch="echo 'sbatch: error: invalid partition' >&2; exit 1")
    with pytest.raises(UserError, match=r"^executor=slurm: the cluster takes no job: sbatch: error: invalid partition"):
        executor.submit(trial(network())).result(timeout=30)


def test_a_submission_that_may_do_later_is_made_again(
    commands: Callable[..., None], executor: SlurmExecutor, tmp_path: Path
) -> None:
    once = (
        "if [ -e {folder}/asked ]; then "
        + SUBMIT
        + "; else touch {folder}/asked; echo Unable to contact >&2; exit 1; fi"
    )
    commands(sbatch=once)
    assert "SLURM job 7" in executor.submit(trial(network())).result(timeout=30).reason


def test_trials_share_jobs_and_the_job_asks_for_time_and_memory(executor: SlurmExecutor, tmp_path: Path) -> None:
    futures = [executor.submit(trial(network(), seed=seed)) for seed in range(3)]
    for future in futures:
        future.result(timeout=30)
    script = "".join(path.read_text() for path in (tmp_path / "slurm").rglob("*.sh"))
    assert f"--job-name={executor.name}" in script
    assert "--mem=" in script


def test_a_machine_without_slurm_is_told_so(
    settings: SlurmExecutorSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="scancel is not installed here; use executor=local"):
        SlurmExecutor(settings, tmp_path, start=lambda: None)  # type: ignore[arg-type, return-value]


def test_closing_ends_every_trial_that_waits(commands: Callable[..., None], executor: SlurmExecutor) -> None:
    commands(squeue="echo '7|RUNNING|None'")
    futures = [executor.submit(trial(network(), seed=seed)) for seed in range(9)]
    executor.close()
    assert all(future.cancelled() or future.result().status is Status.INFRASTRUCTURE for future in futures)


def test_the_job_that_a_search_runs_in_is_hidden_from_the_jobs_it_submits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "3")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    with outside_of_slurm():
        assert ("SLURM_JOB_ID" in os.environ, "SLURM_CONF" in os.environ) == (False, True)
    assert os.environ["SLURM_JOB_ID"] == "3"
