import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import make_run

from nnloop.measures import COMPARED
from nnloop.report.measures.compare import compare
from nnloop.report.measures.read import Run, read
from nnloop.report.web.arms_section import arms_section


def run_of(folder: Path, seed: int = 0, cycles: int = 2, **groups: Any) -> Run:
    """A run of made-up results whose settings have these groups."""
    return read(make_run(folder / f"run-{len(list(folder.glob('run-*')))}", cycles, 6, seed, **groups).path)


@pytest.fixture
def two_arms(tmp_path: Path) -> list[Run]:
    """Tuned and frozen on two seeds."""
    return [run_of(tmp_path, seed, finetune={"name": name}) for name in ("lora", "off") for seed in (0, 1)]


def cards(section: str) -> list[str]:
    """The titles of the charts."""
    return re.findall(r"<figcaption><b>(.*?)</b>", section)


def test_arms_stand_in_a_table_with_a_column_for_each_measure(two_arms: list[Run]) -> None:
    section = arms_section(compare(two_arms, "p")).partition("<h3>Arms</h3>")[2].partition("what the columns mean")[0]
    heads = re.findall(r"<th scope[^>]*>(.*?)</th>", section)
    assert [head.removesuffix(", %") for head in heads[:3]] == ["arm", "seeds", "mean"]
    assert {head.removesuffix(", %") for head in heads} == {"arm", "seeds", *(measure.name for measure in COMPARED)}
    table, further = (part.partition("</table>")[0] for part in section.split("further measures"))
    assert table.count("<th") <= 11  # so that it fits a screen
    assert "<small>[" in further
    rows = re.findall(r'<tr><td><span class="name">(.*?)</span></td><td>(.*?)</td>', table)
    assert rows == [("finetune=lora", "2"), ("finetune=off", "2")]


def test_every_curve_has_a_line_for_each_arm_in_its_colour(two_arms: list[Run]) -> None:
    section = arms_section(compare(two_arms, "p"))
    assert '<i class="key s0"></i>finetune=lora</span>' in section
    assert '<i class="key s1"></i>finetune=off</span>' in section
    (chart,) = [part for part in section.split("<figure>") if "<b>Valid rate</b>" in part]
    assert 'class="line s0"><title>finetune=lora</title>' in chart
    assert 'class="line s1"><title>finetune=off</title>' in chart


def test_differences_of_arms_are_drawn_and_stand_in_a_table(two_arms: list[Run]) -> None:
    section = arms_section(compare(two_arms, "p"))
    assert {"valid", "mean", "best single trial"} <= set(cards(section))
    table = section.partition("<summary>all measures</summary>")[2]
    assert table.count("<td>finetune: lora minus off</td>") == len(COMPARED) - 2  # no incumbent


def test_a_single_seed_has_curves_but_no_differences(two_arms: list[Run]) -> None:
    section = arms_section(compare([run for run in two_arms if run.seed == 0], "p"))
    assert "Valid rate" in cards(section)
    assert "<small>one seed</small>" in section
    assert "Differences between arms" not in section


def test_each_budget_has_a_ranking_that_starts_with_the_best_arm(two_arms: list[Run]) -> None:
    comparison = compare(two_arms, "p")
    section = arms_section(comparison).partition("Ranking at equal budgets")[2]
    for kind, (_, ranked) in comparison.rankings.items():
        table = section.partition(f"<b>equal {kind}: </b>")[2].partition("</table>")[0]
        places = re.findall(r'<span class="name">(.*?)</span></td><td>(.*?)</td>', table)
        assert places == [(one.arm, str(place)) for place, one in enumerate(ranked, 1)]


def test_unfinished_runs_are_counted(two_arms: list[Run], tmp_path: Path) -> None:
    whole = run_of(tmp_path, 2, cycles=3, finetune={"name": "off"})  # of the three that its settings ask for
    section = arms_section(compare([*two_arms, whole], "p"))
    assert "; 4 unfinished runs are in the curves alone" in section


def test_settings_that_the_names_leave_out_are_folded_away(tmp_path: Path) -> None:
    strategies: list[dict[str, Any]] = [
        {"finetune": {"name": "off"}, "novelty": {"name": "graph"}, "search": {"staleness": 0}},
        {"finetune": {"name": "lora"}, "novelty": {"name": "tokens"}, "search": {"staleness": 1}},
        {"finetune": {"name": "lora"}, "novelty": {"name": "tokens"}, "search": {"staleness": 2}},
    ]
    section = arms_section(compare([run_of(tmp_path, **groups) for groups in strategies], "p"))
    folded = section.partition("all settings in which the arms differ")[2].partition("</table>")[0]
    assert re.search(r"<th[^>]*>novelty</th>", folded)
    assert "<td>graph</td>" in folded


def test_arms_whose_names_say_everything_have_no_such_table(two_arms: list[Run]) -> None:
    assert "all settings in which" not in arms_section(compare(two_arms, "p"))


def test_tokens_of_a_completion_have_a_line_for_each_mode(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, mode=mode) for mode in ("delta", "full")]
    section = arms_section(compare(runs, "p"))
    (card,) = [part for part in section.split("<figure>") if "by mode" in part]
    assert re.findall(r"</i>(\w+)<", card) == ["delta", "full"]
    assert f"<title>{runs[0].reports[0].mean_tokens:.4g}, 1 runs</title>" in card


def test_runs_that_wrote_no_tokens_have_no_such_chart(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, seed) for seed in (0, 1)]
    silent = [
        replace(run, entries=[replace(entry, generation=replace(entry.generation, tokens=0)) for entry in run.entries])
        for run in runs
    ]
    assert "Tokens per completion by mode" in cards(arms_section(compare(runs, "p")))
    assert "Tokens per completion by mode" not in cards(arms_section(compare(silent, "p")))
