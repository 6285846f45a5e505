"""job=export: write admitted networks in LEMUR's layout, to be copied over its package.

    <to>/ab/nn/nn/nnloop-<hash>.py
    <to>/ab/nn/stat/train/<task>_<dataset>_<metric>_nnloop-<hash>/<epochs>.json   (of searches under proxy=lemur)

LEMUR's statistics are about LEMUR's protocol alone, so networks of other protocols are written without statistics.
Accuracies are test accuracies, as in LEMUR; admission ignores them. corpus=lemur corpus.path=<to> reads the folder.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from nnloop.corpus.boilerplate import for_lemur, lemur_hash
from nnloop.corpus.lemur import NAMES
from nnloop.errors import RunFolderError
from nnloop.jobs.report import find_runs
from nnloop.records import Entry
from nnloop.report.measures import packs
from nnloop.runs.durable import write_json, write_text
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings

_ABSENT = ("digits",)  # datasets that LEMUR doesn't have


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Export the networks that settings.runs admitted to settings.to; print a line for each, then their number.

    Raises RunFolderError if the runs admitted no network, or if one of them is not as nnloop writes it.
    """
    to = Path(str(settings.to)).expanduser()
    trials: dict[Path, list[dict[str, Any]]] = defaultdict(list)
    names: set[str] = set()
    for run_folder in map(RunFolder, find_runs(str(settings.runs))):
        for entry, code, statistics in _admitted(run_folder):
            name = f"nnloop-{lemur_hash(code)}"
            _write(to / f"ab/nn/nn/{name}.py", code)
            if statistics is not None:
                trials[to / statistics.format(name=name)].append(_trial(entry, run_folder.settings()))
            if name not in names:
                print(f"{entry.candidate} {name}", file=out)
            names.add(name)
    if not names:
        raise RunFolderError(f"runs={settings.runs}: admitted no network, there is nothing to export")
    for path, rows in trials.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, sorted(rows, key=lambda row: -row["accuracy"]))
    print(f"{len(names)} networks, {len(trials)} of them with statistics, in {to}", file=out)


def _admitted(run: RunFolder) -> Iterator[tuple[Entry, str, str | None]]:
    """Yield entries, their networks in LEMUR's form, and the place of their statistics.

    The run may be somebody else's. Raises RunFolderError.
    """
    try:
        protocol = run.settings()
        place = _statistics(protocol) if _is_lemurs(protocol) else None
        for entry in (entry for entry in run.entries() if entry.admitted):
            if place is not None:
                _trial(entry, protocol)
            yield entry, for_lemur(run.read_code(str(entry.candidate))), place
    except (TypeError, ValueError, KeyError, SyntaxError, RecursionError, OverflowError) as error:
        raise RunFolderError(f"{run.path}: is not as nnloop writes it: {type(error).__name__}: {error}") from None


def _write(path: Path, code: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, code)


def _is_lemurs(protocol: dict[str, Any]) -> bool:
    return protocol["proxy"]["name"] == "lemur" and protocol["dataset"]["name"] not in _ABSENT


def _statistics(protocol: dict[str, Any]) -> str:
    """Return the path of a network's statistics, with its name left open."""
    dataset, epochs = protocol["dataset"]["name"], int(protocol["proxy"]["epochs"])
    return f"ab/nn/stat/train/img-classification_{packs.plain(NAMES.get(dataset, dataset))}_acc_{{name}}/{epochs}.json"


def _trial(entry: Entry, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return one trial under LEMUR's names; `duration` is the whole trial's, in nanoseconds."""
    if entry.result is None or entry.result.test_accuracy is None:
        raise ValueError("a network was admitted without a result")
    proxy = protocol["proxy"]
    prm = {
        "batch": proxy["batch_size"],
        "dropout": proxy["dropout"],
        "lr": proxy["lr"],
        "momentum": proxy["momentum"],
        "transform": proxy["transform"],
        **proxy["prm"],
    }
    measured = {"accuracy": entry.result.test_accuracy, "duration": int(entry.result.seconds * 1e9)}
    return dict(sorted({**measured, **prm, "uid": lemur_hash(str(prm))}.items()))
