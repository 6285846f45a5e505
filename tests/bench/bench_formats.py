"""What a training step costs by memory format and precision: each seed network, on one core, at CIFAR-10's size.

    python tests/bench/bench_formats.py [BATCH]                                     # the CPU as it is
    ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 python tests/bench/bench_formats.py [BATCH]  # without AMX

Prints a Markdown row for each network as it is measured, and geometric means: float32 in the default format in ms, and
how many times as fast channels last, bfloat16 and both are. Seconds are of the CPU, so a busy machine disturbs little.
"""

import math
import sys
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nnloop.corpus import seeds
from nnloop.training.precision import Precision

REPEATS = 3
FORMATS = (torch.contiguous_format, torch.channels_last)


def main() -> None:
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    torch.set_num_threads(1)
    print(f"{torch.cpu.get_capabilities()['cpu_name']}, batch {batch}")
    print("| network | MFLOPs a batch | float32, ms | channels last | bfloat16 | both |\n|---|---|---|---|---|---|")
    gains = []
    for network in seeds():
        times = [seconds(network.code, batch, memory, mixed) for mixed in (False, True) for memory in FORMATS]
        gains.append([times[0] / one for one in times])
        shown = " | ".join(f"{gain:.2f}" for gain in gains[-1][1:])
        print(
            f"| {network.name} | {flops(network.code, batch) / 1e6:.0f} | {1000 * times[0]:.1f} | {shown} |", flush=True
        )
    means = [math.exp(sum(math.log(row[place]) for row in gains) / len(gains)) for place in (1, 2, 3)]
    print("| geometric mean | | | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")


def build(code: str, batch: int) -> nn.Module:
    space: dict[str, type[nn.Module]] = {"__name__": "network"}
    exec(code, space)  # our own seeds alone: a candidate runs in the sandbox
    prm = {"lr": 0.05, "momentum": 0.9, "dropout": 0.1}
    net = space["Net"]((batch, 3, 32, 32), (10,), prm, torch.device("cpu"))
    net(torch.zeros(2, 3, 32, 32))
    return net


def seconds(code: str, batch: int, memory_format: torch.memory_format, mixed: bool) -> float:
    """Return the CPU seconds of the fastest of REPEATS training steps after a first one."""
    torch.manual_seed(0)
    net = build(code, batch).to(memory_format=memory_format)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(batch, 3, 32, 32).contiguous(memory_format=memory_format)
    y = torch.randint(0, 10, (batch,))
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


def flops(code: str, batch: int) -> int:
    """Return the floating-point operations of a batch's forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        build(code, batch).eval()(torch.zeros(1, 3, 32, 32))
    return batch * int(counter.get_total_flops()) // 3  # build's own pass had two images


if __name__ == "__main__":
    main()
