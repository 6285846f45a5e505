"""LEMUR's networks as data: read from the files of its package or from its database, never by importing it.

The sources are read, and each one's best accuracy in LEMUR's statistics for one task, dataset, metric and epoch. These
accuracies come from many protocols, so they only choose networks; in a run every network is trained by its protocol.

| a trap of the statistics | remedy |
|---|---|
| SVHN and CelebA: half of the accuracies are the share of the commonest class | they are ignored |
| trials at or below 1.2 / classes, crashes and timeouts were never stored | nothing: there are no bad examples |
| many trials have a random transform of LEMUR's | proxy.own_recipe goes by the best trial without |
| repeated trials differ by 3 points (median), 15 at most | smaller differences are not relied on |
"""

import hashlib
import itertools
import json
import math
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from nnloop.corpus import curation
from nnloop.corpus.adopted import read_networks
from nnloop.corpus.curation import RatedSource, curate
from nnloop.errors import CorpusError
from nnloop.records import Network, candidate_id
from nnloop.runs import foreign
from nnloop.runs.durable import write_text
from nnloop.settings import LemurCorpusSettings
from nnloop.settings.transforms import is_transform

COMMONEST = {"svhn": 5099 / 26032, "celeba-gender": 0.6135}
"""Share of the commonest class in the test set: the accuracy of always answering that class."""
NAMES = {"cifar10": "cifar-10", "cifar100": "cifar-100", "celeba": "celeba-gender", "digits": "mnist"}
"""LEMUR's name for a dataset of ours, if that differs; it has no digits, and MNIST is nearest."""
_NEAR = 5e-4
_STATISTICS = "ab/nn/stat/train"
LARGEST_FILE = 64 << 20  # bytes


@dataclass(frozen=True, slots=True)
class TrialKind:
    """A kind of trial, under LEMUR's names."""

    task: str
    dataset: str
    metric: str
    epoch: int


def read(path: Path, kind: TrialKind) -> list[RatedSource]:
    """Read the networks that have results of this kind, sorted by name. Raises CorpusError.

    `path`: a wheel of nn-dataset up to 2.1.2, a folder in which it was unpacked or installed, or a database (ab.nn.db).
    """
    try:
        if path.is_dir():
            return _from_files(_walk(path), lambda name: foreign.read_bytes(path / name, path, LARGEST_FILE), kind)
        foreign.open_plain(path, path.resolve().parent).close()  # a pipe would make the readers below wait
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                return _from_files(wheel.namelist(), partial(_unzip, wheel), kind)
        return _from_database(path, kind)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, zipfile.BadZipFile, sqlite3.Error) as error:
        raise CorpusError(f"corpus.path={path}: can't be read as LEMUR: {error}") from None


def load(settings: LemurCorpusSettings, dataset: str, cache: Path) -> list[Network]:
    """Return the curated networks and their variants, without accuracies; the folder `cache` saves the reading.

    `dataset` is the run's, for settings that name none of LEMUR's. Raises CorpusError.
    """
    path = source(settings)
    lemurs = settings.dataset or NAMES.get(dataset, dataset)
    kind = TrialKind(settings.task, lemurs, settings.metric, epoch=settings.epoch)
    file = cache / f"lemur-{_key(path, kind, settings)}.jsonl"
    if not file.exists():
        sources = read(path, kind)
        networks = _networks(sources, curate(sources, settings), settings)
        if not networks:
            raise CorpusError(f"corpus.path={path}: no results of {kind} at or above {settings.min_accuracy or 0:g}")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, "".join(f"{network.line()}\n" for network in networks))
    return read_networks(file)


def _networks(
    sources: Sequence[RatedSource], chosen: Sequence[RatedSource], settings: LemurCorpusSettings
) -> list[Network]:
    networks = {each.name: _network(each, candidate_id(each.code)) for each in chosen}
    known = {network.id for network in networks.values()}
    for each, of in curation.variants(sources, chosen, settings):
        id = _id(each.code)
        if id is not None and id not in known:
            known.add(id)
            networks[each.name] = replace(_network(each, id), variant_of=networks[of.name].id)
    return list(networks.values())


def _network(source: RatedSource, id: str) -> Network:
    return Network(id, source.code, source.name, hp=source.hp, transform=source.transform)


def _id(code: str) -> str | None:
    try:
        return candidate_id(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _key(path: Path, kind: TrialKind, settings: LemurCorpusSettings) -> str:
    try:
        stat = path.stat()
    except OSError as error:
        raise CorpusError(f"corpus.path={path}: {error.strerror}") from None
    what = [str(path.absolute()), stat.st_size, stat.st_mtime_ns, asdict(kind), asdict(settings)]
    digest = hashlib.sha256(json.dumps(what).encode())
    for module in (__file__, curation.__file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()[:16]


def source(settings: LemurCorpusSettings) -> Path:
    """Return the path that the settings name, else that of an installed nn-dataset. Raises CorpusError without one."""
    return Path(settings.path).expanduser() if settings.path else installed()


def installed() -> Path:
    """Find the folder of an installed nn-dataset that has its networks. Raises CorpusError."""
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


def _unzip(wheel: zipfile.ZipFile, name: str) -> bytes:
    """Read a file of a wheel. Raises ValueError where it is too large: a small wheel may unfold to any size."""
    with wheel.open(name) as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{name} is larger than {LARGEST_FILE >> 20} MiB")
    return data


def _walk(folder: Path) -> list[str]:
    trials = (folder / _STATISTICS).glob("*/*.json")
    return [str(path.relative_to(folder)) for path in trials]


def _from_files(names: Iterable[str], load: Callable[[str], bytes], kind: TrialKind) -> list[RatedSource]:
    prefix = f"{_STATISTICS}/{kind.task}_{kind.dataset}_{kind.metric}_"
    ending = f"/{kind.epoch}.json"
    rated = []
    for name in sorted(name for name in names if name.startswith(prefix) and name.endswith(ending)):
        trials = json.loads(load(name))
        best = _best((float(trial["accuracy"]) for trial in trials), kind.dataset)
        if best is not None:
            network = name[len(prefix) : -len(ending)]
            code = load(f"ab/nn/nn/{network}.py").decode()
            rated.append(RatedSource(network, code, best, *_own_recipe(trials)))
    return rated


def _own_recipe(trials: Sequence[Mapping[str, Any]]) -> tuple[dict[str, float], str]:
    """Return the hyperparameters and the transform of the best trial that can be made again here.

    Most of LEMUR's transforms are random recipes that no training here has. Without such a trial both are empty.
    """
    for trial in sorted(trials, key=lambda trial: -float(trial["accuracy"])):
        name, batch = str(trial.get("transform", "")), trial.get("batch")
        if is_transform(name) and isinstance(batch, int) and batch >= 2:
            own = {key: float(value) for key, value in trial.items() if _is_hyperparameter(key, value)}
            return own, name
    return {}, ""


def _is_hyperparameter(key: str, value: object) -> bool:
    measured = key in {"accuracy", "duration", "epoch", "epoch_max"}
    return not measured and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _from_database(path: Path, kind: TrialKind) -> list[RatedSource]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_FILE)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if not {("nn",), ("stat",)} <= {*tables}:  # a view may compute for ever
            raise ValueError("it has no tables nn and stat")
        rows = connection.execute(
            "SELECT nn.name, nn.code, stat.accuracy FROM stat JOIN nn ON nn.name = stat.nn "
            "WHERE stat.task = ? AND stat.dataset = ? AND stat.metric = ? AND stat.epoch = ? ORDER BY nn.name",
            (kind.task, kind.dataset, kind.metric, kind.epoch),
        ).fetchall()
    finally:
        connection.close()
    rated = []
    for (name, code), trials in itertools.groupby(rows, key=lambda row: row[:2]):
        best = _best((trial[2] for trial in trials), kind.dataset)
        rated += [] if best is None else [RatedSource(name, code, best)]
    return rated


def _best(accuracies: Iterable[float], dataset: str) -> float | None:
    """Return the largest accuracy if it beats always answering the commonest class; else None."""
    best = max(accuracies, default=None)
    return best if best is not None and best > COMMONEST.get(dataset, -1.0) + _NEAR else None
