from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run, make_sweep, without_valid_networks

from nnloop.records import Interval
from nnloop.report.headlines import of_comparison, of_run, of_validation
from nnloop.report.measures.compare import compare
from nnloop.report.measures.read import read
from nnloop.report.measures.validation import study
from nnloop.runs.repeats import Incumbent, RacedNetwork


def test_a_runs_headline_has_the_incumbent_or_warns_of_luck(tmp_path: Path) -> None:
    run = read(make_run(tmp_path / "run").path)
    assert "single trials has" in of_run(run)
    assert "which luck has a part in" in of_run(run)
    name = str(run.networks[0].candidate)
    known = Incumbent(
        candidate=name,
        validation=Interval(0.7, 0.6, 0.8),
        test=Interval(0.65, 0.6, 0.7),
        test_accuracies=[0.6, 0.7],
        networks=[RacedNetwork(name, 0.9, [0.7])],
        trials=9,
        share=0.1,
        cycles=3,
    )
    told = of_run(replace(run, incumbent=known))
    assert "the best network reaches 70.0 [60.0, 80.0] % in validation and 65.0 [60.0, 70.0] % on test" in told


def test_a_run_without_results_or_without_valid_networks_has_a_headline(tmp_path: Path) -> None:
    assert of_run(read(make_run(tmp_path / "none", cycles=0).path)) == "There is no result yet."
    dead = make_run(tmp_path / "dead")
    without_valid_networks(dead)
    assert of_run(read(dead.path)).startswith("0.0 [0.0")


def test_a_comparisons_headline_is_its_clearest_difference_with_the_interval(tmp_path: Path) -> None:
    runs = [read(path) for path in make_sweep(tmp_path)]
    comparison = compare(runs, runs[0].protocol)
    (one,) = [row for row in comparison.differences if row.measure.name == "mean"]
    told = of_comparison(comparison)
    assert f"{100 * one.interval.value:+.2f} [{100 * one.interval.low:+.2f}, {100 * one.interval.high:+.2f}]" in told
    assert "over 2 seeds" in told


def test_a_comparison_of_one_arm_tells_its_mean(tmp_path: Path) -> None:
    run = read(make_run(tmp_path / "run").path)
    assert of_comparison(compare([run], run.protocol)).startswith("Mean accuracy of llm=tiny, mode=delta")


@pytest.mark.parametrize(
    ("longs", "words"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], "does"),
        ([8, 7, 6, 5, 4, 3, 2, 1], "the other way"),
        ([1, 4, 2, 3, 2, 4, 1, 3], "shows no"),
    ],
)
def test_a_validations_headline_says_whether_the_proxy_ranks(longs: list[int], words: str) -> None:
    from nnloop.report.measures.validation import ValidationPair

    pairs = [ValidationPair("r", str(at), at / 10, long / 10, None, 1, 1.0) for at, long in enumerate(longs)]
    report = study(pairs, dataset="d", proxy="fast", long="lemur", rule="", chosen=8, failed={})
    assert words in of_validation(report)
    assert "rho" in of_validation(report)
