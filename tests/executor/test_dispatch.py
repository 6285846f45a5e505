"""Trials on several datasets share workers, and each is judged by its own dataset's executor."""

from dataclasses import replace
from pathlib import Path

import pytest

from nnloop import build, corpus, data
from nnloop.executor import make_trial
from nnloop.executor.dispatch import PoolExecutor
from nnloop.records import Candidate, Status

POOL = ("dataset=pool", "dataset.sets=[digits]", "executor.workers=1")


@pytest.mark.long
def test_each_trial_is_judged_on_its_candidates_dataset(configure, cache: Path) -> None:
    """Two sets of digits: one whole, one of 60 images, on which the same network with the same seed is worse."""
    settings = configure(*POOL)
    settings.dataset.of["small"] = replace(settings.dataset.of["digits"], train_limit=60)
    network = corpus.seeds()[0]
    with build.make_executor(settings, data.load_all(settings.dataset), Path()) as executor:
        assert isinstance(executor, PoolExecutor)
        results = {}
        for name in ("digits", "small"):
            candidate = Candidate(f"x-{name}", network.code, "full", None, cycle=0, slot=0, dataset=name)
            results[name] = executor.submit(make_trial(settings, candidate, seed=1)).result()
    assert {result.status for result in results.values()} <= {Status.OK, Status.BELOW_CHANCE}
    assert results["digits"].val_accuracy > results["small"].val_accuracy
