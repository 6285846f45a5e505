"""LEMUR's networks as data: read from the files of its package or from its database, never by importing it.

What is read: the sources, and the best accuracy that LEMUR's statistics give each for one task, dataset, metric and
epoch. The accuracies are of many protocols and choose networks here; in a run every network is judged by the run's own.

| a trap of the statistics | what is done |
|---|---|
| SVHN and CelebA: half of the trials are the share of the commonest class | they are no results |
| trials at or below 1.2 / classes, crashes and timeouts were never stored | nothing: there are no bad examples |
| repeated trials differ by 3 points (median), 15 at most | no order within that is relied on |
"""

import hashlib
import itertools
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from nnloop.corpus import curation
from nnloop.corpus.curation import Limits, Source, curate
from nnloop.errors import CorpusError
from nnloop.records import Network, candidate_id
from nnloop.settings import LemurCorpusSettings

COMMONEST = {"svhn": 5099 / 26032, "celeba-gender": 0.6135}
"""Share of the commonest class in the test set: the accuracy of a network that always says it."""
NAMES = {"cifar10": "cifar-10", "cifar100": "cifar-100", "celeba": "celeba-gender", "digits": "mnist"}
"""LEMUR's name for a dataset of ours, where that differs; it has no digits, and MNIST is nearest."""
_NEAR = 5e-4
_STATISTICS = "ab/nn/stat/train"


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of trial, under LEMUR's names."""

    task: str
    dataset: str
    metric: str
    epoch: int


def read(path: Path, choice: Choice) -> list[Source]:
    """Read the networks that have results of this kind, sorted by name. Raises CorpusError.

    `path`: a wheel of nn-dataset up to 2.1.2, a folder in which it was unpacked or installed, or a database (ab.nn.db).
    """
    try:
        if path.is_dir():
            return _from_files(_walk(path), lambda name: (path / name).read_bytes(), choice)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                return _from_files(wheel.namelist(), wheel.read, choice)
        return _from_database(path, choice)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, sqlite3.Error) as error:
        raise CorpusError(f"corpus.path={path}: can't be read as LEMUR: {error}") from None


def load(settings: LemurCorpusSettings, dataset: str, shelf: Path) -> list[Network]:
    """Give the curated networks, without accuracies; `shelf` keeps choices, since reading takes half a minute.

    `dataset` is the run's, where the settings name none of LEMUR's. Raises CorpusError.
    """
    path = Path(settings.path).expanduser() if settings.path else installed()
    choice = Choice(settings.task, settings.dataset or NAMES.get(dataset, dataset), settings.metric, settings.epoch)
    limits = Limits(settings.networks, settings.family_share, settings.min_accuracy, settings.max_chars)
    kept = shelf / f"lemur-{_key(path, choice, limits)}.jsonl"
    if not kept.exists():
        chosen = curate(read(path, choice), limits)
        if not chosen:
            raise CorpusError(f"corpus.path={path}: no results of {choice} at or above {limits.min_accuracy:g}")
        _keep(kept, [Network(candidate_id(each.code), each.code, each.name) for each in chosen])
    return [Network.from_json(json.loads(line)) for line in kept.read_text("utf-8").splitlines()]


def _key(path: Path, choice: Choice, limits: Limits) -> str:
    try:
        stat = path.stat()
    except OSError as error:
        raise CorpusError(f"corpus.path={path}: {error.strerror}") from None
    what = [str(path.absolute()), stat.st_size, stat.st_mtime_ns, asdict(choice), asdict(limits)]
    digest = hashlib.sha256(json.dumps(what).encode())
    for module in (__file__, curation.__file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()[:16]


def _keep(path: Path, networks: list[Network]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text("".join(f"{network.line()}\n" for network in networks), "utf-8")
    os.replace(beside, path)


def installed() -> Path:
    """Find the folder of an installed nn-dataset that carries its networks. Raises CorpusError."""
    try:
        folder = Path(str(metadata.distribution("nn-dataset").locate_file("")))
    except metadata.PackageNotFoundError:
        folder = Path()
    if folder != Path() and (folder / _STATISTICS).is_dir():
        return folder
    raise CorpusError(
        "corpus.path: no nn-dataset with networks is installed; give a wheel (python -m pip download --no-deps "
        "nn-dataset==2.1.2), a folder it was unpacked in, or LEMUR's database ab.nn.db"
    )


def _walk(folder: Path) -> list[str]:
    trials = (folder / _STATISTICS).glob("*/*.json")
    return [str(path.relative_to(folder)) for path in trials]


def _from_files(names: Iterable[str], load: Callable[[str], bytes], choice: Choice) -> list[Source]:
    prefix = f"{_STATISTICS}/{choice.task}_{choice.dataset}_{choice.metric}_"
    ending = f"/{choice.epoch}.json"
    found = []
    for name in sorted(name for name in names if name.startswith(prefix) and name.endswith(ending)):
        accuracies = [float(trial["accuracy"]) for trial in json.loads(load(name))]
        network = name[len(prefix) : -len(ending)]
        best = _best(accuracies, choice.dataset)
        if best is not None:
            found.append((network, best))
    return [Source(name, load(f"ab/nn/nn/{name}.py").decode(), best) for name, best in found]


def _from_database(path: Path, choice: Choice) -> list[Source]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT nn.name, nn.code, stat.accuracy FROM stat JOIN nn ON nn.name = stat.nn "
            "WHERE stat.task = ? AND stat.dataset = ? AND stat.metric = ? AND stat.epoch = ? ORDER BY nn.name",
            (choice.task, choice.dataset, choice.metric, choice.epoch),
        ).fetchall()
    finally:
        connection.close()
    found = []
    for (name, code), trials in itertools.groupby(rows, key=lambda row: row[:2]):
        best = _best((trial[2] for trial in trials), choice.dataset)
        found += [] if best is None else [Source(name, code, best)]
    return found


def _best(accuracies: Iterable[float], dataset: str) -> float | None:
    """The largest accuracy, where that beats always saying the commonest class; else None."""
    best = max(accuracies, default=None)
    return best if best is not None and best > COMMONEST.get(dataset, -1.0) + _NEAR else None
