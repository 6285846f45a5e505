"""Prompts are built from the results that their slot may know of, and from nothing else."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from entries import completion, entry
from instant import PLAIN, Instant, KilledError, run, search

from nnloop import build, corpus, novelty
from nnloop.errors import SettingsError
from nnloop.llm.engine import Request, Successes
from nnloop.loop.archive import Archive
from nnloop.loop.prompting import PromptBuilder, batches
from nnloop.parents import make_rule
from nnloop.parents.pool import PromptSlot
from nnloop.records import Status, TrialResult
from nnloop.runs.folder import RunFolder

RANDOM = ("llm=random", "cycles=2", "candidates=6", "seed=5")
NETWORK = corpus.seeds()[0]


@pytest.mark.parametrize("candidates", [1, 2, 5, 24])
@pytest.mark.parametrize("staleness", [0, 1, 2, 7, 12, 23, 100, None])
def test_no_prompt_is_more_results_behind_than_staleness_allows(candidates: int, staleness: int | None) -> None:
    cut = batches(candidates, staleness)
    assert [slot for batch in cut for slot in batch.slots] == list(range(candidates))
    for batch in cut:
        assert 0 <= batch.visible_results <= batch.slots.start
        if staleness is not None:
            assert all(slot - batch.visible_results <= staleness for slot in batch.slots)
    if staleness is None or staleness >= candidates - 1:
        assert [batch.visible_results for batch in cut] == [0]


POOL = ("dataset=pool", "dataset.sets=[digits,mnist,svhn]", "llm=random", "cycles=3", "candidates=7", "seed=5")


def test_the_prompts_of_a_pool_take_turns_and_stay_within_their_dataset(configure, tmp_path) -> None:
    """Three sets and 21 prompts: seven each; parent, candidate and what a prompt shows are of one dataset."""
    folder = search(configure, tmp_path / "run", *POOL, "context=memory", "parents=uniform", "parents.corpus_share=0")
    entries = folder.entries()
    assert Counter(entry.dataset for entry in entries) == {"digits": 7, "mnist": 7, "svhn": 7}
    for block in range(7):
        assert {entry.dataset for entry in entries[3 * block : 3 * block + 3]} == {"digits", "mnist", "svhn"}
    of = {f"{entry.cycle}.{entry.slot}": entry.dataset for entry in entries}
    titles = {"digits": "Digits", "mnist": "MNIST", "svhn": "SVHN"}
    for one in entries:
        assert one.parent.endswith(f"-{one.dataset}")
        assert one.candidate is None or one.candidate.endswith(f"-{one.dataset}")
        assert {of[name] for name in one.generation.shown} <= {one.dataset}
        prompt = folder.read_completions(one.cycle)[one.slot].prompt
        assert f"images of {titles[one.dataset]} " in prompt
    selected = {entry.candidate for entry in entries if entry.selected}
    assert {entry.parent for entry in entries} & selected


def test_a_pool_admits_by_each_datasets_own_threshold(configure, tmp_path) -> None:
    strict = [f"dataset.of.{name}.min_accuracy={least}" for name, least in (("mnist", 1.0), ("svhn", 0.0))]
    entries = search(configure, tmp_path / "run", *POOL, *strict, "dataset.of.digits.min_accuracy=0.5").entries()
    good = {entry.dataset: [] for entry in entries}
    for one in entries:
        if one.status is Status.OK:
            good[one.dataset].append((one.val_accuracy, one.admitted))
    assert {admitted for _, admitted in good["mnist"]} == {False}
    assert {admitted for _, admitted in good["svhn"]} == {True}
    assert all(admitted == (accuracy >= 0.5) for accuracy, admitted in good["digits"])


def test_a_killed_search_over_a_pool_goes_on_to_the_same_archive(configure, tmp_path) -> None:
    whole = search(configure, tmp_path / "whole", *POOL).entries()
    with pytest.raises(KilledError):
        search(configure, tmp_path / "cut", *POOL, executor=Instant(lives=9))
    again = search(configure, tmp_path / "cut", *POOL).entries()
    assert [(entry.candidate, entry.parent, entry.selected) for entry in again] == [
        (entry.candidate, entry.parent, entry.selected) for entry in whole
    ]


def test_the_first_network_of_an_empty_corpus_is_asked_for_from_nothing(configure, tmp_path) -> None:
    answer = json.dumps({"text": f"<nn>\n{NETWORK.code}</nn>"})
    script = tmp_path / "script.jsonl"
    script.write_text(f"{answer}\n")
    given = ["corpus=empty", "mode=full", "llm=scripted", f"llm.path={script}", "parents=top", "search.staleness=0"]
    settings = configure(*PLAIN, *given, "cycles=1", "candidates=2", "selection.rule=all")
    folder = run(settings, tmp_path / "run", Instant(), corpus=[])
    first, second = folder.read_completions(0).values()
    assert (first.generation.parent, second.generation.parent) == ("blank", folder.entries()[0].candidate)
    assert "Write a PyTorch network for it" in first.prompt
    assert "<parent>" not in first.prompt
    assert "<parent>" in second.prompt


@pytest.mark.parametrize(("staleness", "newest"), [(0, [None, "0.0", "0.1", "0.2"]), (1, [None, None, "0.0", "0.1"])])
def test_a_prompt_shows_the_newest_attempts_that_it_may_know_of(staleness, newest, configure, tmp_path) -> None:
    options = ("llm=random", "cycles=2", "candidates=4", "context=memory", f"search.staleness={staleness}")
    folder = search(configure, tmp_path / "run", *options)
    entries = folder.entries()
    assert [entry.generation.shown[0] if entry.generation.shown else None for entry in entries[:4]] == newest
    assert entries[4].generation.shown == ["0.3", "0.2", "0.1", "0.0"]
    assert len(entries[7].generation.shown) == 5


def test_a_whole_cycle_of_staleness_shows_earlier_cycles_alone(configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", *RANDOM, "context=memory", "context.attempts=2")
    assert [entry.generation.shown for entry in folder.entries()] == [[]] * 6 + [["0.5", "0.4"]] * 6


def test_what_does_not_fit_in_the_context_is_dropped_and_counted(configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", *RANDOM, "context=inspirations", "context.tokens=1")
    assert {(tuple(entry.generation.shown), entry.generation.dropped) for entry in folder.entries()} == {((), 2)}
    assert [report.counts.dropped for report in folder.reports()] == [12, 12]
    single = search(configure, tmp_path / "single", *RANDOM)
    alone = {c.generation.parent: c.prompt for c in single.read_completions(0).values()}
    for one in folder.read_completions(0).values():
        assert one.prompt == alone.get(one.generation.parent, one.prompt)


@pytest.fixture
def builder(configure, tmp_path: Path) -> Callable[..., PromptBuilder]:
    """Make a builder over a corpus of one network."""

    def make(*overrides: str) -> PromptBuilder:
        settings = configure("llm=random", "dataset=digits", "novelty=off", *overrides)
        trained = TrialResult(Status.OK, val_accuracy=0.5)
        archive = Archive(RunFolder(tmp_path), novelty.build(settings.novelty), [(NETWORK, trained)])
        archive.corpus = [NETWORK]
        parts = {"mode": build.make_mode(settings), "task": build.make_task(settings)}
        parts |= {"rule": make_rule(settings.parents)}
        return PromptBuilder(settings=settings, folder=RunFolder(tmp_path), archive=archive, **parts)

    return make


def engine(limit: int = 10**6) -> SimpleNamespace:
    """An engine with room for a prompt of so many characters."""
    return SimpleNamespace(fits=lambda text: len(text) <= limit, count=len)


def test_a_request_asks_to_change_the_parent_that_it_shows(builder) -> None:
    request = builder().build(engine(), PromptSlot(1, 3), visible_results=0)
    assert (request.cycle, request.slot, request.retry_of) == (1, 3, None)
    assert (request.prompt.parent, request.parent_code) == (NETWORK.id, NETWORK.code)
    assert NETWORK.code.strip() in request.prompt.text


def test_slots_and_cycles_have_seeds_of_their_own_and_the_same_ones_again(builder) -> None:
    made = builder()

    def seed(cycle: int, slot: int) -> int:
        request: Request = made.build(engine(), PromptSlot(cycle, slot), visible_results=0)
        return request.seed

    assert len({seed(cycle, slot) for cycle in (0, 1) for slot in range(3)}) == 6
    assert seed(0, 2) == seed(0, 2)


def test_a_bandit_is_told_its_operators_successes_up_to_the_results_that_a_prompt_may_use(builder) -> None:
    made = builder("llm=bandit")
    for slot, selected in enumerate((True, False, True)):
        facts = {"slot": slot, "operators": ["width", "skip"][: 1 + slot % 2]}
        made.archive.entries.append(entry(None, Status.REJECTED, selected=selected, facts=facts))
    request = made.build(engine(), PromptSlot(0, 3), visible_results=2)
    assert request.successes == {"width": Successes(1, 2), "skip": Successes(0, 1)}
    assert builder().build(engine(), PromptSlot(0, 3), visible_results=2).successes == {}


def test_an_llm_whose_context_holds_no_network_is_refused(builder) -> None:
    told = (
        r"^llm\.context_length=2048: no network .* fits beside an answer of llm\.max_new_tokens\.delta=256; the .* \d+ "
    )
    with pytest.raises(SettingsError, match=told):
        builder("llm=smollm2").build(engine(limit=100), PromptSlot(0, 0), visible_results=0)


def test_a_network_that_can_not_be_rewritten_is_no_parent_in_full_mode_and_counted(builder) -> None:
    short = SimpleNamespace(fits=lambda text: True, writes=lambda text: len(text) < 50, count=len)
    assert builder("mode=delta").build(short, PromptSlot(0, 0), visible_results=0).prompt.parent == NETWORK.id
    made = builder("mode=full", "llm=smollm2")
    with pytest.raises(
        SettingsError, match=r"^llm\.max_new_tokens\.full=768: too few to rewrite any .* has \d+ tokens$"
    ):
        made.build(short, PromptSlot(0, 0), visible_results=0)
    assert made.count_hidden(short, 0) == 1
    long = SimpleNamespace(fits=lambda text: True, writes=lambda text: True, count=len)
    assert builder("mode=full").count_hidden(long, 0) == 0


def failed(made: PromptBuilder, tmp_path: Path, answer: str) -> Request | None:
    """Build the retry of an answer that gave no code."""
    facts = {"cycle": 0, "slot": 1, "parent": NETWORK.id}
    one = entry(None, Status.UNPARSEABLE, reason="no code", facts=facts)
    (tmp_path / "completions").mkdir()
    with made.folder.journal(made.folder.completions(0)) as journal:
        journal.append(completion(answer, **facts).line())
    return made.retry(engine(limit=5000), one, slot=7)


def test_a_retry_shows_the_answer_and_the_reason_in_a_slot_of_its_own(builder, tmp_path: Path) -> None:
    request = failed(builder(), tmp_path, "nonsense")
    assert request is not None
    assert (request.slot, request.retry_of, request.parent_code) == (7, 1, NETWORK.code)
    assert "nonsense" in request.prompt.text
    assert "no code" in request.prompt.text


def test_an_answer_that_is_too_long_does_not_go_back(builder, tmp_path: Path) -> None:
    assert failed(builder(), tmp_path, "x" * 6000) is None
