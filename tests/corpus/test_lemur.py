"""LEMUR as a corpus: read from a wheel, a folder or a database, freed of what is no result, curated, cached."""

import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from edits import BASE, seed_sources

from nnloop.build import make_corpus
from nnloop.corpus import lemur
from nnloop.corpus.curation import Limits, Source, curate
from nnloop.corpus.lemur import Choice, read
from nnloop.errors import CorpusError
from nnloop.records import candidate_id

CHOICE = Choice("img-classification", "svhn", "acc", 1)
LIMITS = Limits(networks=10, family_share=1.0, min_accuracy=0.0, max_chars=100_000)
OTHERS = seed_sources()
TRIALS = {  # of each network, on svhn after epoch 1
    "ga-1": [0.1959, 0.61, 0.58],
    "ga-2": [0.1959, 0.19],
    "rag-1": [0.4],
}
SOURCES = {"ga-1": BASE, "ga-2": OTHERS[1], "rag-1": OTHERS[0]}


def files() -> dict[str, str]:
    """The files of a package, with trials of another epoch and dataset beside those that are looked for."""
    found = {f"ab/nn/nn/{name}.py": code for name, code in SOURCES.items()}
    for name, accuracies in TRIALS.items():
        for config, epoch in (("svhn", 1), ("svhn", 2), ("cifar-10", 1)):
            trials = [{"accuracy": each + (config == "cifar-10") / 10, "batch": 4, "lr": 0.1} for each in accuracies]
            found[f"ab/nn/stat/train/img-classification_{config}_acc_{name}/{epoch}.json"] = json.dumps(trials)
    return found


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
    assert read(source, CHOICE) == [Source("ga-1", BASE, 0.61), Source("rag-1", OTHERS[0], 0.4)]


def test_of_a_network_that_is_one_but_for_numbers_the_most_accurate_stays() -> None:
    wider = BASE.replace("16", "24")
    assert curate([Source("a-1", BASE, 0.5), Source("a-2", wider, 0.6), Source("a-3", BASE, 0.4)], LIMITS) == [
        Source("a-2", wider, 0.6)
    ]


def test_near_duplicates_of_a_family_are_left_out() -> None:
    long = BASE + "".join(f"\n\ndef helper{at}(x):\n    return x + x.mean({at}) * x{at}\n" for at in range(10))
    near = long.replace("self.head(x)", "self.head(x.relu())")
    assert len(curate([Source("a-1", long, 0.5), Source("a-2", near, 0.5)], LIMITS)) == 1
    assert len(curate([Source("a-1", long, 0.5), Source("b-2", near, 0.5)], LIMITS)) == 2


def test_no_family_has_more_than_its_share() -> None:
    sources = [Source(f"{'abc'[at % 3] if at < 6 else 'a'}-{at}", code, 0.5) for at, code in enumerate(OTHERS)]
    chosen = curate(sources, Limits(10, 0.3, 0.0, 100_000))
    assert [source.family for source in chosen] == ["a", "a", "a", "b", "b", "c", "c"]


def test_accuracy_and_length_are_bounds() -> None:
    sources = [Source("a-1", BASE, 0.5), Source("b-1", OTHERS[0], 0.3), Source("c-1", "x" * 10 + BASE * 99, 0.9)]
    assert curate(sources, Limits(10, 1.0, 0.4, 10_000)) == sources[:1]


def test_what_is_no_python_is_left_out() -> None:
    assert curate([Source("a-1", "class Net(", 0.5), Source("a-2", "\0", 0.5)], LIMITS) == []


def test_the_choice_depends_on_the_networks_alone() -> None:
    sources = [Source(f"a-{at}", code, at / 100) for at, code in enumerate(OTHERS)]
    few = Limits(5, 1.0, 0.0, 100_000)
    assert curate(sources, few) == curate(sources[::-1], few)


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
