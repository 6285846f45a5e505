"""job=incumbent on made-up runs: a folder and a summary get the same incumbent, and another protocol is refused."""

import io
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from fake_run import make_run

from nnloop import data
from nnloop.errors import RunFolderError
from nnloop.jobs import incumbent
from nnloop.jobs.report import save_summaries
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings


@pytest.fixture
def settings(configure) -> Settings:
    chosen = configure("job=incumbent", "runs=x", "dataset=digits", "executor.wall_s=60")
    return replace(chosen, incumbent=replace(chosen.incumbent, share=0.5))


def run_of(folder: Path, settings: Settings, **more: object) -> RunFolder:
    groups = {"dataset": asdict(settings.dataset), "proxy": asdict(settings.proxy)}
    run = make_run(folder, 2, 12, **groups | more)
    run.save_dataset(data.load(settings.dataset).facts())
    return run


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_folder_and_its_summary_get_the_same_incumbent(settings: Settings, tmp_path: Path) -> None:
    run, out = run_of(tmp_path / "run", settings), io.StringIO()
    save_summaries([read(run.path)], [], str(tmp_path / "kept"))
    incumbent.run(replace(settings, runs=str(run.path)), tmp_path / "job", out)
    pack = tmp_path / "measured.jsonl.xz"
    of_summary = replace(settings, runs=str(tmp_path / "kept"), summaries=str(pack))
    incumbent.run(of_summary, tmp_path / "job", out)
    measured = read(run.path)
    assert measured.incumbent is not None
    assert read(pack).incumbent == read(tmp_path / "job" / "run.json").incumbent == measured.incumbent
    assert out.getvalue().count(f"run: {measured.incumbent.candidate} validation ") == 2
    assert "incumbent: validation" in summary(measured)


def test_a_run_of_another_protocol_is_refused(settings: Settings, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", settings, proxy=asdict(settings.proxy) | {"lr": 0.9})
    with pytest.raises(RunFolderError, match="not of this command's dataset and proxy"):
        incumbent.run(replace(settings, runs=str(run.path)), tmp_path / "job", io.StringIO())
