"""The fine-tune learns the run's newest pairs, filled up from the corpus, each from the prompt that was shown."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from instant import judged, search
from lineages import save_adapter

from nnloop import build, novelty
from nnloop.errors import ModelError, SettingsError
from nnloop.loop.archive import Archive
from nnloop.loop.tuning import BEFORE, Tuner
from nnloop.runs.folder import RunFolder

ENGINE = SimpleNamespace(count=len, writes=lambda text: True)
OPTIONS = ("llm=tiny", "dataset=digits", "finetune.max_pairs=5", "finetune.corpus_pairs=3")


@pytest.fixture
def tuner(configure, tmp_path: Path) -> Callable[..., Tuner]:
    """Make a tuner over the test's run folder."""

    def make(*overrides: str) -> Tuner:
        settings = configure(*OPTIONS, *overrides)
        parts = {"mode": build.make_mode(settings), "task": build.make_task(settings)}
        made = build.make_tuner(settings, folder=RunFolder(tmp_path / "run"), **parts)
        assert made is not None
        return made

    return make


@pytest.fixture
def archive(configure, tmp_path: Path) -> Archive:
    """An archive of two cycles of random edits, in which failed answers were retried."""
    settings = configure("novelty=off", "llm=random", "dataset=digits")
    folder = search(configure, tmp_path / "run", "llm=random", "cycles=2", "candidates=8", "retries=1", "seed=5")
    return Archive(folder, novelty.build(settings.novelty), judged())


def test_the_newest_pairs_come_first_and_the_corpus_fills_up(tuner, archive: Archive) -> None:
    chosen = tuner().pairs(ENGINE, archive, cycle=1)
    pairs = chosen.all
    selected = [entry.candidate for entry in archive.selected(before=2)][::-1]
    own = [pair.target for pair in pairs if pair.target in selected]
    assert own == selected[: len(own)]
    assert 0 < len(own) <= len(pairs) <= 5
    corpus = {network.id for network in archive.corpus}
    assert {pair.target for pair in pairs[len(own) :]} <= corpus
    assert [pair.target for pair in chosen.own] == own
    shares = [len(pair.completion) / len(archive.networks[pair.target].code) for pair in chosen.own]
    assert chosen.own_share == pytest.approx(sum(shares) / len(shares))
    assert str(chosen).startswith(f"{len(own)} pairs of the run (their targets take {chosen.own_share:.0%} of")


def test_a_pair_has_the_prompt_that_was_shown_and_of_a_retry_that_of_the_first_answer(tuner, archive: Archive) -> None:
    made = tuner("finetune.max_pairs=50")
    by_candidate = {entry.candidate: entry for entry in archive.entries}
    prompts = {
        pair.target: pair.prompt for pair in made.pairs(ENGINE, archive, cycle=1).all if pair.target in by_candidate
    }
    assert prompts
    for candidate, prompt in prompts.items():
        entry = by_candidate[candidate]
        first = entry.slot if entry.retry_of is None else entry.retry_of
        assert prompt == made.folder.read_completions(entry.cycle)[first].prompt


def test_without_a_pair_nothing_is_tuned_and_the_log_says_so(
    tuner, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    archive.entries, archive.corpus, archive.variants = [], [], []
    with caplog.at_level(logging.WARNING):
        assert tuner().tune(ENGINE, archive, 0) is None
    assert "no pair to fine-tune on" in caplog.text


def test_the_newest_adapter_of_earlier_cycles_is_continued(tuner) -> None:
    made = tuner()
    assert made.newest_adapter(before=3) is None
    for cycle in (0, 2):
        save_adapter(made.folder.adapter(cycle), None)
    assert [made.newest_adapter(before) for before in (1, 2, 3)] == [made.folder.adapter(n) for n in (0, 0, 2)]
    assert made.checked_adapter(before=3) == made.folder.adapter(2)


def test_a_damaged_adapter_is_refused(tuner) -> None:
    made = tuner()
    save_adapter(made.folder.adapter(0), None)
    (made.folder.adapter(0) / "adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged"):
        made.checked_adapter(before=1)


def test_the_source_decides_whose_pairs_are_learned(tuner, archive: Archive) -> None:
    corpus = {network.id for network in archive.corpus}
    given = ("mode=full", "finetune.max_pairs=50")
    made = {source: tuner(*given, f"finetune.source={source}") for source in ("run", "corpus", "both")}
    of = {source: one.pairs(ENGINE, archive, cycle=1) for source, one in made.items()}
    assert of["run"].own == of["both"].own != []
    assert (of["run"].of_corpus, of["corpus"].own) == ([], [])
    assert of["corpus"].of_corpus
    assert {pair.target for pair in of["corpus"].all} <= corpus


def test_the_corpus_pairs_stay_the_same_where_they_are_not_drawn_anew(tuner, archive: Archive) -> None:
    def drawn(redraw: str) -> list[list[tuple[str, str]]]:
        made = tuner("mode=full", "finetune.source=corpus", f"finetune.redraw={redraw}")
        return [
            [(pair.parent, pair.target) for pair in made.pairs(ENGINE, archive, cycle).all] for cycle in (BEFORE, 0, 1)
        ]

    first, second, third = drawn("false")
    assert first == second == third
    first, second, third = drawn("true")
    assert len({str(first), str(second), str(third)}) == 3


def test_before_the_first_cycle_there_are_pairs_of_the_corpus_alone(tuner, archive: Archive) -> None:
    chosen = tuner("mode=full").pairs(ENGINE, archive, BEFORE)
    assert (len(chosen.own), len(chosen.of_corpus)) == (0, 3)


def test_the_first_cycles_adapter_continues_the_one_from_before(tuner) -> None:
    made = tuner()
    save_adapter(made.folder.first_adapter, None)
    assert [made.newest_adapter(before) for before in (BEFORE, 0, 1)] == [None, *[made.folder.first_adapter] * 2]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["finetune.source=run", "finetune.before=true"], "finetune.source=run: before the first cycle"),
        (["finetune.source=corpus", "finetune.corpus_pairs=0"], "finetune.corpus_pairs=0: finetune.source=corpus"),
        (["finetune.before=true", "finetune.corpus_pairs=0"], "finetune.corpus_pairs=0: finetune.before=true"),
        (["finetune.keep=best", "finetune.held_out=0"], "finetune.held_out=0: finetune.keep=best"),
    ],
)
def test_a_fine_tune_without_the_pairs_that_it_needs_is_refused(configure, given: list[str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        configure("llm=tiny", "finetune.corpus_pairs=3", *given)
