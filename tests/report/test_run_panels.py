from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run

from nnloop.measures import TOKENS
from nnloop.records import Status
from nnloop.report.measures.read import Run, read
from nnloop.report.panels import Panel
from nnloop.report.run_panels import FATES, large, pareto, run_panels


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read(make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10).path)


def panel(run: Run, title: str) -> Panel:
    (one,) = [each for each in run_panels(run) if each.title.startswith(title)]
    return one


def test_the_cost_of_an_admitted_network_is_all_so_far_by_all_admitted_so_far(run: Run) -> None:
    admitted = run.reports[-1].counts.admitted_total
    for title, total in (("Tokens per admitted", run.of(TOKENS)), ("Seconds per admitted", run.seconds)):
        assert panel(run, title).series[0].points[-1].hint == f"{total:,.0f} for {admitted}"


def test_every_status_belongs_to_one_group_of_the_chart() -> None:
    grouped = [status for _, group in FATES.values() for status in group]
    assert sorted(grouped) == sorted(Status)


def test_a_run_without_tokens_and_fine_tunes_has_no_panels_of_them(run: Run) -> None:
    reports = [replace(report, costs=replace(report.costs, tokens=0), finetune=None) for report in run.reports]
    titles = [{one.title for one in run_panels(each)} for each in (run, replace(run, reports=reports))]
    missing = titles[0] - titles[1]
    assert missing == {"Tokens per completion, mode=delta", "Tokens per admitted network", "Loss of the fine-tune"}


def test_a_bar_counts_the_completions_of_its_group(run: Run) -> None:
    bars = {one.name: one for one in panel(run, "What became").series}
    assert [point.y for point in bars["valid"].points] == [report.statuses["ok"] for report in run.reports]
    assert all(any(point.y for point in one.points) for one in bars.values())


def test_the_best_so_far_never_falls(run: Run) -> None:
    best, mean = panel(run, "Best and mean").series
    heights = [point.y for point in best.points]
    assert heights == sorted(heights)
    assert heights[-1] == run.networks[0].val_accuracy
    assert [point.x for point in mean.points] == [1, 2, 3]


def test_a_rate_has_its_interval(run: Run) -> None:
    points = panel(run, "Valid rate").series[0].points
    rates = [report.valid_rate for report in run.reports]
    assert [(point.y, point.low, point.high) for point in points] == [(r.value, r.low, r.high) for r in rates]


def test_every_distinct_network_has_its_dot(run: Run) -> None:
    strip = panel(run, "Accuracy by cycle")
    assert strip.rule == run.threshold
    assert len(strip.series[0].points) == len(run.networks)


def test_the_pareto_front_has_no_point_that_is_dearer_and_no_better() -> None:
    points = [(3, 0.5), (1, 0.4), (2, 0.4), (2, 0.6), (5, 0.9), (4, 0.1)]
    assert pareto(points) == [1, 3, 4]
    assert pareto([]) == []


def test_large_numbers_are_short() -> None:
    assert [large(value) for value in (12, 1500, 2.5e6, 3e9)] == ["12", "1.5k", "2.5M", "3G"]
