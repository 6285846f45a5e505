"""The dry run: what would be run is told, and nothing is run, not even where the settings are wrong."""

import subprocess
import sys
from pathlib import Path

from fake_run import make_run
from hydra import compose, initialize_config_dir
from paths import CONF

from nnloop.launch.dry_run import settings_of
from nnloop.launch.resolvers import register_resolvers
from nnloop.settings.load import load


def nnloop(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "nnloop", *arguments, "dry_run=true"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_dry_run_tells_jobs_folders_and_gpu_hours_and_submits_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs/search/tiny-digits-delta-s0", cycles=2, candidates=6)
    each = sum(report.costs.seconds["total"] for report in run.reports()) / 12
    before = sorted(tmp_path.rglob("*"))
    given = ("-m", "hydra/launcher=slurm", "llm=tiny,deepseek,random,smollm2", "dataset=digits", "name=new", "cycles=2")
    done = nnloop(tmp_path, *given, "candidates=1000")
    assert (done.returncode, done.stderr) == (0, "")
    *jobs, total, paper, measured, last = done.stdout.splitlines()
    known = f"{each * 2000 / 3600:,.1f} h"
    assert [job.split("  ")[-1] for job in jobs] == [
        f"outputs/new/{llm}-digits-delta-s0-candidates_1000-cycles_2"
        for llm in ("tiny", "deepseek", "random", "smollm2")
    ]
    assert known in jobs[0]
    assert "40.0-60.0 GPU-h" in jobs[1]  # paper B's 72 to 108 s a candidate
    assert "? h" in jobs[2]
    assert "? GPU-h" in jobs[3]  # a small LLM takes no 7B's seconds
    assert total.startswith("4 jobs, 8,000 candidates, ")
    assert total.endswith("; 2 jobs have no estimate")
    assert paper == "estimate: 72 to 108 s a candidate: paper B's cycle on one RTX 4090, not this cluster"
    assert measured == "estimate: runs of the same kind in outputs/, as measured"
    assert last == "nothing was submitted"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_of_one_job_says_so(tmp_path: Path) -> None:
    done = nnloop(tmp_path, "llm=random", "dataset=digits", "cycles=2", "candidates=3")
    assert done.stdout.splitlines()[1] == "1 job, 6 candidates, ? h; 1 job has no estimate"


def test_a_dry_run_of_wrong_settings_is_one_line_and_starts_no_job(tmp_path: Path) -> None:
    done = nnloop(tmp_path, "-m", "llm=random", "dataset=digits", "cycles=1,0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("nnloop: cycles=0: ")
    assert list(tmp_path.iterdir()) == []


def test_jobs_that_differ_in_their_seed_have_the_settings_of_their_own_composition() -> None:
    jobs = [
        ["llm=random", "dataset=digits", f"seed={seed}", *more] for more in ([], ["cycles=3"]) for seed in (0, 7, 2)
    ]
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert list(settings_of(jobs, "config")) == [load(compose("config", overrides=one)) for one in jobs]
