"""How many of LEMUR's image-classification networks build, train and score here: a random sample, by protocol.

    python tests/bench/lemur_networks.py WHEEL FOLDER [--networks 200] [--seed 0] proxy=fast dataset.root=... [...]
    python tests/bench/lemur_networks.py WHEEL FOLDER --peer PYTHON --images FOLDER [--networks 20]
    python tests/bench/lemur_networks.py WHEEL FOLDER --table
    python tests/bench/lemur_networks.py WHEEL FOLDER --patterns

WHEEL is nn-dataset 2.1.2. The first form judges the sample with job=evaluate under the given overrides, ten networks at
a time, and goes on where it was stopped: FOLDER/<proxy>.jsonl gets a line for each. The order is random too, so what is
there after a stop is a random sample as well. The second has LEMUR's own trainer judge the first of them (what check_nn
calls after pylint; PYTHON is tests/support/lemur_env.py's) on the first 500 training and 500 test images of
cifar-10-batches-py in the images' folder. The third prints nnloop/corpus/LEMUR.md from FOLDER: the table, and
where the two differ. The fourth counts the image classifiers whose source does something that the audit looks at.
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
BUILT = {"ok", "below_chance", "crashed", "timeout", "out_of_memory", "diverged", "tampered", "off_recipe"}
TRAINED = {"ok", "below_chance"}
HEAD = """# LEMUR's networks, judged here

Written by `tests/bench/lemur_networks.py`: {sample}, one
epoch of real CIFAR-10 images at 32 px, {limit} s each on one core. nnloop trains on 450 images, under proxy=fast in 50
steps, under proxy=lemur in 8 (norm_flip), and LEMUR's trainer on 500 in 8. So short a training tells whether a network
trains, not how good it is. below_chance is an accuracy no better than guessing: nnloop's on 50 validation images,
LEMUR's on 500 test images, of which it asks 1.2 times guessing.
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--patterns", action="store_true")
    arguments, overrides = parser.parse_known_args()
    if arguments.patterns:
        print(json.dumps(count_patterns(arguments.wheel)))
    elif arguments.table:
        with zipfile.ZipFile(arguments.wheel) as archive:
            of = len(classifiers(archive))
        sample = f"{arguments.networks} networks drawn at random (seed {arguments.seed}) of {of:,} image classifiers"
        print(table(arguments.folder, sample))
    else:
        files = draw(arguments.wheel, arguments.folder, arguments.networks, arguments.seed)
        if arguments.peer:
            judge_by_lemur(files, arguments.folder, arguments.peer.absolute(), arguments.images)
        else:
            judge(files, arguments.folder, overrides)


def draw(wheel: Path, folder: Path, count: int, seed: int) -> list[Path]:
    """Write the sample's sources, in its random order."""
    with zipfile.ZipFile(wheel) as archive:
        sample = random.Random(seed).sample(classifiers(archive), count)
        (folder / "networks").mkdir(parents=True, exist_ok=True)
        files = [folder / "networks" / f"{at:03d}_{name}.py" for at, name in enumerate(sample)]
        for name, file in zip(sample, files, strict=True):
            file.write_bytes(archive.read(f"ab/nn/nn/{name}.py"))
    return files


PATTERNS = {
    "writes of .data": r"\.data(?:\[[^]]*\])?\s*[-+*/]?=[^=]|\.data\.\w+_\(",
    "renorm, normalised or clamped weights": r"renorm\(|weight\w*\.clamp_|weight\w*\.copy_|clip_weight",
    "averages of weights": r"deepcopy\(self|\bema\b|lerp_\(|momentum_update",
    "complex numbers": r"torch\.complex|cfloat|\bfft\.",
    "train() of its own": r"def train\(self",
    "auxiliary outputs": r"\baux_logits|return \w+, aux|self\.aux",
    "hooks": r"register_\w*hook",
    "gc, sys or inspect": r"\bgc\.|sys\._|inspect\.",
    "threads": r"\bthreading\b|ThreadPool",
    "gradients in forward": r"autograd\.(?:grad|backward)\(|enable_grad",
    "a seed of its own": r"manual_seed\(|random\.seed\(|torch\.seed\(",
    "parametrisations": r"spectral_norm|weight_norm|parametriz",
    "checkpointing": r"utils\.checkpoint",
}
"""What honest networks were accused for, or could be: expressions of a source."""


def count_patterns(wheel: Path) -> dict[str, int]:
    """Count the image classifiers by pattern."""
    with zipfile.ZipFile(wheel) as archive:
        sources = [archive.read(f"ab/nn/nn/{name}.py").decode(errors="replace") for name in classifiers(archive)]
    found = {
        name: sum(re.search(pattern, source) is not None for source in sources) for name, pattern in PATTERNS.items()
    }
    return {"classifiers": len(sources), **found}


def classifiers(archive: zipfile.ZipFile) -> list[str]:
    """Name the networks that LEMUR has results of on image classification."""
    configs = {name.split("/")[4] for name in archive.namelist() if name.startswith("ab/nn/stat/train/")}
    named = (re.fullmatch(r"img-classification_[^_]+_[^_]+_(.+)", config) for config in configs)
    return sorted({match[1] for match in named if match})


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
        with results.open("ab") as lines:  # a line as soon as it is there: a stop loses no network that is judged
            subprocess.run(command, cwd=folder, stdout=lines, check=True)


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
        told = re.findall(r"^[\w.]+(?:Error|Exception).*", done.stderr.decode(errors="replace"), re.MULTILINE)
        return {"status": "failed", "reason": told[-1] if told else f"exit status {done.returncode}"}
    row = json.loads(done.stdout.splitlines()[-1])
    status, reason = ("ok", "") if row["accepted"] else ("below_chance", "no more than 1.2 times guessing")
    return {"status": status, "reason": reason, "test_accuracy": row["accuracy"], "seconds": row["seconds"]}


def _write_images(source: Path, to: Path) -> None:
    """100 images of each training part, 500 of the test part."""
    to.mkdir(parents=True, exist_ok=True)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        part = pickle.loads((source / name).read_bytes(), encoding="latin1")
        count = 500 if name == "test_batch" else 100
        (to / name).write_bytes(pickle.dumps({"data": part["data"][:count], "labels": part["labels"][:count]}))
    (to / "batches.meta").write_bytes((source / "batches.meta").read_bytes())


def table(folder: Path, sample: str) -> str:
    """Write the document: what became of the sample under each protocol, why, and where LEMUR's trainer differs."""
    sides = {path.stem: _by_network(path) for path in sorted(folder.glob("*.jsonl"))}
    lines = [
        HEAD.format(sample=sample, limit=LIMIT_S),
        "| judged by | networks | build | train to the end | beat guessing |",
    ]
    lines.append("|---|---|---|---|---|")
    kinds: dict[str, Counter[tuple[str, str]]] = {}
    for side, rows in sides.items():
        ends = [row["status"] for row in rows.values()]
        counts: list[Any] = [sum(end in group for end in ends) for group in (BUILT, TRAINED, {"ok"})]
        if side == LEMUR:
            counts[0] = "not told"  # of a network that failed it says no more
        lines.append(f"| {side} | {len(rows)} | {' | '.join(map(str, counts))} |")
        kinds[side] = Counter((row["status"], _kind(row["reason"])) for row in rows.values() if row["status"] != "ok")
    lines += ["", f"| status | reason | {' | '.join(sides)} |", f"|---|---|{'---|' * len(sides)}"]
    for kind, _ in sum(kinds.values(), Counter[tuple[str, str]]()).most_common():
        lines.append(f"| {' | '.join(kind)} | {' | '.join(str(kinds[side][kind]) for side in sides)} |")
    return "\n".join(lines + _differences(folder))


def _differences(folder: Path) -> list[str]:
    """Where LEMUR's trainer and nnloop, under one protocol, don't take a network alike."""
    if not ((folder / f"{LEMUR}.jsonl").exists() and (folder / "lemur.jsonl").exists()):
        return []
    theirs, ours = (_by_network(folder / f"{name}.jsonl") for name in (LEMUR, "lemur"))
    both = sorted(theirs.keys() & ours.keys())
    lines = ["", f"Judged by LEMUR's trainer and proxy=lemur: {len(both)}."]
    for what, group in (("train to the end", TRAINED), ("beat guessing", {"ok"})):
        apart = [name for name in both if (theirs[name]["status"] in group) != (ours[name]["status"] in group)]
        lines += ["", f"{len(apart)} of them {what} in one alone" + (":" if apart else ".")]
        if apart:
            lines += ["", *(f"- {name}: LEMUR {_end(theirs[name])}; nnloop {_end(ours[name])}" for name in apart)]
    return lines


def _by_network(results: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    return {Path(row["candidate"]).stem: row for row in rows}


def _end(row: dict[str, Any]) -> str:
    accuracy = "" if row.get("test_accuracy") is None else f", test accuracy {row['test_accuracy']:.3f}"
    return f"{row['status']} {_kind(row['reason'])}".strip() + accuracy


def _kind(reason: str) -> str:
    """A reason without its numbers, names and details."""
    return re.sub(r"\d+(?:[.,]\d+)*", "N", reason).replace("|", "/")[:130]


if __name__ == "__main__":
    main()
