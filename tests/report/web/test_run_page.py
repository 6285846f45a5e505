from collections import Counter
from pathlib import Path

import pytest
from fake_run import make_run, without_valid_networks
from report_pages import NEEDS_BROWSER, in_browser, page_of

from nnloop.report import write_run_page
from nnloop.report.measures.read import read
from nnloop.report.text import interval, percent
from nnloop.report.web.html import escape
from nnloop.runs.folder import RunFolder

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "</title></style><svg onload=alert(4)>",
    "<!-- <a href='javascript:alert(5)'>x</a>",
    "\u202ereversed\x00\x1b[31m\ud800",
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path / "tiny-digits-delta-s0", cycles=3, candidates=10)


def test_a_run_page_tells_the_run_its_cycles_and_its_best_network(run: RunFolder) -> None:
    page = page_of(run)
    best = read(run.path).networks[0]
    assert "tiny-digits-delta-s0" in page.text
    assert "Digits, proxy fast, 1 epoch, validation split" in page.text
    assert interval(run.reports()[0].valid_rate) in page.text
    assert f"1. {100 * (best.val_accuracy or 0):.2f} %" in page.text
    assert run.read_code(str(best.candidate)).splitlines()[-1] in page.text


def test_the_best_network_is_shown_with_the_diff_to_its_parent(run: RunFolder) -> None:
    source = read(run.path)
    best = source.networks[0]
    changes = source.diff(best.parent, str(best.candidate))
    added = [line for line in changes.splitlines() if line.startswith("+ ")]
    assert added
    assert all(line in page_of(run).text for line in added)


def test_the_same_run_gives_the_same_bytes(run: RunFolder) -> None:
    write_run_page(read(run.path))
    first = run.page.read_bytes()
    write_run_page(read(run.path))
    assert run.page.read_bytes() == first


def test_a_page_loads_nothing_from_anywhere(run: RunFolder) -> None:
    page = page_of(run)
    assert [name for name, attributes in page.elements if "src" in attributes] == []
    assert [name for name, _ in page.elements if name in ("link", "iframe", "object", "embed", "base")] == []
    assert all(link.startswith("#") for link in page.links())
    source = run.page.read_text().replace("url(#arrow)", "")  # a part of the same drawing
    assert "url(" not in source
    assert "@import" not in source


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_markup_of_an_llm_reaches_the_page(tmp_path: Path, payload: str) -> None:
    plain = make_run(tmp_path / "plain", cycles=1, candidates=6, text="plain")
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


def test_a_page_lets_no_foreign_script_run(run: RunFolder) -> None:
    policies = [a["content"] or "" for name, a in page_of(run).elements if a.get("http-equiv")]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src 'unsafe-inline'" not in policies[0]


@NEEDS_BROWSER
def test_in_a_browser_no_text_of_an_llm_runs_or_becomes_an_element(tmp_path: Path) -> None:
    payload = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    attacked = make_run(tmp_path / "attacked", cycles=1, candidates=6, text=payload)
    write_run_page(read(attacked.path))
    dom = in_browser(f"file://{attacked.page}#c-1-1")
    assert "<title>attacked - nnloop</title>" in dom
    assert "<img" not in dom
    assert "cycle 1, slot 1" in dom[dom.index("<dialog") :]
    assert escape(payload).replace("&quot;", '"').replace("&#x27;", "'") in dom


def test_a_run_without_a_closed_cycle_has_a_page(tmp_path: Path) -> None:
    assert "nothing to show yet" in page_of(make_run(tmp_path / "run", cycles=0)).text


def test_a_run_without_a_valid_network_has_a_page(run: RunFolder) -> None:
    without_valid_networks(run)
    assert "no completion has become a valid network yet" in page_of(run).text


def test_statuses_and_the_most_frequent_reasons_are_counted(run: RunFolder) -> None:
    page = page_of(run).text
    statuses = Counter(str(entry.status) for entry in run.entries())
    for status, times in statuses.items():
        assert f"{status}{times}{percent(times / 30)}" in page
    reasons = Counter((str(entry.status), entry.reason) for entry in run.entries() if entry.reason)
    for (status, reason), times in reasons.items():
        assert f"{times} {status}: {reason}" in page


def test_every_setting_is_on_the_page_by_its_dotted_key(run: RunFolder) -> None:
    page = page_of(run).text
    for row in ("llm.temperature0.8", "dataset.namedigits", "proxy.epochs1", "versions.nnloop0.1.0", "commitabc"):
        assert row in page
