"""How often the audit accuses honest networks: seeds, edits of the corpus and unusual kinds, on digits.

    python tests/bench/false_alarms.py [TRIALS]

Prints one JSON line: the trials by status, the reasons of those that were off the recipe, and how far the processor
seconds of trainings were from the expected (`nnloop.sandbox.cost`). Every network gets a seed of its own. A neighbour
on the same cores does no harm here: the bound has to hold beside one.
"""

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

from hydra import compose, initialize_config_dir

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import kinds  # noqa: E402

from nnloop import corpus, data  # noqa: E402
from nnloop.corpus.edits import mutate  # noqa: E402
from nnloop.executor.local import LocalExecutor  # noqa: E402
from nnloop.records import Candidate, Limits, Trial, candidate_id  # noqa: E402
from nnloop.sandbox.claims import read_claims  # noqa: E402
from nnloop.sandbox.client import Outcome  # noqa: E402
from nnloop.sandbox.wire import TrialRequest  # noqa: E402
from nnloop.settings.load import load  # noqa: E402
from nnloop.training.recipe import steps_per_epoch  # noqa: E402


class Counted(LocalExecutor):
    """An executor that remembers the work of each training, against the work that it should have had."""

    shares: list[float]

    def _converse(self, request: TrialRequest, weights: bytes = b"") -> Outcome:
        outcome = super()._converse(request, weights)
        if request.weights_bytes is None:
            self._train_s[request.code] = outcome.exit_info.cpu_s
        elif step_s := read_claims(outcome.report, evaluating=True).step_s:
            steps = steps_per_epoch(self._images, request.recipe.batch_size)
            self.shares.append(self._train_s[request.code] / (outcome.exit_info.cpu_s + steps * step_s))
        return outcome


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        settings = load(compose("config", ["dataset=digits", "executor.workers=2"]))
    dataset = data.load(settings.dataset)
    executor = Counted(
        dataset,
        dataset_settings=settings.dataset,
        proxy=settings.proxy,
        sandbox=settings.sandbox,
        settings=settings.executor,  # type: ignore[arg-type]
    )
    executor.shares, executor._train_s, executor._images = [], {}, len(dataset.train_y)  # type: ignore[attr-defined]
    began = time.monotonic()
    with executor:
        codes = networks(count)
        results = [future.result() for future in [executor.submit(trial(code, at)) for at, code in enumerate(codes)]]
    shares = sorted(executor.shares)
    print(
        json.dumps(
            {
                "trials": count,
                "seconds": round(time.monotonic() - began, 1),
                "status": Counter(result.status.value for result in results),
                "off_recipe": [
                    result.reason for result in results if result.status.value in ("off_recipe", "tampered")
                ],
                "shares": len(shares),
                "share_median": round(median(shares), 2),
                "share_p99": round(quantiles(shares, n=100)[98], 2),
                "share_least_most": [round(shares[0], 2), round(shares[-1], 2)],
            }
        )
    )


def networks(count: int) -> list[str]:
    """Return as many seeds, edited networks and kinds, in turn."""
    seeds, unusual, generator = (
        [seed.code for seed in corpus.seeds()],
        [*map(kinds.source, kinds.KINDS)],
        random.Random(0),
    )
    sources = []
    for at in range(count):
        seed = seeds[at % len(seeds)]
        sources.append((seed, mutate(seed, generator, 1 + at % 4), unusual[at // 3 % len(unusual)])[at % 3])
    return sources


def trial(code: str, seed: int) -> Trial:
    return Trial(
        Candidate(candidate_id(code), code, "given", None, 0, 0), "digits", "fast", 1, seed, Limits(120.0, 4 << 30)
    )


if __name__ == "__main__":
    main()
