from dataclasses import replace
from pathlib import Path

from validations import report_on, some_pairs

from nnloop.report.measures.validation import Validation, ValidationPair
from nnloop.report.web.validation_page import validation_page


def page_of(pairs: list[ValidationPair], failed: dict[str, int] | None = None) -> str:
    return validation_page(Validation(report_on(pairs, failed), pairs, Path("validate")))


def test_the_page_draws_both_bands_and_a_curve_a_network() -> None:
    drawn = page_of(some_pairs())
    assert drawn.count('class="band ') == 2
    assert drawn.count("% by the proxy</title>") == 20


def test_without_curves_there_is_no_chart_of_them() -> None:
    assert "Learning curves" in page_of(some_pairs())
    assert "Learning curves" not in page_of([replace(pair, curve=[]) for pair in some_pairs()])


def test_the_pairs_stand_in_a_table_the_best_long_accuracy_first() -> None:
    rows = page_of(some_pairs(6)).partition("<h2>Pairs</h2>")[2].split("<tr>")[2:]
    assert [row.partition("</span>")[0].rpartition(">")[2] for row in rows] == ["n4", "n5", "n2", "n3", "n0", "n1"]
    assert "<td>10.00</td><td>60.00</td><td>50.00</td>" in rows[0]


def test_failed_trials_and_too_few_pairs_are_said() -> None:
    drawn = page_of(some_pairs(2), {"timeout": 1, "crashed": 1})
    assert "2 of 2 long trials gave no accuracy: 1 crashed, 1 timeout" in drawn
    assert "Beware: 2 pairs: a rank correlation needs at least 3" in drawn
