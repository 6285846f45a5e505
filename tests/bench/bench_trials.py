"""What a digits trial costs: to its first step, from end to end, for the wall around it, and for Lightning in it.

    python tests/bench/bench_trials.py [TRIALS]
    python tests/bench/bench_trials.py seconds TRIALS [OVERRIDE...]

Prints one JSON line. Times are wall medians and want idle cores. TRIALS (200) seed networks give the throughput. The
second form gives the seconds of that many trials, one after the other, of seed networks in turn: copied into a checkout
of another commit, it tells what changes between the two cost.
"""

import json
import sys
import time
from pathlib import Path
from statistics import median

from hydra import compose, initialize_config_dir

from nnloop import build, corpus, data
from nnloop.executor.local import LocalExecutor
from nnloop.records import Candidate, Limits, Trial
from nnloop.settings.load import load

CONF = Path(__file__).resolve().parents[2] / "conf"
PROBE = """
import time

from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.head = nn.LazyLinear(out_shape[0])

    def forward(self, x):
        if self.training:
            raise RuntimeError(time.monotonic())
        return self.head(x.flatten(1))
"""
REPEATS = 20


def main() -> None:
    if sys.argv[1:2] == ["seconds"]:
        print(json.dumps(seconds(int(sys.argv[2]), sys.argv[3:])))
        return
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    walled, bare = measure([]), measure(["user", "seccomp", "landlock", "cgroup"])
    print(
        json.dumps(
            {
                "start_executor_ms": walled["start_ms"],
                "import_s": walled["import_s"],
                "first_step_ms": walled["first_step_ms"],
                "wall_overhead_ms": round(walled["empty_ms"] - bare["empty_ms"], 1),
                **throughput(trials),
                **over_a_plain_loop(),
            }
        )
    )


def seconds(trials: int, overrides: list[str]) -> dict[str, object]:
    networks = corpus.seeds()
    with start([], *overrides, "executor.workers=1") as executor:
        executor.submit(make_trial("1 / 0")).result()
        results = [executor.submit(make_trial(networks[at % len(networks)].code)).result() for at in range(trials)]
    taken = [round(result.seconds, 3) for result in results]
    return {
        "status": sorted({result.status.value for result in results}),
        "sum_s": round(sum(taken), 2),
        "each_s": taken,
    }


def start(without: list[str], *overrides: str) -> LocalExecutor:
    given = ["dataset=digits", f"sandbox.without={json.dumps(without)}", *overrides]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", given))
    return build.make_executor(settings, data.load(settings.dataset), Path())


def make_trial(code: str) -> Trial:
    return Trial(Candidate("bench", code, "given", None, 0, 0), "digits", "fast", 1, 0, Limits(300.0, 4 << 30))


def measure(without: list[str]) -> dict[str, float]:
    """Time the start, the imports, the way to the first training step, and a trial that fails at once."""
    began = time.monotonic()
    with start(without) as executor:
        started = time.monotonic()
        executor.submit(make_trial("1 / 0")).result()
        imported = time.monotonic()
        first, empty = [], []
        for _ in range(REPEATS):
            submitted = time.monotonic()
            reason = executor.submit(make_trial(PROBE)).result().reason
            first.append(float(reason.removeprefix("RuntimeError: ")) - submitted)
            submitted = time.monotonic()
            executor.submit(make_trial("1 / 0")).result()
            empty.append(time.monotonic() - submitted)
    return {
        "start_ms": round(1e3 * (started - began), 1),
        "import_s": round(imported - started, 2),
        "first_step_ms": round(1e3 * median(first), 1),
        "empty_ms": 1e3 * median(empty),
    }


def throughput(trials: int) -> dict[str, float]:
    seeds = corpus.seeds()
    with start([]) as executor:
        executor.submit(make_trial("1 / 0")).result()
        began = time.monotonic()
        running = [executor.submit(make_trial(seeds[i % len(seeds)].code)) for i in range(trials)]
        results = [future.result() for future in running]
        seconds = time.monotonic() - began
    return {
        "trials": trials,
        "workers": executor.workers,
        "trials_s": round(seconds, 1),
        "trial_s": round(median(result.seconds for result in results), 3),
        "peak_mib": round(max(result.peak_bytes or 0 for result in results) / 2**20),
    }


def over_a_plain_loop() -> dict[str, float]:
    """An epoch of digits through Lightning against a plain loop over the same batches: seed networks, medians of 3."""
    from nnloop import compat

    compat.ensure_torchvision_imports()
    import torch

    from nnloop.training import fit
    from nnloop.training.images import TrainImages

    torch.set_num_threads(1)
    fit.quiet()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = load(compose("config", ["dataset=digits"]))
    dataset = data.load(settings.dataset)
    images = TrainImages(*(torch.tensor(array) for array in (dataset.train_x, dataset.train_y)))
    networks = corpus.seeds()
    _epochs(networks[0].code, images, settings)  # Lightning imports more on its first fit
    ratios = []
    for network in networks:
        pairs = [_epochs(network.code, images, settings) for _ in range(3)]
        ratios.append(median(ours for ours, _ in pairs) / median(plain for _, plain in pairs))
    return {"over_plain_loop": round(median(ratios), 3), "over_plain_loop_worst": round(max(ratios), 3)}


def _epochs(code, images, settings) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """CPU seconds of an epoch by nnloop and by the plain loop."""
    import torch

    from nnloop.training import contract, fit
    from nnloop.training.images import Normalise, TrainBatches
    from nnloop.training.module import Classifier
    from nnloop.training.recipe import build_recipe, one_cycle

    cpu = torch.device("cpu")
    plan = build_recipe(settings.dataset, settings.proxy, epochs=1, images=len(images.y))
    spent = []
    for lightning in (True, False):
        torch.manual_seed(0)
        sample = Normalise(plan, cpu, torch.contiguous_format)(images.x[:2])
        built = contract.build(code, sample, plan, device=cpu)
        net, normalise = built.net.train(), Normalise(plan, cpu, built.memory_format)
        batches = TrainBatches(images, plan, normalise, seed=0)
        began = time.process_time()
        if lightning:
            classifier = Classifier(net, plan, built.precision, steps=len(batches), generator=batches.generator)
            fit._fit(classifier, batches, None)
        else:
            decay, nesterov = plan.weight_decay, True
            optimizer = torch.optim.SGD(net.parameters(), plan.lr, plan.momentum, 0, decay, nesterov, fused=True)
            for step, (x, y) in enumerate(batches):
                optimizer.param_groups[0]["lr"] = plan.lr * one_cycle(step, len(batches), plan.warmup_share)
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
        spent.append(time.process_time() - began)
    return spent[0], spent[1]


if __name__ == "__main__":
    main()
