from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_run import make_run

from nnloop.records import Status
from nnloop.report.measures.read import read
from nnloop.report.web.charts import FATES, all_charts, percent_axis
from nnloop.runs.folder import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_every_chart_is_well_formed_and_labelled(run: RunDir) -> None:
    for chart in all_charts(read(run.path)):
        figure = ElementTree.fromstring(chart)
        assert figure.find("figcaption/b") is not None
        titles = [text.text for text in figure.iter("text") if "title" in text.get("class", "")]
        assert len(titles) == 2


def test_the_cost_of_an_admitted_network_is_all_so_far_by_all_admitted_so_far(run: RunDir) -> None:
    found = read(run.path)
    last = found.reports[-1]
    drawn = "".join(all_charts(found))
    assert f"<title>{found.figures.tokens:,} for {last.counts.admitted_total}</title>" in drawn
    assert f"<title>{found.figures.seconds:,.0f} for {last.counts.admitted_total}</title>" in drawn


def test_every_status_belongs_to_one_group_of_the_chart() -> None:
    grouped = [status for _, group in FATES.values() for status in group]
    assert sorted(grouped) == sorted(Status)


def test_a_run_without_tokens_and_fine_tunes_has_no_charts_of_them(run: RunDir) -> None:
    one = read(run.path)
    silent = replace(
        one, reports=[replace(report, costs=replace(report.costs, tokens=0), finetune=None) for report in one.reports]
    )
    assert len(all_charts(one)) - len(all_charts(silent)) == 3
    assert "nats per token" in "".join(all_charts(one))
    assert "nats per token" not in "".join(all_charts(silent))


def test_a_bar_counts_the_completions_of_its_group(run: RunDir) -> None:
    one = read(run.path)
    drawn = "".join(all_charts(one))
    for report in one.reports:
        assert f"<title>cycle {report.cycle + 1}, valid: {report.statuses['ok']}</title>" in drawn


def test_the_best_so_far_never_falls(run: RunDir) -> None:
    one = read(run.path)
    (chart,) = [chart for chart in all_charts(one) if "Best and mean" in chart]
    line = ElementTree.fromstring(chart).find("svg/polyline")
    assert line is not None
    heights = [float(place.split(",")[1]) for place in line.get("points", "").split()]
    assert heights == sorted(heights, reverse=True)  # pixels from above
    assert len(heights) == len(one.reports)


def test_a_percent_axis_shows_fractions_in_percent() -> None:
    axis = percent_axis("accuracy, %", 0.25)
    assert (axis.label(0.125), axis.low, axis.within) == ("12.5", 0.25, (0.0, 1.0))
