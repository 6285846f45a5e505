"""Estimates that take the luck of a trial off its accuracy."""

from dataclasses import replace

import pytest

from nnloop.loop.estimates import SMALLEST_SHARE, estimate_corpus, make_estimators
from nnloop.records import AccuracyEstimate, Entry, Generation, Network, Status, TrialResult


def network(name: str, accuracy: float, noise: float | None = 0.02, trials: int = 3) -> Network:
    return Network(name, "code", name, val_accuracy=accuracy, noise=noise, trials=trials)


def entry(parent: str, accuracy: float, *, slot: int, estimate: float | None = None) -> Entry:
    made = Generation(0, slot, parent, "delta", seed=0, tokens=1, prompt_tokens=1, lines=1, seconds=0.0)
    known = AccuracyEstimate(accuracy if estimate is None else estimate, noise=0.02, share=1.0)
    return Entry(made, f"n{slot}", Status.OK, result=TrialResult(Status.OK, val_accuracy=accuracy), estimate=known)


CORPUS = estimate_corpus([network("low", 0.3, 0.08), network("mid", 0.6, 0.05), network("high", 0.9, 0.01)])


def test_corpus_networks_are_drawn_to_their_mean_by_the_share_of_the_noise() -> None:
    low, mid, high = (one.estimate or 0.0 for one in CORPUS)
    assert 0.3 < low < 0.32
    assert mid == pytest.approx(0.6)
    assert 0.88 < high < 0.9


def test_a_network_tried_once_is_drawn_further_than_one_tried_thrice() -> None:
    once, thrice = estimate_corpus([replace(CORPUS[0], noise=None, trials=1), network("a", 0.3, 0.08), *CORPUS[1:]])[:2]
    assert once.estimate is not None
    assert thrice.estimate is not None
    assert once.estimate > thrice.estimate


def test_variants_change_no_estimate_of_the_corpus() -> None:
    variant = replace(network("variant", 0.1, 0.3), variant_of="low")
    assert estimate_corpus([*CORPUS, variant])[:3] == CORPUS


def test_without_repeated_trials_nothing_is_estimated() -> None:
    corpus = [replace(one, noise=None, estimate=None) for one in CORPUS]
    assert estimate_corpus(corpus) == corpus
    assert make_estimators(corpus, []) == {}


def test_the_noise_of_a_level_comes_from_the_repeats_nearest_to_it() -> None:
    corpus = [network(f"low{at}", 0.3 + at / 1000, 0.08) for at in range(8)]
    corpus += [network(f"high{at}", 0.9 + at / 1000, 0.01) for at in range(8)]
    estimator = make_estimators(corpus, [])[""]
    assert estimator.noise(0.31) == pytest.approx(0.08)
    assert estimator.noise(0.95) == pytest.approx(0.01)


def test_a_child_is_drawn_to_its_parent_where_changes_are_no_larger_than_noise() -> None:
    corpus = estimate_corpus([network(str(at), 0.85 + at / 100) for at in range(8)])
    parent = corpus[4]
    small = [entry(parent.id, parent.worth + change, slot=at) for at, change in enumerate([0.01, -0.01] * 10)]
    large = [entry(parent.id, parent.worth + change, slot=at) for at, change in enumerate([0.2, -0.2] * 10)]
    for entries, share in ((small, SMALLEST_SHARE), (large, 0.99)):
        estimator = make_estimators(corpus, entries)[""]
        estimate = estimator.of(parent.worth + 0.02, parent)
        assert estimate.share == pytest.approx(share, abs=0.01)
        assert estimate.value == pytest.approx(parent.worth + 0.02 * estimate.share)


def test_a_change_is_counted_from_the_parents_estimate() -> None:
    """A lucky parent's children all lose, by its trial; by its estimate they don't."""
    lucky = entry("high", 0.99, slot=0, estimate=0.91)
    children = [entry("n0", 0.91, slot=slot) for slot in range(1, 21)]
    estimator = make_estimators(CORPUS, [lucky, *children])[""]
    assert {round(one.change, 6) for one in estimator.changes[1:]} == {0.0}


def test_datasets_of_a_pool_are_estimated_apart() -> None:
    far = [replace(network(f"far{at}", 0.1 + at / 100, 0.05), dataset="other") for at in range(3)]
    near = estimate_corpus([*CORPUS, *far])
    assert near[:3] == CORPUS
    assert make_estimators(near, [])["other"].noise(0.9) == pytest.approx(0.05)
