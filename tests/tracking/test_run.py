import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run
from fake_wandb import answering
from lineages import save_adapter
from paths import TESTS
from wandb_log import read_log

from nnloop import tracking
from nnloop.loop.artifacts import track_adapter, track_run
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.settings import NoTrackerSettings, WandbSettings
from nnloop.tracking.metrics import COLUMNS, CYCLE_TABLE, FULL_TABLE, METRICS

SETTINGS = WandbSettings(name="wandb", project="nnloop", entity=None, mode="auto", timeout_s=1.0)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=2, candidates=6)


def follow(run: RunFolder, settings: WandbSettings = SETTINGS) -> None:
    """Track a search that is finished already; `start` catches up with its cycles."""
    tracker = tracking.build(settings)
    tracker.start(run, group="search", settings=run.settings())
    parent = None
    for cycle in (0, 1):
        parent = save_adapter(run.adapter(cycle), parent)
        track_adapter(tracker, run, cycle)
    run.page.write_text("<p>report</p>")
    track_run(tracker, run)
    tracker.finish({"admitted": 3})


def read_back(run: RunFolder) -> list[dict[str, Any]]:
    """Every record of every fragment of the offline run, in the order in which they were started."""
    logs = sorted((run.path / "wandb").glob("offline-run-*/*.wandb"))
    return [record for log in logs for record in read_log(log)]


def of_type(kind: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record["content"] for record in records if record["type"] == kind]


def cycles(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The history rows that close a cycle."""
    return [row for row in of_type("history", records) if "cycle" in row]


def test_an_offline_run_holds_every_key_table_artifact_and_setting(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        follow(run)
    assert [record.message for record in caplog.records if "no API key" in record.message] != []
    records = read_back(run)
    rows = cycles(records)
    assert [row["cycle"] for row in rows] == [0, 1]
    for row, report in zip(rows, run.reports(), strict=True):
        assert set(METRICS) - set(row) == set()
        assert row["valid/rate"] == pytest.approx(report.valid_rate.value)
        assert row[f"{CYCLE_TABLE}._type"] == "table-file"
    assert [row for row in of_type("history", records) if f"{FULL_TABLE}._type" in row] != []
    defined = {metric["name"]: metric for metric in of_type("metric", records)}
    assert {key for key, metric in defined.items() if metric.get("step_metric") == "cycle"} == set(METRICS)
    config = of_type("run", records)[0]["config"]
    assert config["llm"]["name"] == "tiny"
    assert config["provenance"]["versions"] == {"nnloop": "0.1.0"}


def test_an_offline_run_stages_its_artifacts_under_the_run_folder(run: RunFolder) -> None:
    follow(run)
    artifacts = of_type("artifact", read_back(run))
    found = {artifact["type"]: artifact for artifact in reversed(artifacts)}
    assert set(found) == {"adapter", "code", "archive", "report", "run_table"}
    assert found["adapter"]["name"] == "tiny-digits-delta-s0-adapter-0"
    files = {path["path"] for path in found["code"]["manifest"]["contents"]}
    assert files == {path.name for path in (run.path / "code").iterdir()}
    for artifact in artifacts:
        for content in artifact["manifest"]["contents"]:
            assert Path(content["local_path"]).is_relative_to(run.path)
            assert Path(content["local_path"]).exists()


def test_an_offline_run_tells_what_each_artifact_was_made_from(run: RunFolder) -> None:
    follow(run)
    artifacts = [one for one in of_type("artifact", read_back(run)) if one["type"] != "run_table"]
    lineage = [(one["name"].removeprefix(f"{run.path.name}-"), one.get("use_after_commit", False)) for one in artifacts]
    assert lineage == [  # what it was made from, as an input, goes before each
        ("adapter-0", False),
        *(("adapter-0", True), ("adapter-1", False)),
        *(("adapter-1", True), ("archive", False)),
        *(("archive", True), ("code", False)),
        *(("archive", True), ("report", False)),
    ]
    made_from = {
        one["name"]: json.loads(one["metadata"])["made_from"] for one in artifacts if "use_after_commit" not in one
    }
    assert made_from[f"{run.path.name}-adapter-1"] == [f"{run.path.name}-adapter-0"]
    first, again = [one["digest"] for one in artifacts if one["name"].endswith("-adapter-0")]
    assert first == again  # so that W&B takes both for one version


def test_the_tables_hold_a_row_per_completion_with_code_and_diff(run: RunFolder) -> None:
    follow(run)
    (path,) = (run.path / "wandb").glob("offline-run-*/files/media/table/candidates/all_*.table.json")
    table = json.loads(path.read_text())
    assert table["columns"] == list(COLUMNS)
    assert len(table["data"]) == 12
    for entry, row in zip(run.entries(), table["data"], strict=True):
        cells = dict(zip(COLUMNS, row, strict=True))
        assert (cells["candidate"], cells["status"]) == (entry.candidate, entry.status)
        assert cells["val_accuracy"] == pytest.approx(entry.result.val_accuracy if entry.result else None)
        assert cells["completion"].startswith("@@")
        if entry.candidate:
            assert cells["code"] == run.read_code(entry.candidate)


def test_a_search_taken_up_again_logs_its_new_cycles_and_no_old_one_twice(run: RunFolder) -> None:
    follow(run)
    run.cycle(2).mkdir()
    run.report(2).write_text(replace(run.reports()[1], cycle=2).line())
    follow(run)
    follow(run)
    records = read_back(run)
    steps = [(row["cycle"], row["_step"]) for row in cycles(records)]
    assert steps == [(0, 0), (1, 2), (2, 4)]
    assert [record["run_id"] for record in of_type("run", records)] == ["fake00000000"] * 3


@pytest.mark.parametrize("arrived", [True, False])
def test_a_cycle_whose_logging_a_kill_cut_off_is_logged_once(run: RunFolder, arrived: bool) -> None:
    if not arrived:
        run.report(1).rename(run.path / "kept")
    follow(run)
    if not arrived:
        (run.path / "kept").rename(run.report(1))
    write_json(run.path / "wandb" / "logged.json", {"logged": [0], "begun": 1})
    follow(run)
    assert [(row["cycle"], row["_step"]) for row in cycles(read_back(run))] == [(0, 0), (1, 2)]


def test_a_cycle_whose_logging_a_kill_cut_off_is_on_the_server_once(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(monkeypatch) as fake:
        follow(run)
        write_json(run.path / "wandb" / "logged.json", {"logged": [0], "begun": 1})
        follow(run)
    (stored,) = fake.runs.values()
    assert [row["cycle"] for row in stored["history"] if "cycle" in row] == [0, 1]


def test_a_server_that_answers_gets_the_run_online_and_takes_it_up_again(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = run.provenance()
    write_json(run.meta, meta | {"settings": meta["settings"] | {"executor": {"workers": 2}}})
    with answering(monkeypatch) as fake:
        follow(run)
        write_json(run.meta, meta | {"settings": meta["settings"] | {"executor": {"workers": 7}}})
        follow(run)
    (stored,) = fake.runs.values()
    assert json.loads(stored["config"])["executor"]["value"] == {"workers": 7}
    assert [row["cycle"] for row in stored["history"] if "cycle" in row] == [0, 1]
    assert stored["group"] == "search"
    assert stored["exit"] == 0
    assert set(fake.used) == {f"{run.path.name}-{name}" for name in ("adapter-0", "adapter-1", "archive")}
    assert {artifact["type"] for artifact in fake.artifacts.values() if artifact["committed"]} == {
        "adapter",
        "code",
        "archive",
        "report",
        "run_table",
    }


def test_a_server_that_refuses_the_key_leaves_the_run_offline(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), answering(monkeypatch, status=401):
        follow(run)
    assert [record.message for record in caplog.records if "W&B: offline" in record.message] != []
    assert len(cycles(read_back(run))) == 2


def test_a_fault_of_wandb_is_said_once_and_stops_nothing(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    (run.path / "wandb").write_text("a file where the folder should be")
    tracker = tracking.build(SETTINGS)
    tracker.start(run, group="search", settings=run.settings())
    for report in run.reports():
        tracker.cycle(report, run.entries())
    track_run(tracker, run)
    tracker.finish({})
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="finds wandb's process through /proc")
def test_a_search_outlives_wandbs_own_process_and_the_next_start_makes_up_for_it(run: RunFolder) -> None:
    code = f"""
import logging, os, signal, sys
from pathlib import Path
sys.path[:0] = {[str(TESTS / "tracking"), *sys.path]!r}
from test_run import SETTINGS, RunFolder, track_run, tracking
logging.basicConfig(level=logging.WARNING, format="%(message)s")
run = RunFolder(Path({str(run.path)!r}))
tracker = tracking.build(SETTINGS)
cycles, elsewhere = run.path / "cycles", run.path / "elsewhere"
cycles.rename(elsewhere)
tracker.start(run, group="search", settings=run.settings())
elsewhere.rename(cycles)
for children in Path("/proc/self/task").glob("*/children"):
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
for report in run.reports():
    tracker.cycle(report, run.entries())
track_run(tracker, run)
tracker.finish({{}})
print("the search ends")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "the search ends\n")
    assert done.stderr.count("the search goes on") == 1
    follow(run)
    assert [row["cycle"] for row in cycles(read_back(run))] == [0, 1]


def test_nothing_of_wandb_is_in_the_environment_that_trials_inherit(run: RunFolder) -> None:
    tracker = tracking.build(SETTINGS)
    tracker.start(run, group="search", settings=run.settings())
    during = [name for name in os.environ if name.startswith("WANDB_")]
    tracker.finish({})
    assert during == [name for name in os.environ if name.startswith("WANDB_")] == []


def test_tracker_none_needs_no_wandb(run: RunFolder) -> None:
    code = (
        "import sys; from nnloop import tracking; from nnloop.settings import NoTrackerSettings;"
        "tracking.build(NoTrackerSettings('none')).finish({});"
        "print(sorted({'wandb', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert isinstance(tracking.build(NoTrackerSettings("none")), tracking.NoTracker)
