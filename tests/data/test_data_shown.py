"""What a run keeps about its data, and what the reports and job=prepare say of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_run import make_run, settings

from nnloop import data
from nnloop.data.dataset import Dataset
from nnloop.data.measure import mean_and_std
from nnloop.errors import RunFolderError
from nnloop.loop.corpus_trials import shelf_path
from nnloop.report import write_overview, write_run_page
from nnloop.report.measures.protocols import by_protocol
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunDir
from nnloop.settings import Settings

Configure = Callable[..., Settings]
FACES = {"val": [116, 84], "test": [123, 77], "train": [9, 6]}
DIGITS = settings()["dataset"]


def test_a_run_keeps_the_fingerprint_and_the_classes_of_its_data(configure: Configure, tmp_path: Path) -> None:
    facts = data.load(configure("dataset=digits").dataset).facts()
    RunDir(tmp_path).save_dataset(facts)
    kept = RunDir(tmp_path).dataset_facts()
    assert kept == facts
    assert [sum(kept["classes"][part]) for part in ("train", "val", "test")] == [1200, 297, 300]


def test_a_run_does_not_go_on_with_other_data(configure: Configure, tmp_path: Path) -> None:
    dataset = data.load(configure("dataset=digits").dataset)
    RunDir(tmp_path).save_dataset(dataset.facts())
    RunDir(tmp_path).save_dataset(dataset.facts())
    with pytest.raises(RunFolderError, match=r"begun with other images or another split of digits"):
        RunDir(tmp_path).save_dataset(replace(dataset, fingerprint="other").facts())


def test_the_corpus_is_judged_anew_where_its_images_are_fed_otherwise(configure: Configure, tmp_path: Path) -> None:
    others = ("seed=1", "dataset.flip=true", "dataset.crop_pad=0", "dataset.mean=[0.5]")
    chosen = [configure("dataset=digits", other) for other in others]
    assert len({shelf_path(tmp_path, "same images", one.dataset, one.proxy) for one in chosen}) == 4


def test_the_balance_of_the_classes_is_shown_beside_accuracies(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_json(run.dataset, {"name": "celeba", "fingerprint": "f", "classes": FACES})
    write_run_page(read(run.path))
    write_overview([run.path, make_run(tmp_path / "other", seed=1).path], tmp_path / "report.html")
    said = "always answering the commonest class gives 58.0 % (test 61.5 %)"
    assert said in run.page.read_text()
    assert said in (tmp_path / "report.html").read_text()
    assert said in summary(run.reports(), run.path)


def test_balanced_classes_are_not_spoken_of(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_json(run.dataset, {"name": "digits", "fingerprint": "f", "classes": {"val": [30] * 10, "test": [29] * 10}})
    assert read(run.path).balance is None


def test_a_run_on_a_part_of_the_data_says_so_and_stands_apart(tmp_path: Path) -> None:
    whole = read(make_run(tmp_path / "whole").path)
    part = read(make_run(tmp_path / "part", dataset={**DIGITS, "train_limit": 1000, "test_limit": 50}).path)
    assert part.protocol.startswith("Digits (only 1,000 train images and 50 test images), proxy fast")
    assert len(by_protocol([whole, part])) == 2


def test_settings_that_older_runs_did_not_have_do_not_part_them(tmp_path: Path) -> None:
    older = read(make_run(tmp_path / "older").path)
    newer = read(make_run(tmp_path / "newer", dataset={**DIGITS, "train_limit": None, "mirror": None}).path)
    assert list(by_protocol([older, newer])) == [older.protocol]


def test_mean_and_std_are_those_of_all_pixels_that_are_not_for_testing() -> None:
    rng = np.random.default_rng(0)
    train, evaluated = rng.integers(0, 256, (1100, 2, 3, 3), np.uint8), rng.integers(0, 256, (90, 2, 3, 3), np.uint8)
    none = np.zeros(0, np.int64)
    mean, std = mean_and_std(Dataset("x", train, none, evaluated, np.zeros(40, np.int64), none, ""))
    seen = np.concatenate([train, evaluated[:40]]) / 255
    np.testing.assert_allclose(mean, seen.mean((0, 2, 3)))
    np.testing.assert_allclose(std, seen.std((0, 2, 3)))
