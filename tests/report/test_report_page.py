import base64
import json
import shutil
import subprocess
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from entries import generation
from fake_run import make_run
from report_pages import Page, page_of

from nnloop.loop.cycle import summarise
from nnloop.records import Status, TrialResult
from nnloop.report import write_run_page
from nnloop.report.measures.read import read
from nnloop.report.terminal import summary
from nnloop.report.text import interval
from nnloop.report.web.charts import FATES, all_charts
from nnloop.report.web.explorer import SCRIPT
from nnloop.report.web.html import code, diff, escape, tag
from nnloop.runs.durable import write_json
from nnloop.runs.folder import RunDir

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "</title></style><svg onload=alert(4)>",
    "<!-- <a href='javascript:alert(5)'>x</a>",
    "\u202ereversed\x00\x1b[31m\ud800",
)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


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


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_in_a_browser_a_network_opens_with_its_family_as_a_tree(run: RunDir) -> None:
    write_run_page(read(run.path))
    best = read(run.path).networks[0]
    dialog = _in_a_browser(f"file://{run.page}#n-{best.candidate}").partition("<dialog")[2]
    tree = dialog.partition('class="tree"')[2].partition("</svg>")[0]
    family = [entry for entry in read(run.path).by_id.values() if entry.parent == best.parent]
    assert tree.count("<circle") == len(family) + 1  # made-up runs take every parent from the corpus
    assert tree.count('class="branch mine"') == 1
    assert f"{best.candidate} · {round(100 * (best.val_accuracy or 0), 2):g} %" in tree
    assert f'href="#n-{best.candidate}"' in tree


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


def test_the_cost_of_an_admitted_network_is_all_so_far_by_all_admitted_so_far(run: RunDir) -> None:
    found = read(run.path)
    last = found.reports[-1]
    drawn = "".join(all_charts(found))
    assert f"<title>{found.figures.tokens:,} for {last.counts.admitted_total}</title>" in drawn
    assert f"<title>{found.figures.seconds:,.0f} for {last.counts.admitted_total}</title>" in drawn


def test_every_status_belongs_to_one_group_of_the_chart() -> None:
    grouped = [status for _, group in FATES.values() for status in group]
    assert sorted(grouped) == sorted(Status)


def test_a_run_without_a_closed_cycle_has_a_page(tmp_path: Path) -> None:
    assert "nothing to show yet" in page_of(make_run(tmp_path / "run", cycles=0)).text


def test_a_run_without_a_valid_network_has_a_page_and_a_summary(run: RunDir) -> None:
    dead = replace(run.entries()[0], status=Status.CRASHED, result=TrialResult(Status.CRASHED), admitted=False)
    run.archive.write_text("".join(replace(dead, generation=generation(slot)).line() + "\n" for slot in range(4)))
    report = summarise(0, run.entries(), admitted_before=0, min_accuracy=0.6, costs=run.reports()[0].costs)
    for cycle in range(3):
        write_json(run.report(cycle), replace(report, cycle=cycle).to_json())
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
