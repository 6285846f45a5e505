import base64
import json
import logging
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_run import make_run
from fake_wandb import answering
from lineages import save_adapter
from paths import ROOT, TESTS
from wandb_log import read_log

from nnloop import tracking
from nnloop.loop.artifacts import outcome, track_cycle, track_run
from nnloop.measures import best_of
from nnloop.records import FinetuneStep, Interval
from nnloop.report.measures.read import read
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunFolder
from nnloop.runs.repeats import Incumbent, RacedNetwork
from nnloop.settings import NoTrackerSettings, WandbSettings
from nnloop.tracking.metrics import BEST_SO_FAR, CANDIDATE, COLUMNS, CYCLE_TABLE, FINER, FULL_TABLE, TUNING, UNITS
from nnloop.tracking.steps import closed_at

SETTINGS = WandbSettings(
    name="wandb", project="nnloop", entity=None, mode="auto", timeout_s=1.0, system=None, console=False, code=False
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path / "tiny-digits-delta-s0", cycles=2, candidates=6)
    for cycle in (0, 1):
        steps = [FinetuneStep(number, 3, loss=2.0 / number, lr=1e-4) for number in (1, 2, 3)]
        run.finetune_steps(cycle).write_text("".join(f"{step.line()}\n" for step in steps))
    return run


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def follow(run: RunFolder, settings: WandbSettings = SETTINGS) -> None:
    """Track a search that is finished already; `start` catches up with its cycles."""
    tracker = tracking.build(settings)
    tracker.start(run, group="search", settings=run.settings())
    parent = None
    for cycle in (0, 1):
        parent = save_adapter(run.adapter(cycle), parent)
        track_cycle(tracker, run, cycle, entries=[one for one in run.entries() if one.cycle <= cycle])
    run.page.write_text("<p>report</p>")
    track_run(tracker, run)
    picture = run.path / "figure.png"
    picture.write_bytes(base64.b64decode(PIXEL))
    tracker.finish(outcome(read(run.path)), {"report/page": lambda: run.page, "report/figures": lambda: picture})


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
    assert [row["cycle"] for row in rows] == [1, 2]
    for row, report in zip(rows, run.reports(), strict=True):
        assert set(UNITS) - set(row) == set()
        assert row["valid/rate"] == pytest.approx(report.valid_rate.value)
        assert row[f"{CYCLE_TABLE}._type"] == "table-file"
    assert [row for row in of_type("history", records) if f"{FULL_TABLE}._type" in row] != []
    defined = {metric["name"]: metric for metric in of_type("metric", records)}
    for axis, keys in ({"cycle": UNITS} | FINER).items():
        assert {key for key, metric in defined.items() if metric.get("step_metric") == axis} == set(keys)
    config = of_type("run", records)[0]["config"]
    assert config["llm"]["name"] == "tiny"
    assert config["provenance"]["versions"] == {"nnloop": "0.1.0"}


def test_an_offline_run_stages_its_artifacts_under_the_run_folder(run: RunFolder) -> None:
    follow(run)
    artifacts = of_type("artifact", read_back(run))
    found = {artifact["type"]: artifact for artifact in reversed(artifacts)}
    assert set(found) == {"adapter", "networks", "archive", "report", "run_table"}
    networks = [one for one in artifacts if one["name"] == "tiny-digits-delta-s0-networks"]
    files = {path["path"] for path in networks[-1]["manifest"]["contents"]}
    assert files == {f"{entry.candidate}.py" for entry in run.entries() if entry.admitted}
    for artifact in artifacts:
        for content in artifact["manifest"]["contents"]:
            assert Path(content["local_path"]).is_relative_to(run.path)
            assert Path(content["local_path"]).exists()


def test_an_artifact_has_one_collection_with_a_version_a_cycle_and_tells_what_it_was_made_from(run: RunFolder) -> None:
    follow(run)
    artifacts = [one for one in of_type("artifact", read_back(run)) if one["type"] != "run_table"]
    logged = [
        (
            one["name"].removeprefix(f"{run.path.name}-"),
            {*one["aliases"]} - {"latest"},  # wandb adds it to each; the last one that is made keeps it
            one.get("use_after_commit", False),
        )
        for one in artifacts
    ]
    best = best_of(run.entries())
    assert best is not None
    assert best.cycle == 1
    first, second = {"cycle-1"}, {"cycle-2"}
    assert logged == [  # what it was made from, as an input, goes before each
        ("networks", first | {"best"}, False),
        *(("networks", first, True), ("adapter", first, False)),
        *(("adapter", first, True), ("networks", second | {"best"}, False)),
        ("adapter", first | {"best"}, False),  # it wrote the best network, in the second cycle
        *(("adapter", first, True), ("networks", second, True), ("adapter", second, False)),
        *(("adapter", second, True), ("archive", set(), False)),
        *(("archive", set(), True), ("report", set(), False)),
    ]
    assert {"latest" in one["aliases"] for one in artifacts} == {True}
    made_from = [json.loads(one["metadata"])["made_from"] for one in artifacts if "use_after_commit" not in one]
    name = run.path.name
    assert made_from[-3] == [f"{name}-adapter:cycle-1", f"{name}-networks:cycle-2"]
    digests = {one["digest"] for one in artifacts if one["type"] == "adapter" and "cycle-1" in one["aliases"]}
    assert len(digests) == 1  # so that W&B takes them for one version


def test_a_run_is_labelled_by_what_it_searches_with_and_by_its_command(run: RunFolder) -> None:
    meta = run.provenance()
    overrides = ["experiment=tiny_tuned", "dataset=digits", "llm.max_new_tokens.delta=" + "9" * 80]
    write_json(run.meta, meta | {"overrides": overrides})
    follow(run)
    (about,) = of_type("run", read_back(run))
    assert about["tags"][:5] == ["tiny", "digits", "delta", "tiny_tuned", "experiment=tiny_tuned"]
    assert {len(tag) <= 64 for tag in about["tags"]} == {True}
    assert about["notes"].startswith("python -m nnloop experiment=tiny_tuned dataset=digits")
    assert about["job_type"] == "search"


def test_rows_finer_than_a_cycle_tell_each_candidate_and_each_step_of_the_fine_tune(run: RunFolder) -> None:
    follow(run)
    rows = of_type("history", read_back(run))
    candidates, steps = [row for row in rows if CANDIDATE in row], [row for row in rows if TUNING in row]
    assert [row[CANDIDATE] for row in candidates] == list(range(1, 13))
    entries, best = run.entries(), None
    for number, (row, entry) in enumerate(zip(candidates, entries, strict=True), 1):
        best = max(filter(None, (best, entry.val_accuracy)), default=None)
        assert row.get("candidate/best_so_far") == (None if best is None else pytest.approx(best))
        assert row["candidate/valid_so_far"] == pytest.approx(sum(one.valid for one in entries[:number]) / number)
        assert row["candidate/tokens"] == entry.generation.tokens
    assert [(row[TUNING], row["tuning/cycle"]) for row in steps] == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)]
    assert [row["tuning/loss"] for row in steps[:3]] == [2.0, 1.0, pytest.approx(2 / 3)]
    assert {row["tuning/lr"] for row in steps} == {1e-4}


def summary_of(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary that an offline run ends with; a nested key is a list of more than one."""
    summary: dict[str, Any] = {}
    for content in of_type("summary", records):
        for item in content.get("update", []):
            summary[item.get("key") or "|".join(item["nested_key"])] = json.loads(item["value_json"])
    return summary


def test_the_summary_holds_the_best_with_its_code_and_the_incumbent_with_its_interval(run: RunFolder) -> None:
    best = best_of(run.entries())
    assert best is not None
    name = str(best.candidate)
    parts = Interval(0.7, 0.6, 0.8), Interval(0.65, 0.55, 0.75)
    raced = [RacedNetwork(name, 0.8, [0.7, 0.7])]
    incumbent = Incumbent(name, *parts, test_accuracies=[0.65], networks=raced, trials=3, share=0.15, cycles=2)
    write_json(run.incumbent, incumbent.to_json())
    follow(run)
    summary = summary_of(read_back(run))
    assert summary["best/accuracy"] == pytest.approx(best.val_accuracy)
    assert summary["best/test_accuracy"] == pytest.approx(best.result.test_accuracy if best.result else None)
    assert summary["best/code"] == summary["incumbent/code"] == run.read_code(name)
    assert (summary["best/cycle"], summary["best/slot"]) == (best.cycle + 1, best.slot + 1)
    told = [summary[f"incumbent/validation{end}"] for end in ("", "_low", "_high")]
    assert told == [0.7, 0.6, 0.8]
    assert [summary[f"incumbent/test{end}"] for end in ("", "_low", "_high")] == [0.65, 0.55, 0.75]


@pytest.mark.parametrize("sweep", sorted((ROOT / "sweeps/wandb").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_agent_of_a_sweep_finds_a_number_to_optimise(run: RunFolder, sweep: Path) -> None:
    wanted = yaml.safe_load(sweep.read_text()).get("metric", {}).get("name", BEST_SO_FAR)
    follow(run)
    records = read_back(run)
    summary = summary_of(records)
    assert summary[wanted] == pytest.approx(max(one.val_accuracy or 0 for one in run.entries()))
    assert [key for key in summary if key.split("|")[0] in UNITS and "|" in key] == []  # no record in a number's place
    assert {metric.get("summary") for metric in of_type("metric", records)} == {None}


def test_the_page_and_the_figures_are_media_of_the_run(run: RunFolder) -> None:
    follow(run)
    row = of_type("history", read_back(run))[-1]
    assert (row["report/page._type"], row["report/figures._type"]) == ("html-file", "image-file")
    (page,) = run.path.glob("wandb/offline-run-*/files/media/html/report/page_*.html")
    assert page.read_text() == "<p>report</p>"


def test_media_that_can_not_be_made_cost_nothing_else(run: RunFolder) -> None:
    tracker = tracking.build(SETTINGS)
    tracker.start(run, group="search", settings=run.settings())
    tracker.finish({"admitted": 3}, {"report/page": lambda: run.path / "nowhere.html"})
    records = read_back(run)
    assert [row for row in of_type("history", records) if f"{FULL_TABLE}._type" in row] != []
    assert summary_of(records)["admitted"] == 3


def test_a_search_that_ends_within_a_cycle_leaves_its_table_and_goes_on_without_a_loss(run: RunFolder) -> None:
    run.report(1).unlink()
    run.finetune_steps(1).unlink()
    lines = run.archive.read_text().splitlines(keepends=True)
    for archive in (lines[:8], lines):
        run.archive.write_text("".join(archive))
        tracker = tracking.build(SETTINGS)
        tracker.start(run, group="search", settings=run.settings())
        tracker.finish({}, failed=True)
    rows = of_type("history", read_back(run))
    assert [row[CANDIDATE] for row in rows if CANDIDATE in row] == list(range(1, 13))
    assert len([row for row in rows if f"{FULL_TABLE}._type" in row]) == 2


def test_rows_of_several_runs_can_stand_in_one_table(run: RunFolder, tmp_path: Path) -> None:
    other = make_run(tmp_path / "random-digits-delta-s1", cycles=1, candidates=6, seed=1, llm="random")
    rows = []
    for one in (run, other):
        tracker = tracking.build(SETTINGS)
        tracker.start(one, group="search", settings=one.settings())
        tracker.finish({})
        (path,) = one.path.glob("wandb/offline-run-*/files/media/table/candidates/all_*.table.json")
        rows += [dict(zip(COLUMNS, row, strict=True)) for row in json.loads(path.read_text())["data"]]
    assert len({(row["run_id"], row["cycle"], row["slot"]) for row in rows}) == len(rows) == 18
    assert {(row["run"], row["llm"], row["seed"]) for row in rows} == {
        (run.path.name, "tiny", 0),
        (other.path.name, "random", 1),
    }
    assert min(row["cycle"] for row in rows) == min(row["slot"] for row in rows) == 1


def test_machine_console_and_source_are_recorded_if_the_settings_want_it(run: RunFolder) -> None:
    settings = replace(SETTINGS, system=True, console=True, code=True)
    tracker = tracking.build(settings)
    tracker.start(run, group="search", settings=run.settings())
    print("a line of the search")
    time.sleep(0.5)
    tracker.finish({})
    records = read_back(run)
    assert of_type("stats", records) != []
    assert any("a line of the search" in str(content) for content in of_type("output_raw", records))
    (source,) = [one for one in of_type("artifact", records) if one["type"] == "code"]
    assert "loop/search.py" in {file["path"] for file in source["manifest"]["contents"]}


def test_by_default_the_machine_is_recorded_where_a_gpu_is_used(run: RunFolder) -> None:
    for gpus, recorded in ((0, False), (1, True)):
        tracker = tracking.build(SETTINGS, gpus=gpus)
        tracker.start(run, group="search", settings=run.settings())
        time.sleep(0.5)
        tracker.finish({})
        kinds = {record["type"] for record in read_back(run)}
        assert ("stats" in kinds) is recorded
        assert "output_raw" not in kinds


def test_a_run_of_several_parts_names_all_of_them_to_be_uploaded(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            tracker = tracking.build(SETTINGS)
            tracker.start(run, group="search", settings=run.settings())
            tracker.finish({})
    advice = [record.message for record in caplog.records if "wandb sync" in record.message]
    told = [shlex.split(line.partition("wandb sync ")[2]) for line in advice]
    parts = [str(part) for part in sorted((run.path / "wandb").glob("offline-run-*"))]
    assert told == [parts[:1], parts[:2], parts]


def test_a_run_with_an_old_long_name_keeps_to_the_lengths_of_wandb(tmp_path: Path) -> None:
    name = "qwen-cifar10-" + ",".join(f"finetune.option_{number}=ü{number}" for number in range(8))
    run = make_run(tmp_path / name, cycles=1, candidates=2)
    write_json(run.meta, run.provenance() | {"overrides": [f"key={'x' * 300}", f"key={'x' * 299}y", "a", "a"]})
    follow(run)
    records = read_back(run)
    (about,) = of_type("run", records)
    assert len(about["display_name"]) <= 128
    assert {1 <= len(tag) <= 64 for tag in about["tags"]} == {True}
    assert len(set(about["tags"])) == len(about["tags"]) == 6
    names = [one["name"] for one in of_type("artifact", records)]
    assert {len(one) <= 128 for one in names} == {True}
    assert {f"-{kind}" for kind in ("adapter", "archive", "report")} <= {one[one.rindex("-") :] for one in names}


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
    assert steps == [(cycle + 1, closed_at(cycle)) for cycle in range(3)]
    assert [record["run_id"] for record in of_type("run", records)] == ["fake00000000"] * 3


@pytest.mark.parametrize("arrived", [True, False])
def test_a_cycle_whose_logging_a_kill_cut_off_is_logged_once(run: RunFolder, arrived: bool) -> None:
    if not arrived:
        run.report(1).rename(run.path / "kept")
    follow(run)
    if not arrived:
        (run.path / "kept").rename(run.report(1))
    write_json(run.path / "wandb" / "logged.json", {"step": closed_at(0)})
    follow(run)
    rows = of_type("history", read_back(run))
    assert [(row["cycle"], row["_step"]) for row in rows if "cycle" in row] == [(1, closed_at(0)), (2, closed_at(1))]
    assert [row[CANDIDATE] for row in rows if CANDIDATE in row] == list(range(1, 13))
    assert [row[TUNING] for row in rows if TUNING in row] == list(range(1, 7))


def test_a_cycle_whose_logging_a_kill_cut_off_is_on_the_server_once(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(monkeypatch) as fake:
        follow(run)
        write_json(run.path / "wandb" / "logged.json", {"step": closed_at(0)})
        follow(run)
    (stored,) = fake.runs.values()
    assert [row["cycle"] for row in stored["history"] if "cycle" in row] == [1, 2]
    assert [row[CANDIDATE] for row in stored["history"] if CANDIDATE in row] == list(range(1, 13))


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
    assert [row["cycle"] for row in stored["history"] if "cycle" in row] == [1, 2]
    assert stored["group"] == "search"
    assert stored["exit"] == 0
    assert set(fake.used) == {f"{run.path.name}-{name}" for name in ("adapter", "networks", "archive")}
    assert {artifact["type"] for artifact in fake.artifacts.values() if artifact["committed"]} == {
        "adapter",
        "networks",
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
    assert [row["cycle"] for row in cycles(read_back(run))] == [1, 2]


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


def test_the_tracker_of_the_docs_follows_a_search(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/wandb.md").read_text(), re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    tracker: tracking.Tracker = names["Printer"]()
    tracker.start(run, group="search", settings={})
    for entry in run.entries():
        tracker.candidate(entry)
    tracker.finish({}, {})
    told = capsys.readouterr().out.splitlines()
    assert len(told) == sum(entry.admitted for entry in run.entries()) > 0
    assert told[0].startswith("cycle 1, slot ")


def test_every_key_group_that_is_logged_stands_in_the_docs() -> None:
    text = (ROOT / "docs/wandb.md").read_text()
    groups = {key.partition("/")[0] for key in (*UNITS, *FINER, *(key for keys in FINER.values() for key in keys))}
    assert {group for group in groups if f"`{group}/" not in text} == set()
