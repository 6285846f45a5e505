"""job=export: write the networks that searches admitted as LEMUR has them, ready to be laid over its package.

    <to>/ab/nn/nn/nnloop-<hash>.py
    <to>/ab/nn/stat/train/<task>_<dataset>_<metric>_nnloop-<hash>/<epochs>.json   (of searches under proxy=lemur)

Results of another protocol are no statistics of LEMUR's: their networks are written without. The accuracy is the test
accuracy, as LEMUR counts; it had no part in the choice. corpus=lemur corpus.path=<to> reads such a folder back.
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
from nnloop.runs.folder import RunDir

_ABSENT = ("digits",)  # datasets that LEMUR doesn't have


def run(runs: str, to: Path, out: TextIO) -> None:
    """Export what the runs admitted; print a line for each network, then their number.

    Raises RunFolderError where nothing was admitted.
    """
    trials: dict[Path, list[dict[str, Any]]] = defaultdict(list)
    names: set[str] = set()
    for folder in find_runs(runs):
        run_dir = RunDir(folder)
        protocol = run_dir.settings()
        for entry in (entry for entry in run_dir.entries() if entry.admitted):
            code = for_lemur(run_dir.read_code(str(entry.candidate)))
            name = f"nnloop-{lemur_hash(code)}"
            _write(to / f"ab/nn/nn/{name}.py", code)
            if _is_lemurs(protocol):
                trials[_statistics(to, name, protocol)].append(_trial(entry, protocol))
            if name not in names:
                print(f"{entry.candidate} {name}", file=out)
            names.add(name)
    if not names:
        raise RunFolderError(f"runs={runs}: admitted no network, there is nothing to export")
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
    """One trial with LEMUR's fields; the duration is in nanoseconds and counts nnloop's whole trial."""
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
