"""LEMUR as a corpus: read from a wheel, a folder or a database, freed of results that are none, cached."""

import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from edits import BASE, seed_sources

from nnloop.build import make_corpus
from nnloop.corpus import lemur
from nnloop.corpus.curation import RatedSource
from nnloop.corpus.lemur import TrialKind, read
from nnloop.errors import CorpusError
from nnloop.records import candidate_id

KIND = TrialKind("img-classification", "svhn", "acc", 1)
SEEDS = seed_sources()
TRIALS = {  # of each network, on svhn after epoch 1
    "ga-1": [0.1959, 0.61, 0.58],
    "ga-2": [0.1959, 0.19],
    "rag-1": [0.4],
}
SOURCES = {"ga-1": BASE, "ga-2": SEEDS[1], "rag-1": SEEDS[0]}


def files() -> dict[str, str]:
    """The files of a package, with trials of another epoch and dataset beside those that are looked for."""
    texts = {f"ab/nn/nn/{name}.py": code for name, code in SOURCES.items()}
    for name, accuracies in TRIALS.items():
        for config, epoch in (("svhn", 1), ("svhn", 2), ("cifar-10", 1)):
            trials = [{"accuracy": each + (config == "cifar-10") / 10, "batch": 4, "lr": 0.1} for each in accuracies]
            texts[f"ab/nn/stat/train/img-classification_{config}_acc_{name}/{epoch}.json"] = json.dumps(trials)
    return texts


def test_a_networks_own_recipe_is_that_of_its_best_trial_whose_transform_is_here() -> None:
    def trial(accuracy: float, transform: str, **more: float) -> dict[str, object]:
        return {"accuracy": accuracy, "transform": transform, "batch": 16, "duration": 9, "uid": "x", **more}

    trials = [trial(0.5, "norm_64", lr=0.1), trial(0.9, "bf-v1-x_64", lr=0.2), trial(0.6, "echo_flip", lr=0.3, epoch=1)]
    assert lemur._own_recipe(trials) == ({"batch": 16.0, "lr": 0.3}, "echo_flip")
    assert lemur._own_recipe(trials[1:2]) == ({}, "")


@pytest.fixture(params=["wheel", "folder", "database"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "wheel":
        path = tmp_path / "nn_dataset-2.1.2-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, text in files().items():
                wheel.writestr(name, text)
    elif request.param == "folder":
        path = tmp_path / "unpacked"
        for name, text in files().items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
    else:
        path = tmp_path / "ab.nn.db"
        write_database(path)
    return path


def write_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE nn (name TEXT PRIMARY KEY, code TEXT NOT NULL, id TEXT NOT NULL)")
        database.execute(
            "CREATE TABLE stat (id TEXT PRIMARY KEY, accuracy REAL, epoch INTEGER, duration INTEGER, task TEXT, "
            "dataset TEXT, metric TEXT, nn TEXT, transform TEXT, prm TEXT)"
        )
        database.executemany("INSERT INTO nn VALUES (?, ?, ?)", [(name, code, name) for name, code in SOURCES.items()])
        for name, accuracies in TRIALS.items():
            for number, accuracy in enumerate(accuracies):
                row = (f"{name}{number}", accuracy, 1, 5, "img-classification", "svhn", "acc", name, "norm", "p")
                database.execute("INSERT INTO stat VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.close()


def test_networks_are_read_with_their_best_result_and_guessing_is_none(source: Path) -> None:
    assert read(source, KIND) == [RatedSource("ga-1", BASE, 0.61), RatedSource("rag-1", SEEDS[0], 0.4)]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "lemur.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files().items():
            archive.writestr(name, text)
    return path


def test_a_corpus_is_read_once_and_then_from_the_cache(
    configure: Callable[..., object], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configure("corpus=lemur", f"corpus.path={wheel}", "dataset=cifar10", "corpus.min_accuracy=0")
    first = make_corpus(settings)  # type: ignore[arg-type]
    assert [(network.name, network.id) for network in first] == [
        (name, candidate_id(code)) for name, code in sorted(SOURCES.items())
    ]
    assert all(network.val_accuracy is None for network in first)
    monkeypatch.setattr(lemur, "read", lambda *_: pytest.fail("it is in the cache"))
    assert make_corpus(settings) == first  # type: ignore[arg-type]


def test_a_dataset_of_ours_has_the_name_that_lemur_gives_it(configure: Callable[..., object], wheel: Path) -> None:
    settings = configure("corpus=lemur", f"corpus.path={wheel}", "dataset=digits")
    with pytest.raises(CorpusError, match=r"no results of .*mnist"):
        make_corpus(settings)  # type: ignore[arg-type]


def test_a_wheel_that_unfolds_without_end_is_refused(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lemur, "LARGEST_FILE", 1 << 20)
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ab/nn/stat/train/img-classification_svhn_acc_bomb/1.json", bytes(2 << 20))
    with pytest.raises(CorpusError, match=r"bomb/1\.json is larger than 1 MiB"):
        read(wheel, KIND)


def test_a_database_whose_tables_are_views_is_refused(tmp_path: Path) -> None:
    """A view may compute for ever."""
    path = tmp_path / "ab.nn.db"
    write_database(path)
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE stat RENAME TO other")
        database.execute(
            "CREATE VIEW stat AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT * FROM other, n"
        )
    database.close()
    with pytest.raises(CorpusError, match="no tables nn and stat"):
        read(path, KIND)


def test_a_pipe_and_a_link_out_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match="is no plain file"):
        read(tmp_path / "pipe", KIND)
    folder = tmp_path / "unpacked"
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "secret").write_text("x = 1")
    (folder / "ab/nn/nn/ga-1.py").unlink()
    (folder / "ab/nn/nn/ga-1.py").symlink_to(tmp_path / "secret")
    with pytest.raises(CorpusError, match="leads out of its folder"):
        read(folder, KIND)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"SQLite format 3\0 not one"])
def test_what_is_no_lemur_is_refused_by_name(
    configure: Callable[..., object], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "lemur"
    if content is not None:
        path.write_bytes(content)
    settings = configure("corpus=lemur", f"corpus.path={path}", "dataset=cifar10")
    with pytest.raises(CorpusError, match=f"corpus.path={path}"):
        make_corpus(settings)  # type: ignore[arg-type]


def test_without_a_path_an_installed_lemur_is_needed(configure: Callable[..., object]) -> None:
    with pytest.raises(CorpusError, match="nn-dataset"):
        make_corpus(configure("corpus=lemur", "dataset=cifar10"))  # type: ignore[arg-type]
