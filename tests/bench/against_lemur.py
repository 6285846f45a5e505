"""Time per candidate against LEMUR's own evaluator, on the same networks, images, batch, optimizer and epoch.

    python tests/bench/against_lemur.py NETWORK.py... --data FOLDER --peer PYTHON [--fair PYTHON] [--repeats 3]
        [--peer-transform norm_flip] [--under 'taskset -c 0']

FOLDER holds cifar-10-batches-py (any number of rows); PYTHON is the interpreter of an environment with nn-dataset
2.2.11 (its metrics and networks are in the wheel of 2.1.2), --fair of one with 2.1.2. Both train on all training rows
and score all test rows. Every measurement is a process of its own below `--under`, one thread on one core; the sides
take turns, imports are not timed. Ours is from submit to result, sandbox included. Prints a line per network: medians,
ratios, accuracies. By hand, not in `make bench`: an hour.
"""

import argparse
import json
import math
import os
import pickle
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
CONF = HERE.parents[1] / "conf"
OURS = ("lemur", "fast")
Rows = dict[str, list[dict[str, float]]]


def main() -> None:
    if sys.argv[1:2] == ["ours"]:
        print(json.dumps(ours(*sys.argv[2:])))
        return
    arguments = parse()
    sides = [side for side in ("check", "fair") if getattr(arguments, side)] + list(OURS)
    ratios = defaultdict(list)
    for network in arguments.networks:
        rows: Rows = {side: [] for side in sides}
        for _ in range(arguments.repeats):
            for side in sides:
                rows[side].append(measure(side, network, arguments))
        line = summary(network.stem, rows)
        print(json.dumps(line), flush=True)
        for key, value in line.items():
            if "/" in key:
                ratios[key].append(value)
    means = {key: round(math.exp(sum(map(math.log, values)) / len(values)), 2) for key, values in ratios.items()}
    print(json.dumps({"network": "geometric mean", **means}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("networks", nargs="+", type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--peer", dest="check", help="python with nn-dataset 2.2.11")
    parser.add_argument("--fair", help="python with nn-dataset 2.1.2")
    parser.add_argument("--fair-path", default="", help="PYTHONPATH of it")
    parser.add_argument("--peer-transform", default="norm_flip")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--under", default="taskset -c 0")
    return parser.parse_args()


def measure(side: str, network: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """One measurement in a process of its own."""
    network = network.resolve()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as root:
        if side in OURS:
            command = [sys.executable, str(Path(__file__).resolve()), "ours", side, str(network), str(arguments.data)]
        else:
            data = Path(root, "data")
            data.mkdir()
            (data / "cifar-10-batches-py").symlink_to((arguments.data / "cifar-10-batches-py").resolve())
            python = Path(getattr(arguments, side)).absolute()
            command = [str(python), str(HERE / "lemur_peer.py"), side, str(network), arguments.peer_transform]
            path = [arguments.fair_path, root] if side == "fair" else [root]
            environment["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
            environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"  # it looks for pylint there
        done = subprocess.run(
            [*shlex.split(arguments.under), *command], cwd=root, env=environment, capture_output=True, text=True
        )
    if done.returncode:
        raise SystemExit(f"{side} on {network.name}: {done.stderr.strip().splitlines()[-1:]}")
    row: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    print(json.dumps({"network": network.stem, "side": side, **row}), file=sys.stderr, flush=True)
    return row


def summary(name: str, rows: Rows) -> dict[str, Any]:
    seconds = {side: median(row["seconds"] for row in of_side) for side, of_side in rows.items()}
    line: dict[str, Any] = {"network": name}
    for side, of_side in rows.items():
        line[f"{side}_s"] = round(seconds[side], 2)
        line[f"{side}_accuracy"] = [round(row["accuracy"], 3) for row in of_side]
    for peer in ("check", "fair"):
        if peer in seconds:
            line |= {f"{peer}/{side}": round(seconds[peer] / seconds[side], 2) for side in OURS}
    return line


def ours(proxy: str, network: str, data: str) -> dict[str, float]:
    """Train one network with a warm executor; its accuracy is over all test rows."""
    from hydra import compose, initialize_config_dir

    from nnloop import build
    from nnloop.records import Candidate, Limits, Trial
    from nnloop.settings.load import load

    overrides = ["dataset=cifar10", f"dataset.root={data}", "dataset.verify=false", f"proxy={proxy}"]
    if proxy == "lemur":
        overrides.append("proxy.transform=norm_flip")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", [*overrides, "proxy.lr=0.01", "proxy.batch_size=64", "executor.workers=1"]))
    dataset = read(Path(data, "cifar-10-batches-py"))
    with build.make_executor(settings, dataset, Path()) as executor:

        def judge(code: str) -> Any:
            candidate = Candidate("bench", code, "given", None, 0, 0)
            return executor.submit(Trial(candidate, "cifar10", proxy, 1, 0, Limits(3000.0, 8 << 30))).result()

        judge("1 / 0")  # waits for the imports
        began = time.perf_counter()
        result = judge(Path(network).read_text())
        seconds = time.perf_counter() - began
    if result.val_accuracy is None:
        raise SystemExit(f"{result.status}: {result.reason}")
    shares = [len(dataset.val_y), len(dataset.test_y)]
    accuracy = (result.val_accuracy * shares[0] + result.test_accuracy * shares[1]) / sum(shares)
    return {"seconds": round(seconds, 3), "accuracy": accuracy}


def read(folder: Path) -> Any:
    """All training rows, and the test rows as both validation and test set: no row is held out here."""
    import numpy as np

    from nnloop.data import Dataset

    def rows(*names: str) -> tuple[Any, Any]:
        parts = [pickle.loads((folder / name).read_bytes(), encoding="latin1") for name in names]
        pixels = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
        return pixels, np.concatenate([part["labels"] for part in parts]).astype(np.int64)

    train_x, train_y = rows(*(f"data_batch_{i}" for i in range(1, 6)))
    test_x, test_y = rows("test_batch")
    half = len(test_y) // 2
    return Dataset("cifar10", train_x, train_y, test_x, test_y[:half], test_y[half:], "bench")


if __name__ == "__main__":
    main()
