"""How many of LEMUR's image-classification networks build, train and score here: a random sample, by protocol.

    python tests/bench/lemur_networks.py WHEEL FOLDER [--networks 200] [--seed 0] proxy=fast dataset.root=... [...]
    python tests/bench/lemur_networks.py WHEEL FOLDER --peer PYTHON --images FOLDER [--networks 20]
    python tests/bench/lemur_networks.py WHEEL FOLDER --table

WHEEL is nn-dataset 2.1.2. The first form judges the sample with job=evaluate under the given overrides, ten networks at
a time, and goes on where it was stopped: FOLDER/<proxy>.jsonl gets a line for each. The order is random too, so what is
there after a stop is a random sample as well. The second has LEMUR's own trainer judge the first of them (what check_nn
calls after pylint; PYTHON is tests/lemur_env.py's) on the first 500 training and 500 test images of cifar-10-batches-py
in the images' folder. The third prints the table from what FOLDER has, and where LEMUR and nnloop differ.
"""

import argparse
import json
import os
import pickle
import random
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

CHUNK = 10
LEMUR = "LEMUR's trainer"
LIMIT_S = 120
BUILT = {"ok", "below_chance", "crashed", "timeout", "out_of_memory", "diverged", "tampered"}
TRAINED = {"ok", "below_chance"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    arguments, overrides = parser.parse_known_args()
    if arguments.table:
        print(table(arguments.folder))
    else:
        files = draw(arguments.wheel, arguments.folder, arguments.networks, arguments.seed)
        if arguments.peer:
            judge_by_lemur(files, arguments.folder, arguments.peer.absolute(), arguments.images)
        else:
            judge(files, arguments.folder, overrides)


def draw(wheel: Path, folder: Path, count: int, seed: int) -> list[Path]:
    """Write the sample's sources, in its random order."""
    with zipfile.ZipFile(wheel) as archive:
        configs = {name.split("/")[4] for name in archive.namelist() if name.startswith("ab/nn/stat/train/")}
        named = (re.fullmatch(r"img-classification_[^_]+_[^_]+_(.+)", config) for config in configs)
        names = sorted({match[1] for match in named if match})
        sample = random.Random(seed).sample(names, count)
        (folder / "networks").mkdir(parents=True, exist_ok=True)
        files = [folder / "networks" / f"{at:03d}_{name}.py" for at, name in enumerate(sample)]
        for name, file in zip(sample, files, strict=True):
            file.write_bytes(archive.read(f"ab/nn/nn/{name}.py"))
    print(f"{count} of {len(names)} networks, seed {seed}", file=sys.stderr)
    return files


def judge(files: list[Path], folder: Path, overrides: list[str]) -> None:
    proxy = next(value for key, _, value in (override.partition("=") for override in overrides) if key == "proxy")
    results = folder / f"{proxy}.jsonl"
    done = len(results.read_text().splitlines()) if results.exists() else 0
    for at in range(done, len(files), CHUNK):
        chunk = folder / f"chunk_{proxy}"
        chunk.mkdir(exist_ok=True)
        for old in chunk.iterdir():
            old.unlink()
        for file in files[at : at + CHUNK]:
            (chunk / file.name).write_bytes(file.read_bytes())
        command = [sys.executable, "-m", "nnloop", "job=evaluate", f"candidate='{chunk}/*.py'", *overrides]
        with results.open("ab") as file:  # a line as soon as it is there: a stop loses no network that is judged
            subprocess.run(command, cwd=folder, stdout=file, check=True)


def judge_by_lemur(files: list[Path], folder: Path, peer: Path, images: Path) -> None:
    results = folder / f"{LEMUR}.jsonl"
    done = len(results.read_text().splitlines()) if results.exists() else 0
    root = (folder / "root").resolve()
    _write_images(images / "cifar-10-batches-py", root / "data/cifar-10-batches-py")
    for file in files[done:]:
        row = {"candidate": str(file), **_judge_by_lemur(file.resolve(), root, peer)}
        with results.open("a") as lines:
            lines.write(json.dumps(row) + "\n")


def _judge_by_lemur(file: Path, root: Path, peer: Path) -> dict[str, Any]:
    """Give status, reason and accuracy of one network, with a limit as nnloop's trials have it."""
    script = Path(__file__).resolve().parent / "lemur_peer.py"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    try:
        done = subprocess.run(
            [peer, script, "fair", file, "norm_flip"], cwd=root, env=environment, capture_output=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return {"status": "timeout", "reason": f"stopped after {LIMIT_S} s"}
    if done.returncode:
        return {"status": "failed", "reason": (done.stderr.decode(errors="replace").splitlines() or [""])[-1]}
    row = json.loads(done.stdout.splitlines()[-1])
    status = "ok" if row["accepted"] else "below_chance"
    return {"status": status, "reason": "", "test_accuracy": row["accuracy"], "seconds": row["seconds"]}


def _write_images(source: Path, to: Path) -> None:
    """100 images of each training part, 500 of the test part."""
    to.mkdir(parents=True, exist_ok=True)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        part = pickle.loads((source / name).read_bytes(), encoding="latin1")
        count = 500 if name == "test_batch" else 100
        (to / name).write_bytes(pickle.dumps({"data": part["data"][:count], "labels": part["labels"][:count]}))
    (to / "batches.meta").write_bytes((source / "batches.meta").read_bytes())


def table(folder: Path) -> str:
    lines = ["| proxy | networks | build | train to the end | beat guessing |", "|---|---|---|---|---|"]
    reasons = ["", "| proxy | status | reason | networks |", "|---|---|---|---|"]
    for results in sorted(folder.glob("*.jsonl")):
        rows: list[dict[str, Any]] = [json.loads(line) for line in results.read_text().splitlines()]
        counts: list[Any] = [sum(row["status"] in group for row in rows) for group in (BUILT, TRAINED, {"ok"})]
        if results.stem == LEMUR:
            counts[0] = "not told"  # of a network that failed it says no more
        lines.append(f"| {results.stem} | {len(rows)} | {' | '.join(map(str, counts))} |")
        kinds = Counter((row["status"], _kind(row["reason"])) for row in rows if row["status"] != "ok")
        reasons += [f"| {results.stem} | {status} | {kind} | {n} |" for (status, kind), n in kinds.most_common()]
    return "\n".join(lines + reasons + _differences(folder))


def _differences(folder: Path) -> list[str]:
    """A line for each network that LEMUR's trainer and nnloop, under one protocol, don't take alike."""
    if not ((folder / f"{LEMUR}.jsonl").exists() and (folder / "lemur.jsonl").exists()):
        return []
    sides: list[dict[str, dict[str, Any]]] = []
    for name in (LEMUR, "lemur"):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        sides.append({Path(row["candidate"]).stem: row for row in rows})
    theirs, ours = sides
    both = sorted(theirs.keys() & ours.keys())
    differ = [name for name in both if (theirs[name]["status"] == "ok") != (ours[name]["status"] == "ok")]
    lines = ["", f"Judged by both: {len(both)}; accepted by one alone: {len(differ)}", ""]
    for name in differ:
        ends = (f"{side[name]['status']} {_kind(side[name]['reason'])}".strip() for side in (theirs, ours))
        lines.append(f"- {name}: LEMUR {', nnloop '.join(ends)}")
    return lines


def _kind(reason: str) -> str:
    """A reason without its numbers, names and details."""
    return re.sub(r"\d+(?:[.,]\d+)*", "N", reason).replace("|", "/")[:90]


if __name__ == "__main__":
    main()
