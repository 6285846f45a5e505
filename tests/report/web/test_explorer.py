from pathlib import Path

import pytest
from fake_run import make_run
from report_pages import NEEDS_BROWSER, explorer_data, in_browser, page_of, seconds_in_browser

from nnloop.report import write_run_page
from nnloop.report.measures.read import read
from nnloop.report.web.explorer import SCRIPT
from nnloop.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_the_explorer_holds_every_completion_with_code_diff_and_text(run: RunFolder) -> None:
    data = explorer_data(page_of(run))
    assert len(data["rows"]) == 30
    for entry, row in zip(run.entries(), data["rows"], strict=True):
        assert row[:4] == [entry.cycle + 1, entry.slot, entry.candidate, entry.status]
        assert data["texts"][f"{entry.cycle}-{entry.slot}"].startswith("@@")
    for name, parent in data["parents"].items():
        assert data["codes"][name] == run.read_code(name)
        assert parent in data["codes"]
        assert data["diffs"][name].startswith("--- plain_")


def test_a_runaway_completion_is_cut_and_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", cycles=1, candidates=1, text="x" * 30_000)
    (text,) = explorer_data(page_of(run))["texts"].values()
    assert text == "x" * 20_000 + "\n[10000 more characters]"


def test_accuracies_are_in_percent_and_empty_for_an_invalid_network(run: RunFolder) -> None:
    data = explorer_data(page_of(run))
    place = data["columns"].index("accuracy, %")
    expected = [entry.val_accuracy and round(100 * entry.val_accuracy, 2) for entry in run.entries()]
    assert [row[place] for row in data["rows"]] == expected
    assert None in expected


def test_the_pages_own_script_never_parses_text_as_markup() -> None:
    source = SCRIPT.read_text()
    for danger in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "srcdoc"):
        assert danger not in source


@NEEDS_BROWSER
def test_in_a_browser_a_network_opens_with_its_family_as_a_tree(run: RunFolder) -> None:
    write_run_page(read(run.path))
    best = read(run.path).networks[0]
    dialog = in_browser(f"file://{run.page}#n-{best.candidate}").partition("<dialog")[2]
    tree = dialog.partition('class="tree"')[2].partition("</svg>")[0]
    family = [entry for entry in read(run.path).by_id.values() if entry.parent == best.parent]
    assert tree.count("<circle") == len(family) + 1  # made-up runs take every parent from the corpus
    assert tree.count('class="branch mine"') == 1
    assert f"{best.candidate} · {round(100 * (best.val_accuracy or 0), 2):g} %" in tree
    assert f'href="#n-{best.candidate}"' in tree


@pytest.mark.long
@NEEDS_BROWSER
def test_a_page_of_3300_completions_is_small_and_opens(tmp_path: Path) -> None:
    big = make_run(tmp_path / "big", cycles=22, candidates=150)
    write_run_page(read(big.path))
    assert big.page.stat().st_size < 10e6
    assert ">100 of 3300<" in in_browser(f"file://{big.page}")
    own = min(seconds_in_browser(f"file://{big.page}") - seconds_in_browser("about:blank") for _ in range(3))
    assert own < 2
