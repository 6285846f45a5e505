"""A trial says what the settings want."""

from dataclasses import replace

from nnloop.executor import make_trial
from nnloop.records import Candidate, Limits

CANDIDATE = Candidate("id", "code", mode="full", parent=None, cycle=0, slot=0)


def test_a_trial_has_the_protocol_and_limits_of_the_settings(configure) -> None:
    trial = make_trial(configure("dataset=digits", "executor.wall_s=7", "executor.memory_gb=2"), CANDIDATE)
    assert (trial.dataset, trial.proxy, trial.epochs, trial.limits) == ("digits", "fast", 1, Limits(7, 2 << 30))


def test_the_seed_depends_on_the_run_and_the_network_alone(configure) -> None:
    settings = configure("dataset=digits")
    seed = make_trial(settings, CANDIDATE).seed
    assert make_trial(settings, replace(CANDIDATE, cycle=3, slot=2)).seed == seed
    assert make_trial(settings, replace(CANDIDATE, id="other")).seed != seed
    assert make_trial(replace(settings, seed=1), CANDIDATE).seed != seed
