"""A run's folder: its lock, and which settings may change."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run

from nnloop import data
from nnloop.errors import RunFolderError
from nnloop.records import FinetuneStep
from nnloop.runs.folder import RunFolder, remove_unused


def test_a_folder_in_use_is_refused_with_its_holder(tmp_path: Path, configure) -> None:
    run = RunFolder(tmp_path / "run")
    run.open(configure("llm=random", "dataset=digits"))
    with run.lock(), pytest.raises(RunFolderError, match=r"in use by process \d+ on "), RunFolder(run.path).lock():
        pass
    with run.lock():
        pass


def test_settings_of_place_may_change_between_starts(tmp_path: Path, configure) -> None:
    RunFolder(tmp_path).open(configure("llm=random", "dataset=digits"))
    RunFolder(tmp_path).open(configure("llm=random", "dataset=digits", "executor.workers=1", "tracker=none"))


@pytest.mark.parametrize(
    "changed",
    [
        "executor.wall_s=0.5",
        "executor.memory_gb=1",
        "sandbox.scratch_mb=8",
        "sandbox.without=[cgroup]",
        "sandbox=inline",
    ],
)
def test_a_setting_that_can_change_a_status_is_refused_in_a_folder_written_without_it(
    changed: str, tmp_path: Path, configure
) -> None:
    RunFolder(tmp_path).open(configure("llm=random", "dataset=digits"))
    key = "sandbox.name" if changed.startswith("sandbox=") else changed.partition("=")[0]
    with pytest.raises(RunFolderError, match=rf"holds a run with other settings: {key} \(there .*resume=fork"):
        RunFolder(tmp_path).open(configure("llm=random", "dataset=digits", changed))


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        RunFolder(tmp_path).settings()


def test_a_run_keeps_the_fingerprint_and_the_classes_of_its_data(configure, tmp_path: Path) -> None:
    facts = data.load(configure("dataset=digits").dataset).facts()
    RunFolder(tmp_path).save_dataset(facts)
    read = RunFolder(tmp_path).dataset_facts()
    assert read == facts
    assert [sum(read["classes"][part]) for part in ("train", "val", "test")] == [1200, 297, 300]


def test_a_run_does_not_go_on_with_other_data(configure, tmp_path: Path) -> None:
    dataset = data.load(configure("dataset=digits").dataset)
    RunFolder(tmp_path).save_dataset(dataset.facts())
    RunFolder(tmp_path).save_dataset(dataset.facts())
    with pytest.raises(RunFolderError, match=r"begun with other images or another split of digits"):
        RunFolder(tmp_path).save_dataset(replace(dataset, fingerprint="other").facts())


def test_a_folder_of_an_older_version_is_refused_in_one_line(configure, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    settings = configure("dataset=digits")
    run.open(settings)
    about = json.loads(run.meta.read_text())
    run.meta.write_text(json.dumps({key: value for key, value in about.items() if key != "format"}))
    with pytest.raises(RunFolderError, match=r"written by an older version of nnloop, which alone can read it$"):
        run.open(settings)


def test_a_line_of_another_form_is_refused_with_file_and_field(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1)
    run.archive.write_text('{"generation": {"cycle": "0"}}\n')
    with pytest.raises(RunFolderError, match=r'archive.jsonl: not as .* \(Generation.cycle: "0" is no int\)$'):
        run.entries()


@pytest.mark.parametrize("text", ["3", "[1]", "", '{"format": 2}', '{"format": 2, "settings": 3}'])
def test_a_run_json_of_another_shape_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.meta.write_text(text)
    with pytest.raises(RunFolderError, match="damaged"):
        folder.settings()


def test_a_cut_off_report_is_refused_with_its_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1)
    run.report(0).write_text('{"cycle')
    with pytest.raises(RunFolderError, match=r"report\.json: not as this version"):
        run.reports()


def test_a_digest_of_another_form_is_refused_with_its_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1)
    run.create(run.provenance() | {"digest": 3})
    with pytest.raises(RunFolderError, match=r"run\.json: not as this version"):
        run.provenance()


# Folders of which nothing has come


def test_a_folder_of_which_nothing_has_come_is_removed_with_the_empty_ones_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("outputs/search/run")
    for file in (".hydra/config.yaml", "nnloop.log", "run.json"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("x")
    (folder / "code").mkdir()
    (folder / "archive.jsonl").touch()
    remove_unused(folder.absolute())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["corpus.jsonl", "completions/0000.jsonl", "mine.txt", "wandb/x"])
def test_a_folder_with_a_result_stays_whole(tmp_path: Path, file: str) -> None:
    (tmp_path / "run" / file).parent.mkdir(parents=True)
    (tmp_path / "run" / file).write_text("x")
    (tmp_path / "run" / "nnloop.log").write_text("x")
    remove_unused(tmp_path / "run")
    assert (tmp_path / "run" / file).exists()
    assert (tmp_path / "run" / "nnloop.log").exists()


def test_the_working_directory_is_never_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nnloop.log").write_text("x")
    remove_unused(tmp_path)
    remove_unused(tmp_path / "nowhere")
    assert (tmp_path / "nnloop.log").exists()


def test_a_run_goes_on_in_the_dtype_that_it_was_begun_in(tmp_path: Path, configure) -> None:
    def start(dtype: str, *overrides: str) -> None:
        folder = RunFolder(tmp_path)
        folder.open(configure("llm=tiny", "dataset=digits", *overrides))
        folder.record_dtype(dtype)

    start("bfloat16")
    start("bfloat16")
    with pytest.raises(
        RunFolderError, match=r"begun with the LLM's weights in bfloat16, .* add llm\.dtype=bfloat16 hyd"
    ):
        start("float32")
    start("bfloat16", "llm.dtype=bfloat16")
    with pytest.raises(RunFolderError, match=r"other settings: llm\.dtype"):
        start("float32", "llm.dtype=float32")
    assert RunFolder(tmp_path).provenance()["dtype"] == "bfloat16"


def test_a_step_of_the_fine_tune_that_was_done_again_counts_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1, candidates=2)
    assert run.read_finetune_steps(0) == []
    steps = [FinetuneStep(number, 3, loss=loss, lr=1e-4) for number, loss in ((1, 3.0), (2, 2.0), (2, 1.5), (3, 1.0))]
    run.finetune_steps(0).write_text("".join(f"{step.line()}\n" for step in steps) + '{"step": 4')
    assert [(step.step, step.loss) for step in run.read_finetune_steps(0)] == [(1, 3.0), (2, 1.5), (3, 1.0)]
