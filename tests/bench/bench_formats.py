"""What a training step costs by memory format and precision, on one core: the seeds, or a sample of LEMUR's networks.

    python tests/bench/bench_formats.py [--size 32] [--batch 64]                     # the CPU as it is
    python tests/bench/bench_formats.py --lemur WHEEL [--networks 60]                # nn-dataset 2.1.2
    ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 python tests/bench/bench_formats.py          # without AMX
    python tests/bench/bench_formats.py --lemur WHEEL --rows FILE                    # goes on from the rows in FILE

Prints a Markdown row for each network: float32 in the default format in ms, how many times as fast channels last,
bfloat16 and both are, what nnloop chooses, and how many times as fast the choice is as the other format in the same
precision. Seconds are of the CPU, so a busy machine disturbs little. LEMUR's networks run here unprotected, as they do
where their package is used; a network that takes longer than LIMIT_S is left out.
"""

import argparse
import json
import math
import os
import random
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import torch
from lemur_networks import classifiers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nnloop.corpus import seeds
from nnloop.training.convolution import multiply_small_maps
from nnloop.training.memory_format import choose_format
from nnloop.training.precision import Precision, choose

REPEATS = 3
LIMIT_S = 120
FORMATS = (torch.contiguous_format, torch.channels_last)
PRM = {"lr": 0.01, "momentum": 0.9, "dropout": 0.2, "batch": 64, "epoch": 1, "epoch_max": 1, "transform": "fast"}
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lemur", type=Path)
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=Path, help="file of the rows so far; each new one is added")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    known = read_rows(arguments.rows)
    print(f"{torch.cpu.get_capabilities()['cpu_name']}, batches (B, C, H, W) of {shape(arguments)}")
    print("| network | MFLOPs a batch | float32, ms | channels last | bfloat16 | both | choice | choice by the other |")
    print("|---|---|---|---|---|---|---|---|")
    rows: list[Row] = []
    for name, code in sources(arguments):
        row = next((one for one in known if one["name"] == name), None)
        if row is None:
            row = {"name": name, **apart(code, shape(arguments))}
            if arguments.rows:
                with arguments.rows.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        if "times" in row:
            rows.append(row)
            print(line(row), flush=True)
    means = [math.exp(sum(math.log(figures(row)[place]) for row in rows) / len(rows)) for place in range(4)]
    cells = [f"{mean:.2f}" for mean in means]
    print(f"| geometric mean of {len(rows)} | | | {' | '.join(cells[:3])} | | {cells[3]} |")


def read_rows(file: Path | None) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file and file.exists() else []


def shape(arguments: argparse.Namespace) -> tuple[int, int, int, int]:
    return arguments.batch, 1 if arguments.size == 8 else 3, arguments.size, arguments.size


def sources(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    if not arguments.lemur:
        return [(network.name, network.code) for network in seeds()]
    with zipfile.ZipFile(arguments.lemur) as archive:
        names = random.Random(arguments.seed).sample(classifiers(archive), arguments.networks)
        return [(name, archive.read(f"ab/nn/nn/{name}.py").decode()) for name in names]


def line(row: Row) -> str:
    figure = " | ".join(f"{gain:.2f}" for gain in figures(row)[:3])
    choice = ("default", "channels last")[row["last"]] + ", " + ("float32", "bfloat16")[row["mixed"]]
    start = f"| {row['name']} | {row['flops'] / 1e6:.0f} | {1000 * row['times'][0]:.1f} | {figure} "
    return start + f"| {choice} | {figures(row)[3]:.2f} |"


def figures(row: Row) -> list[float]:
    """Return the gains of channels last, bfloat16 and both, and that of the choice over the other format."""
    plain, last, mixed, both = row["times"]
    pair = (mixed, both) if row["mixed"] else (plain, last)
    return [plain / last, plain / mixed, plain / both, pair[1 - row["last"]] / pair[row["last"]]]


def apart(code: str, size: tuple[int, int, int, int]) -> Row:
    """Measure a network in a process of its own, for LIMIT_S seconds at most; `failed` says why it has no times."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT_S)  # not a limit on processor time, under which the clock that is read here moves by ticks
        try:
            row = measure(code, size)
        except Exception as error:  # a network that does not run here has no figures
            row = {"failed": f"{type(error).__name__}: {error}"[:200]}
        os.write(write, json.dumps(row).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"failed": f"longer than {LIMIT_S} s"}


def measure(code: str, size: tuple[int, int, int, int]) -> Row:
    net = build(code, size)
    flops = count(net, size)
    last = choose_format(net.eval(), torch.zeros(2, *size[1:]), flops) is torch.channels_last
    times = [seconds(code, size, memory, mixed) for mixed in (False, True) for memory in FORMATS]
    mixed = choose("auto", torch.device("cpu"), flops).mixed
    return {"flops": flops, "times": times, "last": last, "mixed": mixed}


def build(code: str, size: tuple[int, int, int, int]) -> nn.Module:
    space: dict[str, type[nn.Module]] = {"__name__": "network"}
    exec(code, space)
    net = space["Net"](size, (10,), PRM, torch.device("cpu"))
    net(torch.zeros(2, *size[1:]))
    multiply_small_maps(net)
    return net


def seconds(code: str, size: tuple[int, int, int, int], memory_format: torch.memory_format, mixed: bool) -> float:
    """Return the CPU seconds of the fastest of REPEATS training steps after a first one."""
    torch.manual_seed(0)
    net = build(code, size).to(memory_format=memory_format)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(size).contiguous(memory_format=memory_format)
    y = torch.randint(0, 10, size[:1])
    precision = Precision(mixed, torch.device("cpu"))
    times = []
    for _ in range(1 + REPEATS):
        start = time.process_time()
        optimizer.zero_grad()
        with precision.forward():
            out = net(x)
        nn.functional.cross_entropy(out.float(), y).backward()
        optimizer.step()
        times.append(time.process_time() - start)
    return min(times[1:])


def count(net: nn.Module, size: tuple[int, int, int, int]) -> int:
    """Return the floating-point operations of a batch's forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net.eval()(torch.zeros(1, *size[1:]))
    return size[0] * int(counter.get_total_flops())


if __name__ == "__main__":
    main()
