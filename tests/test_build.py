"""The parts that settings name are made, and the end of a search reads little."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run
from instant import Instant, run

from nnloop import build
from nnloop.errors import RunFolderError
from nnloop.loop.tuning import Tuner
from nnloop.modes.delta import Delta
from nnloop.modes.full import Full
from nnloop.records import Entry
from nnloop.runs.folder import RunFolder
from nnloop.settings import BudgetSettings

SEARCH = (
    "llm=random",
    "dataset=digits",
    "corpus.trials=1",
    "corpus.limit=8",
    "tracker=none",
    "novelty=off",
    "cycles=2",
    "candidates=4",
)


def test_the_end_of_a_search_reads_its_own_archive_at_most_once_and_no_other_runs(
    configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configure(*SEARCH)
    folder = run(settings, tmp_path / "search" / "own", Instant()).path
    make_run(tmp_path / "search" / "other").page.write_text("")
    reads: Counter[str] = Counter()
    entries = RunFolder.entries

    def counted(self: RunFolder) -> list[Entry]:
        reads[self.path.name] += 1
        return entries(self)

    monkeypatch.setattr(RunFolder, "entries", counted)
    build.run(settings, folder)
    assert reads["other"] == 0
    assert reads["own"] <= 1
    page = (tmp_path / "search" / "index.html").read_text()
    assert "./own/report.html" in page
    assert "./other/report.html" in page


def test_a_finished_search_prints_its_summary_and_why_it_stopped(
    configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(configure(*SEARCH), budget=BudgetSettings(tokens=None, hours=1e-9, target=None, patience=None))
    folder = run(settings, tmp_path / "run", Instant()).path
    build.run(settings, folder)
    told = capsys.readouterr().out
    assert told.startswith("stopped: budget.hours=1e-09 is used up")
    assert str(folder.name) in told.splitlines()[-1]


def test_the_mode_and_the_fine_tune_are_those_of_the_settings(configure, tmp_path: Path) -> None:
    full, delta = configure("llm=tiny", "mode=full"), configure("llm=tiny", "mode=delta", "finetune=off")
    modes = [build.make_mode(settings) for settings in (full, delta)]
    assert [type(mode) for mode in modes] == [Full, Delta]
    parts = {"task": build.make_task(full), "folder": RunFolder(tmp_path)}
    tuner = build.make_tuner(full, mode=modes[0], **parts)
    assert isinstance(tuner, Tuner)
    assert (tuner.settings, tuner.seed) == (full.finetune, full.seed)
    assert build.make_tuner(delta, mode=modes[1], **parts) is None


def test_a_run_with_other_words_in_its_prompts_is_refused_wherever_they_lie(configure, tmp_path: Path) -> None:
    file, folder = tmp_path / "mine.txt", tmp_path / "run"
    file.write_text("Improve {code}")
    settings = configure(*SEARCH, f"mode.prompt={file}")
    mode, run = build.make_mode(settings), RunFolder(folder)
    run.open(settings)
    run.record_prompts(mode.templates.of(mode.form))
    run.record_prompts(mode.templates.of(mode.form))
    assert run.provenance()["prompts"]["delta"] == "Improve {code}"
    assert "full" not in run.provenance()["prompts"]
    file.write_text("Improve now {code}")
    with pytest.raises(RunFolderError, match=r"begun with other words of its prompts \(delta; run.json has the former"):
        build.run(settings, folder)


def test_the_corpus_is_that_of_the_settings(configure) -> None:
    assert {network.name for network in build.make_corpus(configure(*SEARCH, "corpus.limit=null"))} >= {
        "attention",
        "vgg",
    }
