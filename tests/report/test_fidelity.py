"""docs/fidelity.md, the lines that it is made of, and the overlays that it describes say the same."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from paths import ROOT

from nnloop import build
from nnloop.errors import CorpusError
from nnloop.report.fidelity import differing, page, papers
from nnloop.runs.folder import RunFolder
from nnloop.settings import Settings
from nnloop.settings.keys import flat


def reader(settings: Settings) -> Callable[[str], Any]:
    known = flat(asdict(settings))
    return lambda key: known.get(key)


@pytest.mark.parametrize("overlay", ["paper_full", "paper_delta", "gu_memory"])
def test_an_overlay_has_every_value_that_the_page_names(overlay: str, configure) -> None:
    named = [key for line in papers()[overlay]["lines"] for key in line.get("settings", {})]
    assert len(named) > 8
    assert differing(overlay, reader(configure(f"experiment={overlay}"))) == []


@pytest.mark.parametrize(
    ("paper", "strict", "lines"),
    [
        ("paper_full", "strict_full", {"corpus", "trainer", "before cycle 1", "prompt", "loss", "candidates a cycle"}),
        ("paper_delta", "strict_delta", {"datasets", "corpus", "trainer", "answer", "loss", "each cycle's pairs"}),
        ("gu_memory", "strict_memory", {"iterations", "sampling", "batch", "start", "shown"}),
    ],
)
def test_the_stricter_system_is_told_the_lines_in_which_it_differs(paper, strict, lines, configure) -> None:
    assert set(differing(paper, reader(configure(f"experiment={strict}")))) >= lines


@pytest.mark.parametrize("overlay", ["paper_full", "paper_delta"])
def test_without_lemur_an_overlay_ends_in_a_line_with_the_download(overlay: str, configure, tmp_path) -> None:
    run = RunFolder(tmp_path / "run")
    settings = configure(f"experiment={overlay}", "tracker=none")
    with pytest.raises(CorpusError, match=r"^corpus.path: .*pip download --no-deps nn-dataset==2.1.2"):
        build.run(settings, run.path)


def test_every_line_has_settings_or_says_why_not() -> None:
    for known in papers().values():
        for line in known["lines"]:
            assert line.get("settings") or (line["state"] and line["note"]), line


def test_the_page_is_the_one_in_docs() -> None:
    assert (ROOT / "docs/fidelity.md").read_text() == page()
