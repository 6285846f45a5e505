"""A pool's run is told dataset by dataset."""

from pathlib import Path

from instant import search

from nnloop.report.by_dataset import DATASET_HEAD, dataset_rows
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.report.write import write_run_page

POOL = ("dataset=pool", "dataset.sets=[digits,mnist]", "llm=random", "cycles=2", "candidates=6")


def test_each_dataset_has_a_row_by_its_own_threshold(configure, tmp_path: Path) -> None:
    run = read(search(configure, tmp_path / "run", *POOL).path)
    rows = {row[0]: dict(zip(DATASET_HEAD, row, strict=True)) for row in dataset_rows(run)}
    assert {title: (row["n"], row["threshold, %"]) for title, row in rows.items()} == {
        "Digits": ("6", "82.0"),
        "MNIST": ("6", "97.0"),
    }
    admitted = {name: sum(one.admitted for one in run.entries if one.dataset == name) for name in run.datasets}
    assert {title: int(row["admitted"]) for title, row in rows.items()} == {
        run.datasets[name]: count for name, count in admitted.items()
    }
    assert run.bar == "82 % on digits, 97 % on mnist"
    assert "MNIST" in summary(run)
    write_run_page(run)
    assert "<h2>By dataset</h2>" in run.page.read_text()


def test_a_run_on_one_dataset_has_no_such_table(configure, tmp_path: Path) -> None:
    run = read(search(configure, tmp_path / "run", "llm=random", "cycles=1", "candidates=2").path)
    assert list(dataset_rows(run)) == []
    write_run_page(run)
    assert "By dataset" not in run.page.read_text()
