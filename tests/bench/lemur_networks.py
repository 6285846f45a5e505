"""How many of LEMUR's image-classification networks build, train and score here: a random sample, by protocol.

    python tests/bench/lemur_networks.py WHEEL FOLDER [--networks 200] [--seed 0] proxy=fast dataset.root=... [...]
    python tests/bench/lemur_networks.py WHEEL FOLDER --table

WHEEL is nn-dataset 2.1.2. The first form judges the sample with job=evaluate under the given overrides, ten networks at
a time, and goes on where it was stopped: FOLDER/<proxy>.jsonl gets a line for each. The order is random too, so what is
there after a stop is a random sample as well. The second prints the table from what FOLDER has.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

CHUNK = 10
BUILT = {"ok", "below_chance", "crashed", "timeout", "out_of_memory", "diverged", "tampered"}
TRAINED = {"ok", "below_chance"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    arguments, overrides = parser.parse_known_args()
    if arguments.table:
        print(table(arguments.folder))
    else:
        files = draw(arguments.wheel, arguments.folder, arguments.networks, arguments.seed)
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
        chunk = folder / "chunk"
        chunk.mkdir(exist_ok=True)
        for old in chunk.iterdir():
            old.unlink()
        for file in files[at : at + CHUNK]:
            (chunk / file.name).write_bytes(file.read_bytes())
        command = [sys.executable, "-m", "nnloop", "job=evaluate", f"candidate='{chunk}/*.py'", *overrides]
        answer = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True)
        with results.open("ab") as file:
            file.write(answer.stdout)


def table(folder: Path) -> str:
    lines = ["| proxy | networks | build | train to the end | beat guessing |", "|---|---|---|---|---|"]
    reasons = ["", "| proxy | status | reason | networks |", "|---|---|---|---|"]
    for results in sorted(folder.glob("*.jsonl")):
        rows: list[dict[str, Any]] = [json.loads(line) for line in results.read_text().splitlines()]
        counts = [sum(row["status"] in group for row in rows) for group in (BUILT, TRAINED, {"ok"})]
        lines.append(f"| {results.stem} | {len(rows)} | {' | '.join(map(str, counts))} |")
        kinds = Counter((row["status"], _kind(row["reason"])) for row in rows if row["status"] != "ok")
        reasons += [f"| {results.stem} | {status} | {kind} | {n} |" for (status, kind), n in kinds.most_common()]
    return "\n".join(lines + reasons)


def _kind(reason: str) -> str:
    """A reason without its numbers, names and details."""
    return re.sub(r"\d+(?:[.,]\d+)*", "N", reason).replace("|", "/")[:90]


if __name__ == "__main__":
    main()
