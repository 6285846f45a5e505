"""job=export: what searches admitted, as LEMUR has it."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from edits import seed_sources
from entries import entry
from trials import trial

from nnloop import build, data
from nnloop.corpus.boilerplate import for_lemur, lemur_hash
from nnloop.corpus.lemur import TrialKind, read
from nnloop.errors import RunFolderError, SettingsError
from nnloop.jobs import export
from nnloop.records import Status, TrialResult, candidate_id
from nnloop.runs.durable import Journal, write_text
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings

Configure = Callable[..., Settings]


LEMUR = ("dataset=cifar10", "proxy=lemur", "proxy.transform=norm_flip")


def job_settings(runs: Path, to: Path) -> Any:
    return SimpleNamespace(runs=str(runs), to=str(to))


def searched(folder: Path, settings: Settings, codes: dict[str, bool]) -> Path:
    """A run folder whose networks are admitted or not."""
    run = RunFolder(folder)
    run.open(settings)
    journal = Journal(run.archive)
    for slot, (code, admitted) in enumerate(codes.items()):
        result = TrialResult(Status.OK, val_accuracy=0.5, test_accuracy=0.4 + slot / 100, seconds=2.0)
        identity = candidate_id(code)
        write_text(run.code(identity), code)
        line = entry(identity, result=result, admitted=admitted, selected=admitted, facts={"slot": slot}).line()
        journal.append(line)
    journal.close()
    return folder


def test_admitted_networks_are_written_with_their_trials(configure: Configure, tmp_path: Path) -> None:
    admitted, refused = seed_sources()[:2]
    searched(tmp_path / "runs/one", configure(*LEMUR), {admitted: True, refused: False})
    out = io.StringIO()
    export.run(job_settings(tmp_path / "runs", tmp_path / "to"), tmp_path, out)
    name = f"nnloop-{lemur_hash(for_lemur(admitted))}"
    assert out.getvalue().splitlines() == [
        f"{candidate_id(admitted)} {name}",
        f"1 networks, 1 of them with statistics, in {tmp_path / 'to'}",
    ]
    assert (tmp_path / f"to/ab/nn/nn/{name}.py").read_text() == for_lemur(admitted)
    config = tmp_path / f"to/ab/nn/stat/train/img-classification_cifar-10_acc_{name}"
    (row,) = json.loads((config / "1.json").read_text())
    uid = row.pop("uid")
    assert len(uid) == 32
    assert row == {
        "accuracy": 0.4,
        "batch": 64,
        "dropout": 0.2,
        "duration": 2_000_000_000,
        "lr": 0.01,
        "momentum": 0.9,
        "transform": "norm_flip",
    }
    (back,) = read(tmp_path / "to", TrialKind("img-classification", "cifar-10", "acc", 1))
    assert (back.name, back.accuracy) == (name, 0.4)


def test_two_runs_that_admit_one_network_give_it_two_trials(configure: Configure, tmp_path: Path) -> None:
    for name in ("one", "two"):
        searched(tmp_path / "runs" / name, configure(*LEMUR, f"seed={len(name)}"), {seed_sources()[0]: True})
    export.run(job_settings(tmp_path / "runs", tmp_path / "to"), tmp_path, io.StringIO())
    (rows,) = [json.loads(path.read_text()) for path in (tmp_path / "to").rglob("1.json")]
    assert len(rows) == 2


@pytest.mark.parametrize("protocol", [("dataset=cifar10",), ("dataset=digits", *LEMUR[1:])])
def test_results_of_another_protocol_or_dataset_are_no_statistics(
    configure: Configure, tmp_path: Path, protocol: tuple[str, ...]
) -> None:
    searched(tmp_path / "run", configure(*protocol), {seed_sources()[0]: True})
    export.run(job_settings(tmp_path / "run", tmp_path / "to"), tmp_path, io.StringIO())
    assert [path.suffix for path in (tmp_path / "to").rglob("*.*")] == [".py"]


def test_runs_that_admitted_nothing_are_refused(configure: Configure, tmp_path: Path) -> None:
    searched(tmp_path / "run", configure(*LEMUR), {seed_sources()[0]: False})
    with pytest.raises(RunFolderError, match="nothing to export"):
        export.run(job_settings(tmp_path / "run", tmp_path / "to"), tmp_path, io.StringIO())


ELSEWHERE = "x/../../../../../../elsewhere"


def hostile(run: Path, key: str, value: Any) -> None:
    """Change a setting, a fact of the first entry, or the code of somebody's run."""
    about, (first, *_) = json.loads((run / "run.json").read_text()), (run / "archive.jsonl").read_text().splitlines()
    row = json.loads(first)
    group, _, name = key.partition(".")
    if key == "code":
        write_text(RunFolder(run).code(row["candidate"]), value)
    elif key in row:
        row[key] = value
    else:
        about["settings"][group][name] = value
    (run / "run.json").write_text(json.dumps(about))
    (run / "archive.jsonl").write_text(json.dumps(row) + "\n")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dataset.name", ELSEWHERE),
        ("dataset.name", "{name.__class__}/../../../../../../../elsewhere"),
        ("proxy.epochs", ELSEWHERE),
        ("proxy.prm", 7),
        ("result", None),
        ("candidate", "../../elsewhere"),
        ("code", "class Net(" * 10_000),
        ("code", "x = 1\n"),
    ],
)
def test_a_run_of_somebody_else_s_writes_nothing_elsewhere_and_ends_without_another_error(
    key: str, value: Any, configure: Configure, tmp_path: Path
) -> None:
    run = searched(tmp_path / "deep/runs/one", configure(*LEMUR), {seed_sources()[0]: True})
    hostile(run, key, value)
    to = tmp_path / "deep/to"
    there = {path for path in tmp_path.rglob("*") if to not in path.parents}
    with contextlib.suppress(RunFolderError):
        export.run(job_settings(run, to), tmp_path, io.StringIO())
    assert {path for path in tmp_path.rglob("*") if to not in (path, *path.parents)} == there
    written = [path for path in to.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[\w.,+-]+", part) for path in written for part in path.relative_to(to).parts)


@pytest.mark.parametrize("given", [("runs=a",), ("to=b",)])
def test_both_ends_have_to_be_named(configure: Configure, given: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="job=export needs"):
        configure("job=export", *given)


def test_an_exported_network_scores_as_the_original_under_lemurs_protocol(configure: Configure) -> None:
    """Its own train_setup and learn do what proxy=lemur does for a network without them: the same accuracy."""
    settings = configure("dataset=digits", *LEMUR[1:], "proxy.lr=0.05", "executor.workers=1")
    code = seed_sources()[-1]
    with build.make_executor(settings, data.load(settings.dataset), Path()) as executor:
        first, second = (executor.submit(trial(each)).result() for each in (code, for_lemur(code)))
    assert (first.status, second.status) == (Status.OK, Status.OK)
    assert abs((first.test_accuracy or 0) - (second.test_accuracy or 0)) < 0.03


def test_the_job_runs(configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    searched(tmp_path / "run", configure(*LEMUR), {seed_sources()[0]: True})
    build.run(configure("job=export", f"runs={tmp_path / 'run'}", f"to={tmp_path / 'to'}"), tmp_path / "job")
    assert "1 networks" in capsys.readouterr().out
