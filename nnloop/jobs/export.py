"""job=export: write admitted networks in LEMUR's layout, to be copied over its package.

    <to>/ab/nn/nn/nnloop-<hash>.py
    <to>/ab/nn/stat/train/<task>_<dataset>_<metric>_nnloop-<hash>/<epochs>.json   (of searches under proxy=lemur)

LEMUR's statistics are about LEMUR's protocol alone, so networks of other protocols are written without statistics.
Accuracies are test accuracies, as in LEMUR; admission ignores them. corpus=lemur corpus.path=<to> reads the folder.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, TextIO

from nnloop.corpus.boilerplate import for_lemur, lemur_hash
from nnloop.corpus.lemur import NAMES
from nnloop.errors import RunFolderError
from nnloop.jobs.report import find_runs
from nnloop.records import Entry
from nnloop.runs.durable import write_json, write_text
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings

_ABSENT = ("digits",)  # datasets that LEMUR doesn't have


def run(settings: Settings, folder: Path, out: TextIO) -> None:
    """Export the networks that settings.runs admitted to settings.to; print a line for each, then their number.

    Raises RunFolderError if the runs admitted no network.
    """
    to = Path(str(settings.to)).expanduser()
    trials: dict[Path, list[dict[str, Any]]] = defaultdict(list)
    names: set[str] = set()
    for run_folder in map(RunFolder, find_runs(str(settings.runs))):
        protocol = run_folder.settings()
        for entry in (entry for entry in run_folder.entries() if entry.admitted):
            code = for_lemur(run_folder.read_code(str(entry.candidate)))
            name = f"nnloop-{lemur_hash(code)}"
            _write(to / f"ab/nn/nn/{name}.py", code)
            if _is_lemurs(protocol):
                trials[_statistics(to, name, protocol)].append(_trial(entry, protocol))
            if name not in names:
                print(f"{entry.candidate} {name}", file=out)
            names.add(name)
    if not names:
        raise RunFolderError(f"runs={settings.runs}: admitted no network, there is nothing to export")
    for path, rows in trials.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, sorted(rows, key=lambda row: -row["accuracy"]))
    print(f"{len(names)} networks, {len(trials)} of them with statistics, in {to}", file=out)


def _write(path: Path, code: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, code)


def _is_lemurs(protocol: dict[str, Any]) -> bool:
    return protocol["proxy"]["name"] == "lemur" and protocol["dataset"]["name"] not in _ABSENT


def _statistics(to: Path, name: str, protocol: dict[str, Any]) -> Path:
    dataset = protocol["dataset"]["name"]
    config = f"img-classification_{NAMES.get(dataset, dataset)}_acc_{name}"
    return to / f"ab/nn/stat/train/{config}/{protocol['proxy']['epochs']}.json"


def _trial(entry: Entry, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return one trial under LEMUR's names; `duration` is the whole trial's, in nanoseconds."""
    assert entry.result is not None
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
