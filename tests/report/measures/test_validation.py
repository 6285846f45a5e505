from pathlib import Path

import pytest
from validations import report_on, some_pairs

from nnloop.report.measures import packs
from nnloop.report.measures.validation import (
    FILE,
    Validation,
    ValidationPair,
    correlation_text,
    p_text,
    read_validations,
    study,
    write_tables,
)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "0 pairs: a rank correlation needs at least 3"),
        ([(0.1, 0.5)] * 4, "constant"),
        ([(0.1, 0.2), (0.2, 0.3), (0.3, 0.1), (0.4, 0.5)], "only 4 pairs"),
    ],
)
def test_what_too_few_or_constant_pairs_can_not_show_is_said(pairs: list[tuple[float, float]], said: str) -> None:
    made = [ValidationPair("run", f"n{i}", proxy, long, None, 1, 1.0) for i, (proxy, long) in enumerate(pairs)]
    found = study(made, dataset="Digits", proxy="fast", long="long", rule="a rule", chosen=len(made), failed={})
    assert said in correlation_text(found.correlation)


def test_following_the_proxys_first_choice_has_its_rank_and_its_cost() -> None:
    report = report_on(some_pairs(8))
    assert (report.first_rank, report.regret) == (2, pytest.approx(1 / 50))
    assert report.correlation.rho is not None
    assert report.correlation.rho.value > 0.8


def test_a_validation_comes_back_from_its_file_and_from_a_pack(tmp_path: Path) -> None:
    made = Validation(report_on(some_pairs()), some_pairs(), tmp_path)
    packs.write_document(tmp_path / FILE, made.document)
    assert read_validations(tmp_path / FILE) == [made]
    packs.write_pack(tmp_path / "both.jsonl.xz", [made.document] * 2)
    folders = [one.folder for one in read_validations(tmp_path / "both.jsonl.xz")]
    assert folders == [tmp_path / "both" / "report" / name for name in ("1", "2")]


def test_the_tables_hold_a_row_a_network_and_a_row_an_epoch(tmp_path: Path) -> None:
    write_tables(some_pairs(3), tmp_path)
    assert len((tmp_path / "pairs.csv").read_text().splitlines()) == 4
    assert (tmp_path / "curves.csv").read_text().splitlines()[:2] == ["candidate,epoch,accuracy", "n0,5,0.0"]


def test_a_small_p_value_is_shown_with_its_power_of_ten() -> None:
    assert [p_text(value) for value in (0.0123, 0.00004, None)] == ["0.012", "4e-05", "-"]
