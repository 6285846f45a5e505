import base64
import csv
import io
import json
import shutil
import subprocess
import sys
import time
import urllib.parse
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from fake_run import make_run

from nnloop.durable import write_json
from nnloop.errors import RunFolderError
from nnloop.jobs import report as job
from nnloop.records import Status, TrialResult
from nnloop.report import write_overview, write_run_page
from nnloop.report.charts import FATES, all_charts
from nnloop.report.explorer import SCRIPT
from nnloop.report.figure import figure
from nnloop.report.html import code, diff, escape, tag
from nnloop.report.read import by_protocol, read
from nnloop.report.summary import summary
from nnloop.report.svg import ticks
from nnloop.report.tables import CYCLE_COLUMNS, to_csv, to_latex
from nnloop.report.text import duration, interval
from nnloop.report.validation import Pair, study, write_validation
from nnloop.rundir import RunDir
from nnloop.settings import ReportJobSettings
from nnloop.stats import wilson

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "</title></style><svg onload=alert(4)>",
    "<!-- <a href='javascript:alert(5)'>x</a>",
    "\u202ereversed\x00\x1b[31m\ud800",
)


class Page(HTMLParser):
    """Every element with its attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = self.packed = ""
        self._raw = False
        self.feed(path.read_text())

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        self._raw = name in ("script", "style")
        self._packing = ("id", "data") in attributes

    def handle_endtag(self, name: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data
        elif self._packing:
            self.packed += data

    def links(self) -> list[str]:
        return [attributes["href"] or "" for name, attributes in self.elements if "href" in attributes]


def page_of(run: RunDir) -> Page:
    write_run_page(read(run.path))
    return Page(run.page)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    made = [
        make_run(tmp_path / "sweep" / f"{llm}-digits-delta-s{seed}", 2, 6, seed, llm=llm)
        for llm in ("tiny", "random")
        for seed in (0, 1)
    ]
    return [run.path for run in made]


def test_a_run_page_tells_the_run_its_cycles_and_its_best_network(run: RunDir) -> None:
    page = page_of(run)
    best = read(run.path).networks[0]
    assert "tiny-digits-delta-s0" in page.text
    assert "Digits, proxy fast, 1 epoch, validation split" in page.text
    assert interval(run.reports()[0].valid_rate) in page.text
    assert f"1. {100 * (best.val_accuracy or 0):.2f} %" in page.text
    assert run.read_code(str(best.candidate)).splitlines()[-1] in page.text


def test_the_best_network_is_shown_with_the_diff_to_its_parent(run: RunDir) -> None:
    source = read(run.path)
    best = source.networks[0]
    changes = source.diff(best.parent, str(best.candidate))
    added = [line for line in changes.splitlines() if line.startswith("+ ")]
    assert added
    assert all(line in page_of(run).text for line in added)


def test_the_same_run_gives_the_same_bytes(run: RunDir) -> None:
    write_run_page(read(run.path))
    first = run.page.read_bytes()
    write_run_page(read(run.path))
    assert run.page.read_bytes() == first


def test_a_page_loads_nothing_from_anywhere(run: RunDir) -> None:
    page = page_of(run)
    assert [name for name, attributes in page.elements if "src" in attributes] == []
    assert [name for name, _ in page.elements if name in ("link", "iframe", "object", "embed", "base")] == []
    assert all(link.startswith("#") for link in page.links())
    source = run.page.read_text()
    assert "url(" not in source
    assert "@import" not in source


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_markup_of_an_llm_reaches_the_page(tmp_path: Path, payload: str) -> None:
    plain = make_run(tmp_path / "plain", cycles=1, candidates=6)
    attacked = make_run(tmp_path / "attacked", cycles=1, candidates=6, text=payload)
    for entry in attacked.entries():
        if entry.candidate:
            text = f'"""{payload}"""\n' + attacked.read_code(entry.candidate)
            attacked.code(entry.candidate).write_text(text, "utf-8", "surrogatepass")
    before, after = page_of(plain), page_of(attacked)
    assert {name for name, _ in after.elements} <= {name for name, _ in before.elements}
    scripts = [name for name, _ in after.elements if name == "script"]
    assert scripts == [name for name, _ in before.elements if name == "script"]
    attributes = {key for _, given in after.elements for key in given}
    assert not {key for key in attributes if key.startswith("on")}
    assert attributes <= {key for _, given in before.elements for key in given}
    assert escape(payload) in attacked.page.read_text()


def test_a_page_lets_no_foreign_script_run(run: RunDir) -> None:
    policies = [a["content"] or "" for name, a in page_of(run).elements if a.get("http-equiv")]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src 'unsafe-inline'" not in policies[0]


def test_the_pages_own_script_never_parses_text_as_markup() -> None:
    source = SCRIPT.read_text()
    for danger in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "srcdoc"):
        assert danger not in source


def test_the_explorer_holds_every_completion_with_code_diff_and_text(run: RunDir) -> None:
    data = explorer_data(page_of(run))
    assert len(data["rows"]) == 30
    for entry, row in zip(run.entries(), data["rows"], strict=True):
        assert row[:4] == [entry.cycle + 1, entry.slot, entry.candidate, entry.status]
        assert data["texts"][f"{entry.cycle}-{entry.slot}"].startswith("@@")
    for name, parent in data["parents"].items():
        assert data["codes"][name] == run.read_code(name)
        assert parent in data["codes"]
        assert data["diffs"][name].startswith("--- plain_")


def explorer_data(page: Page) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(page.packed)))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_in_a_browser_no_text_of_an_llm_runs_or_becomes_an_element(tmp_path: Path) -> None:
    payload = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    attacked = make_run(tmp_path / "attacked", cycles=1, candidates=6, text=payload)
    write_run_page(read(attacked.path))
    dom = _in_a_browser(f"file://{attacked.page}#c-0-0")
    assert "<title>attacked - nnloop</title>" in dom
    assert "<img" not in dom
    assert "cycle 1, slot 0" in dom[dom.index("<dialog") :]
    assert escape(payload).replace("&quot;", '"').replace("&#x27;", "'") in dom


def _in_a_browser(address: str) -> str:
    """The page's elements after its script has run."""
    command = [
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=2000",
        "--dump-dom",
    ]
    return subprocess.run([*command, address], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.long
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_page_of_3300_completions_is_small_and_opens(tmp_path: Path) -> None:
    big = make_run(tmp_path / "big", cycles=22, candidates=150)
    write_run_page(read(big.path))
    assert big.page.stat().st_size < 10e6
    assert ">100 of 3300<" in _in_a_browser(f"file://{big.page}")
    own = min(_seconds(f"file://{big.page}") - _seconds("about:blank") for _ in range(3))
    assert own < 2


def _seconds(address: str) -> float:
    """Wall time of opening a page, the browser's own start included."""
    started = time.monotonic()
    _in_a_browser(address)
    return time.monotonic() - started


def test_what_is_no_markup_is_escaped_wherever_it_stands() -> None:
    assert tag("p", "<b>", title='"<x>') == '<p title="&quot;&lt;x&gt;">&lt;b&gt;</p>'
    assert "<i>" not in code("<i>") + diff("+<i>")
    assert escape("a\x00b\u202ec\r\nd") == "a\\u0000b\\u202ec\nd"


def test_every_chart_is_well_formed_and_labelled(run: RunDir) -> None:
    for chart in all_charts(read(run.path)):
        figure = ElementTree.fromstring(chart)
        assert figure.find("figcaption/b") is not None
        titles = [text.text for text in figure.iter("text") if "title" in text.get("class", "")]
        assert len(titles) == 2


def test_every_status_belongs_to_one_group_of_the_chart() -> None:
    grouped = [status for _, group in FATES.values() for status in group]
    assert sorted(grouped) == sorted(Status)


def test_a_run_without_a_closed_cycle_has_a_page(tmp_path: Path) -> None:
    assert "nothing to show yet" in page_of(make_run(tmp_path / "run", cycles=0)).text


def test_a_run_without_a_valid_network_has_a_page_and_a_summary(run: RunDir) -> None:
    dead = replace(run.entries()[0], status=Status.CRASHED, result=TrialResult(Status.CRASHED), admitted=False)
    run.archive.write_text("".join(replace(dead, slot=slot).line() + "\n" for slot in range(4)))
    report = replace(run.reports()[0], mean_accuracy=None, best_accuracy=None, best_candidate=None, share_above=None)
    for cycle in range(3):
        write_json(run.report(cycle), replace(report, cycle=cycle, valid_rate=wilson(0, 4), distinct=0).to_json())
    assert "no completion has become a valid network yet" in page_of(run).text
    assert "0 [0, 49]" in summary(run.reports(), run.path)


def test_entries_of_an_open_cycle_are_left_out(run: RunDir) -> None:
    run.report(2).unlink()
    assert {entry.cycle for entry in read(run.path).entries} == {0, 1}


def test_the_lineage_of_a_network_ends_in_the_corpus(run: RunDir) -> None:
    source = read(run.path)
    line = source.lineage(str(source.networks[0].candidate))
    assert line[-1] in source.corpus
    assert source.title(line[-1]).startswith("plain_")


def test_an_overview_links_to_the_page_of_every_run(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "sweep" / "report.html"
    for path in runs:
        write_run_page(read(path))
    write_overview(runs, out)
    page = Page(out)
    assert sorted((out.parent / urllib.parse.unquote(link)).parent for link in page.links()) == sorted(runs)
    assert all((out.parent / urllib.parse.unquote(link)).exists() for link in page.links())


def test_an_overview_compares_arms_over_the_seeds_they_share(runs: list[Path], tmp_path: Path) -> None:
    write_overview(runs, tmp_path / "report.html")
    assert "llm: random minus tiny" in Page(tmp_path / "report.html").text


def test_a_single_seed_shows_no_difference_between_arms(runs: list[Path], tmp_path: Path) -> None:
    write_overview([path for path in runs if path.name.endswith("s0")], tmp_path / "report.html")
    assert "minus" not in Page(tmp_path / "report.html").text


def test_an_overview_keeps_protocols_apart(tmp_path: Path) -> None:
    one = make_run(tmp_path / "one", 1, 4)
    two = make_run(tmp_path / "two", 1, 4, proxy={"name": "lemur", "epochs": 1})
    write_overview([one.path, two.path], tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert [name for name, _ in page.elements].count("h2") == 3  # two protocols and what is behind them
    assert "never compare" in page.text


def test_runs_whose_recipes_differ_stand_apart_under_one_protocol_name(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"lr{lr}", 1, 4, proxy={"name": "fast", "epochs": 1, "lr": lr}).path for lr in (0.05, 0.1)
    ]
    assert len(by_protocol([read(run) for run in runs])) == 2
    write_overview(runs, tmp_path / "report.html")
    assert Page(tmp_path / "report.html").text.count("validation split, recipe ") == 2


def test_where_the_data_lie_makes_no_other_recipe(tmp_path: Path) -> None:
    roots = ("/here", "/there")
    data = {"name": "digits", "title": "Digits", "classes": 10}
    runs = [make_run(tmp_path / f"r{i}", 1, 4, dataset=data | {"root": root}) for i, root in enumerate(roots)]
    assert len(by_protocol([read(run.path) for run in runs])) == 1


def test_a_run_name_can_not_become_another_kind_of_address(tmp_path: Path) -> None:
    one = make_run(tmp_path / "javascript:alert(1)", 1, 4)
    write_overview([one.path], tmp_path / "report.html")
    assert Page(tmp_path / "report.html").links() == ["javascript%3Aalert%281%29/report.html"]


def test_an_overview_leaves_out_what_it_can_not_read_and_says_so(
    runs: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (runs[0] / "run.json").write_text("{")
    write_overview(runs, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert len(page.links()) == 3
    assert str(runs[0]) in page.text


def test_an_overview_tells_what_validations_beside_it_found(runs: list[Path], tmp_path: Path) -> None:
    pairs = [Pair("run", f"n{i}", i / 10, i / 20, None, 1, 1.0) for i in range(9)]
    folder = tmp_path / "sweep" / "validate-1"
    folder.mkdir()
    write_validation(study(pairs, "Digits", "proxy fast", "proxy long", "a rule", 9, {}), pairs, folder)
    (tmp_path / "sweep" / "validate-2").mkdir()
    (tmp_path / "sweep" / "validate-2" / "validation.json").write_text("{}")
    write_overview(runs, tmp_path / "sweep" / "report.html")
    page = Page(tmp_path / "sweep" / "report.html")
    assert "rho 1.00 [1.00, 1.00]" in page.text
    assert "validate-1/validation.html" in page.links()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"run\.json is missing"):
        write_overview([tmp_path], tmp_path / "report.html")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunFolderError, match="no settings"):
        write_overview([tmp_path], tmp_path / "report.html")


def settings(runs: object, summaries: object = None) -> Any:
    return SimpleNamespace(runs=str(runs), summaries=summaries and str(summaries))


JOB = ReportJobSettings("report", last_cycles=None, baseline=None)


def test_the_job_reports_on_one_run(run: RunDir) -> None:
    out = io.StringIO()
    job.run(settings(run.path), JOB, out)
    assert out.getvalue() == f"{run.page}\n"
    assert run.page.exists()


def test_the_job_reports_on_a_folder_of_runs_with_tables_and_figures(runs: list[Path], tmp_path: Path) -> None:
    for extra in runs[2:]:
        shutil.rmtree(extra)
    runs = runs[:2]
    out = io.StringIO()
    job.run(settings(tmp_path / "sweep"), JOB, out)
    assert out.getvalue() == f"{tmp_path / 'sweep' / 'report.html'}\n"
    assert all((path / "report.html").exists() for path in runs)
    assert {path.name for path in (runs[0] / "report").iterdir()} == {
        *("cycles.csv", "cycles.tex", "figure.png", "figure.svg"),
    }
    assert {path.name for path in (tmp_path / "sweep" / "report").iterdir()} == {
        *("runs.csv", "runs.tex", "by-cycle-1.png", "by-cycle-1.svg"),
        *(f"{table}-1.{kind}" for table in ("arms", "arms-by-cycle") for kind in ("csv", "tex")),
    }
    rows = list(csv.DictReader((tmp_path / "sweep" / "report" / "runs.csv").read_text().splitlines()))
    assert [row["run"] for row in rows] == [path.name for path in sorted(runs)]
    assert float(rows[0]["valid"]) == pytest.approx(read(sorted(runs)[0]).figures.valid.value, rel=1e-5)


def test_a_table_by_cycle_carries_its_intervals(run: RunDir) -> None:
    first = run.reports()[0]
    row = next(csv.DictReader(io.StringIO(to_csv(CYCLE_COLUMNS, run.reports()))))
    assert (float(row["valid_low"]), float(row["valid_high"])) == pytest.approx(
        (first.valid_rate.low, first.valid_rate.high), rel=1e-5
    )
    assert interval(first.valid_rate) in to_latex(CYCLE_COLUMNS, run.reports(), "caption")


def test_a_number_that_a_cycle_lacks_is_empty_in_csv_and_a_dash_in_latex(run: RunDir) -> None:
    report = replace(run.reports()[0], mean_accuracy=None, best_accuracy=None)
    row = next(csv.DictReader(io.StringIO(to_csv(CYCLE_COLUMNS, [report]))))
    assert (row["mean"], row["mean_low"], row["best"]) == ("", "", "")
    assert " & - & - & " in to_latex(CYCLE_COLUMNS, [report], "")


def test_latex_specials_are_escaped(run: RunDir) -> None:
    assert r"\caption{50\% of a\_b \& c\textbackslash{}}" in to_latex(CYCLE_COLUMNS, [], "50% of a_b & c\\")


def test_the_job_takes_a_glob(runs: list[Path], tmp_path: Path) -> None:
    found = job.find_runs(str(tmp_path / "sweep" / "random-*"))
    assert [path.name for path in found] == ["random-digits-delta-s0", "random-digits-delta-s1"]


def test_the_job_refuses_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        job.run(settings(tmp_path / "none"), JOB, io.StringIO())
    with pytest.raises(RunFolderError, match="no run folder there"):
        job.run(settings(tmp_path), JOB, io.StringIO())


def test_the_summary_has_a_line_per_cycle_and_says_where_everything_lies(run: RunDir) -> None:
    write_run_page(read(run.path))
    lines = summary(run.reports(), run.path).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["1", "2", "3", "all"]
    places = dict(line.split(maxsplit=1) for line in lines if line.startswith(("report", "archive", "networks")))
    assert places == {"report": str(run.page), "archive": str(run.archive), "networks": str(run.path / "code")}
    assert any(line.startswith("best network") for line in lines)
    assert lines[-1] == f"report        {run.page}"


def test_the_figure_of_a_run_is_the_same_every_time(run: RunDir, tmp_path: Path) -> None:
    for suffix in (".png", ".svg"):
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        figure(read(run.path), first)
        figure(read(run.path), second)
        assert first.stat().st_size > 5000
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [(0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 3, True, [0, 1, 2, 3]), (0.5, 1.5, True, [1])],
)
def test_ticks_are_round(low: float, high: float, whole: bool, expected: list[float]) -> None:
    assert ticks(low, high, whole=whole) == expected


def test_durations_read_as_a_person_says_them() -> None:
    assert [duration(8.44), duration(185), duration(3725), duration(None)] == ["8.4 s", "3:05", "1:02:05", "-"]


def test_importing_the_report_loads_neither_torch_nor_matplotlib_nor_wandb() -> None:
    source = (
        "import sys, nnloop.report, nnloop.report.progress, nnloop.report.summary, nnloop.jobs.report;"
        "print(sorted({'wandb', 'torch', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout == "[]\n"
