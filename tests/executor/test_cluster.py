"""On a real SLURM of one node: trials as job arrays, searches as jobs, lost jobs, a drained node, a time limit."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import cluster
import pytest
from trials import network, trial

from nnloop import build, data
from nnloop.errors import UserError
from nnloop.executor import node
from nnloop.executor.allotment import STEP_SETUP
from nnloop.executor.local import LocalExecutor
from nnloop.executor.slurm import SlurmExecutor
from nnloop.records import Status, TrialResult
from nnloop.runs.folder import RunFolder

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]


@pytest.fixture
def tmp_path(closed_path: Path) -> Path:
    return closed_path


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if why := cluster.missing():
        pytest.fail(why)  # no skip: these tests run only where they are asked for
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.up(folder).items():
            patch.setenv(name, value)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
        cluster.down(folder)


def squeue(columns: str, *more: str) -> list[str]:
    done = subprocess.run(["squeue", "-h", "-r", "-o", columns, *more], capture_output=True, text=True, check=True)
    return done.stdout.split()


def update(job: str, *changes: str) -> None:
    subprocess.run(["scontrol", "update", f"JobId={job}", *changes], check=True)


def until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def start(configure: Callable[..., object], folder: Path, *overrides: str) -> SlurmExecutor:
    given = (
        "dataset=digits",
        "executor=slurm",
        "executor.poll_s=0.5",
        "executor.memory_gb=1",
        "executor.mem_gb=3",
        "executor.cpus_per_task=1",
    )
    settings = configure(*given, *overrides)
    executor = build.make_executor(settings, data.load(settings.dataset), folder)
    assert isinstance(executor, SlurmExecutor)
    return executor


def lasting(result: TrialResult) -> TrialResult:
    """A result without the figures that depend on the load of the machine."""
    return replace(result, seconds=0.0, peak_bytes=None)


def test_forty_trials_give_what_the_local_executor_gives(configure, executor: LocalExecutor, tmp_path: Path) -> None:
    codes = [
        network(init=f"self.drop = nn.Dropout(0.0{number})", forward="x = self.drop(x)") for number in range(1, 40)
    ]
    asked = [trial(code, seed=seed) for seed, code in enumerate([*codes, network(init="1 / 0")])]
    local = [executor.submit(each) for each in asked]
    with start(
        configure, tmp_path, "executor.trials_per_job=10", "executor.workers=40", "mode.max_params=1000000"
    ) as far:
        remote = [far.submit(each) for each in asked]
        assert [lasting(future.result()) for future in remote] == [lasting(future.result()) for future in local]
    assert {future.result().status for future in remote} == {Status.OK, Status.BUILD_FAILED}


def test_no_more_trials_are_in_flight_than_wanted(configure, tmp_path: Path) -> None:
    slow = network(init="__import__('time').sleep(2)")
    with start(configure, tmp_path, "executor.workers=2", "executor.trials_per_job=1") as far:
        futures = [far.submit(trial(slow, seed=seed)) for seed in range(4)]
        seen = 0
        while not all(future.done() for future in futures):
            requests = list((tmp_path / "slurm/trials").glob("*.json"))  # of one trial each
            seen = max(seen, sum(not node.read_results(path) for path in requests))
            time.sleep(0.1)
        assert {future.result().status for future in futures} == {Status.OK}
    assert seen == 2  # squeue would still list a job whose result is there


def test_a_job_s_step_gets_the_cpus_that_were_asked_for(tmp_path: Path) -> None:
    """Without the line of setup, this SLURM gives it one of two."""
    for setup, cpus in (("true", "1"), (STEP_SETUP, "2")):
        (tmp_path / "job.sh").write_text(f"#!/bin/sh\n{setup}\nunset OMP_NUM_THREADS  # nproc reads it\nsrun nproc\n")
        command = ["sbatch", "--wait", "--cpus-per-task=2", "--mem=100", f"--output={tmp_path / 'out'}"]
        subprocess.run([*command, str(tmp_path / "job.sh")], check=True)
        assert (tmp_path / "out").read_text().split()[-1] == cpus


def test_a_search_and_a_trial_may_use_the_cpus_that_were_asked_for(configure, tmp_path: Path, caplog) -> None:
    given = ("hydra.launcher.timeout_min=30", "llm=random", "candidates=2", "hydra.launcher.cpus_per_task=2")
    with multirun(tmp_path, *given, "executor.workers=2", "executor.memory_gb=1") as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    (log,) = (tmp_path / "outputs/search/slurm").glob("*/*.out")
    assert "CPUs" not in log.read_text()
    assert "1 GPUs, but 0 can be used" in log.read_text()  # the fake one: what is missing would be told
    with start(configure, tmp_path, "executor.cpus_per_task=2") as far:
        assert far.submit(trial(network())).result().status is Status.OK
    assert "CPUs" not in caplog.text


def test_a_trial_whose_job_is_lost_is_run_again_and_given_up_in_the_end(configure, tmp_path: Path) -> None:
    endless = network(init="__import__('time').sleep(1000)")
    with start(configure, tmp_path, "executor.retries=1") as far:
        future = far.submit(trial(endless, wall_s=500.0))
        lost: set[str] = set()
        while not future.done():
            jobs = set(squeue("%i", f"--name={far.name}", "--states=RUNNING"))
            for job in jobs - lost:
                subprocess.run(["scancel", "--signal=KILL", "--full", job], check=True)
            lost |= jobs
            time.sleep(0.2)
        result = future.result()
    assert (result.status, len(lost)) == (Status.INFRASTRUCTURE, 2)
    assert "SLURM job" in result.reason


def test_a_drained_node_only_delays_a_trial(configure, tmp_path: Path) -> None:
    node = squeue_nodes()
    subprocess.run(["scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test"], check=True)
    with start(configure, tmp_path) as far:
        future = far.submit(trial(network()))
        until(lambda: squeue("%T", f"--name={far.name}") == ["PENDING"])
        time.sleep(2)
        assert not future.done()
        subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], check=True)
        assert future.result().status is Status.OK


def squeue_nodes() -> str:
    return subprocess.run(
        ["sinfo", "-h", "-N", "-p", "debug", "-o", "%N"], capture_output=True, text=True
    ).stdout.strip()


def test_a_restart_keeps_what_jobs_had_finished_and_cancels_the_rest(configure, tmp_path: Path) -> None:
    done, running = trial(network()), trial(network(init="__import__('time').sleep(1000)"), wall_s=500.0)
    first = start(configure, tmp_path, "executor.trials_per_job=2")
    futures = [first.submit(each) for each in (done, running)]
    result = futures[0].result()
    first._closed = True  # as a killed process leaves it: nobody cancels
    first._thread.join()
    assert squeue("%T", f"--name={first.name}") == ["RUNNING"]
    with start(configure, tmp_path, "executor.trials_per_job=2") as second:
        assert second.submit(done).result(timeout=0) == result
        until(lambda: squeue("%T", f"--name={first.name}", "--states=RUNNING") == [])


def test_a_cluster_that_takes_no_job_is_one_line(configure, tmp_path: Path) -> None:
    with start(configure, tmp_path, "executor.partition=nowhere") as far:
        with pytest.raises(UserError, match=r"executor=slurm: the cluster takes no job: .*invalid partition") as caught:
            far.submit(trial(network())).result()
        assert "\n" not in str(caught.value)


def multirun(folder: Path, *overrides: str) -> "subprocess.Popen[str]":
    """Start searches as jobs; every one gets a GPU that is none."""
    given = ("hydra/launcher=slurm", "hydra.launcher.gres=gpu:fake:1", "hydra.launcher.partition=gpu")
    room: tuple[str, ...] = ("hydra.launcher.mem_gb=2",)
    if not any("cpus_per_task" in one for one in overrides):
        room += ("hydra.launcher.cpus_per_task=1", "executor.workers=1")
    few = ("dataset=digits", "corpus.trials=1", "corpus.limit=8", "finetune=off", "tracker=none", "cycles=1")
    command = [sys.executable, "-m", "nnloop", "-m", *given, *room, *few, *overrides]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def runs(folder: Path) -> dict[str, RunFolder]:
    return {path.parent.name: RunFolder(path.parent) for path in folder.glob("outputs/search/*/run.json")}


def test_a_multirun_of_three_searches_writes_three_run_folders(tmp_path: Path) -> None:
    given = ("hydra.launcher.timeout_min=30", "llm=tiny", "candidates=3", "seed=0,1,2")
    with multirun(tmp_path, *given) as process:
        said = process.communicate()[0]
    assert process.returncode == 0, said
    assert {name: len(run.entries()) for name, run in runs(tmp_path).items()} == {
        f"tiny-digits-delta-s{seed}-candidates_3-limit_8-trials_1-cycles_1-finetune_off": 3 for seed in range(3)
    }
    logs = sorted((tmp_path / "outputs/search/slurm").glob("*/*.out"))
    assert len(logs) == 3
    assert "Job completed successfully" in logs[0].read_text()


def test_a_cancelled_job_ends_the_multirun_with_an_error_and_spares_the_others(tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "none"}\n')
    slow = ("llm=scripted", f"llm.path={texts}", "candidates=1,40", "llm.delay_s=15", "hydra.launcher.timeout_min=30")
    with multirun(tmp_path, *slow) as process:
        until(lambda: any("candidates_40" in name for name in runs(tmp_path)))
        until(lambda: len(squeue("%i", "--name=nnloop", "--states=RUNNING")) == 1)
        subprocess.run(["scancel", *squeue("%i", "--name=nnloop")], check=True)
        said = process.communicate()[0]
    assert process.returncode == 1, said
    assert "nnloop: a job on the cluster failed" in said
    assert "(state: CANCELLED); the others go on" in said
    assert "Traceback" not in said
    assert [len(run.entries()) for name, run in runs(tmp_path).items() if "candidates_40" not in name] == [1]


def test_a_search_killed_by_its_time_limit_is_requeued_and_goes_on(tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "none"}\n')
    limit = ("hydra.launcher.timeout_min=30", "hydra.launcher.signal_delay_s=10", "candidates=60", "llm.delay_s=1")
    with multirun(tmp_path, "llm=scripted", f"llm.path={texts}", *limit) as process:
        until(lambda: any(len(run.read_completions(0)) > 1 for run in runs(tmp_path).values()))
        soon = (datetime.now() + timedelta(seconds=50)).isoformat(timespec="seconds")  # SLURM looks every 30 s
        update(squeue("%i", "--name=nnloop")[0], f"EndTime={soon}")
        until(lambda: squeue("%T", "--name=nnloop") == ["PENDING"])
        while process.poll() is None:
            time.sleep(3)  # slurmd refuses a requeued job in the second of its end; left alone, SLURM waits two minutes
            for job in squeue("%i", "--name=nnloop", "--states=PENDING"):
                update(job, "StartTime=now", "TimeLimit=30")
        said = process.communicate()[0]
    assert process.returncode == 0, said
    (run,) = runs(tmp_path).values()
    assert [entry.slot for entry in run.entries()] == list(range(60))
    (log,) = (tmp_path / "outputs/search/slurm").glob("*/*.out")
    assert "Requeued job" in log.read_text()
