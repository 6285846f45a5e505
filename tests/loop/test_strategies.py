"""Whole searches under every strategy: trials are made up, prompts and completions are real."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from instant import PLAIN, Instant, KilledError, Shuffled, judged, made_up, run, search

from nnloop.errors import SettingsError
from nnloop.modes.parse import extract_code
from nnloop.records import COMPLETED, Entry, Status, candidate_id
from nnloop.runs.folder import RunFolder

RANDOM = ("llm=random", "cycles=2", "candidates=6", "seed=5")
PARENTS = ("uniform", "top", "power_law", "quality_diversity", "islands")
CONTEXTS = ("single", "memory", "inspirations", "crossover")
SYSTEMS = [
    ("parents=islands", "context=inspirations", "search.staleness=1"),
    ("parents=quality_diversity", "context=memory", "search.staleness=0", "retries=1"),
    ("parents=top", "context=crossover", "search.staleness=3", "retries=2", "mode=full"),
]
EVERY_SYSTEM = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: "-".join(system[:2]))


LINEAR = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.number = {}
        self.out = nn.LazyLinear(out_shape[0])

    def forward(self, x):
        return self.out(x.flatten(1))
"""


def rows(folder: RunFolder) -> list[dict[str, Any]]:
    """The archive without what a clock decides."""
    archived = [entry.to_json() for entry in folder.entries()]
    for row in archived:
        row["generation"].pop("seconds")
    return archived


def script(path: Path, *texts: str) -> tuple[str, str]:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return "llm=scripted", f"llm.path={path}"


@pytest.mark.parametrize("mode", ["delta", "full"])
@pytest.mark.parametrize("option", [*(f"parents={p}" for p in PARENTS), *(f"context={c}" for c in CONTEXTS)])
def test_every_option_runs_and_shows_only_networks_that_completed(option: str, mode: str, configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", *RANDOM, option, f"mode={mode}")
    entries = folder.entries()
    assert [(e.cycle, e.slot) for e in entries] == [(cycle, slot) for cycle in (0, 1) for slot in range(6)]
    corpus = {network.id for network, result in judged() if result.status in COMPLETED}
    for entry in entries:
        earlier = {e.candidate for e in entries if e.cycle < entry.cycle and e.selected and e.status in COMPLETED}
        assert entry.parent in corpus | earlier
        networks = {name for name in entry.generation.shown if "." not in name}
        assert networks <= (corpus | earlier) - {entry.parent}


SMALL = ("cycles=1", "candidates=2")


@pytest.mark.parametrize("experiment", ["best_of_n", "strict_memory", "random_search"])
def test_a_named_system_runs_one_cycle(experiment: str, configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", f"experiment={experiment}", "llm=random", *SMALL)
    assert len(folder.entries()) == 2


@pytest.mark.long
@pytest.mark.parametrize("experiment", ["strict_full", "strict_delta"])
def test_a_paper_s_system_runs_one_cycle(experiment: str, configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", f"experiment=[{experiment},tiny_tuned]", *SMALL)
    assert [entry.mode for entry in folder.entries()] == [experiment.removeprefix("strict_")] * 2


def test_layers_that_the_llm_lacks_are_refused_before_it_writes(configure, tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"^finetune.layers=9: .* has 4$"):
        search(configure, tmp_path / "run", "experiment=tiny_tuned", "finetune.layers=9", *SMALL)
    assert RunFolder(tmp_path / "run").entries() == []


def test_best_of_n_shows_the_corpus_alone(configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", "experiment=best_of_n", "llm=random", "cycles=3", "candidates=8")
    assert any(entry.selected for entry in folder.entries())
    assert {entry.parent for entry in folder.entries()} <= {network.id for network, _ in judged()}


@EVERY_SYSTEM
def test_equal_seeds_give_equal_archives_and_others_do_not(system: tuple[str, ...], configure, tmp_path) -> None:
    one, two = (rows(search(configure, tmp_path / name, *RANDOM, *system)) for name in ("one", "two"))
    assert one == two
    other = rows(search(configure, tmp_path / "other", *RANDOM, *system, "seed=6"))
    assert [row["candidate"] for row in other] != [row["candidate"] for row in one]


@EVERY_SYSTEM
def test_the_order_in_which_trials_end_changes_nothing(system: tuple[str, ...], configure, tmp_path) -> None:
    in_turn = search(configure, tmp_path / "in turn", *RANDOM, *system)
    shuffled = search(configure, tmp_path / "shuffled", *RANDOM, *system, executor=Shuffled())
    assert rows(shuffled) == rows(in_turn)
    for cycle in (0, 1):
        texts = [{s: c.prompt for s, c in run.read_completions(cycle).items()} for run in (in_turn, shuffled)]
        assert texts[0] == texts[1]


@EVERY_SYSTEM
def test_a_run_killed_anywhere_goes_on_to_the_same_archive(system: tuple[str, ...], configure, tmp_path) -> None:
    whole = search(configure, tmp_path / "whole", *RANDOM, *system)
    killed, kills, settings = tmp_path / "killed", 0, configure(*PLAIN, *RANDOM, *system)
    for _ in range(40):
        try:
            run(settings, killed, Instant(lives=2))
        except KilledError:
            kills += 1
            continue
        break
    assert kills >= 3
    assert rows(RunFolder(killed)) == rows(whole)


def test_retries_are_counted_apart_and_show_the_failure(configure, tmp_path) -> None:
    good = [text for text in (f"<nn>\n{LINEAR.format(n)}</nn>" for n in range(20)) if _completes(text)]
    texts = script(tmp_path / "texts.jsonl", good[0], "nothing at all", "nor here", good[1], "still nothing", good[2])
    options = (*texts, "mode=full", "cycles=1", "candidates=3")
    plain = search(configure, tmp_path / "plain", *options).reports()[0]
    folder = search(configure, tmp_path / "retried", *options, "retries=2")
    statuses = [(entry.slot, str(entry.status), entry.retry_of) for entry in folder.entries()]
    assert statuses == [
        (0, "ok", None),
        (1, "unparseable", None),
        (2, "unparseable", None),
        (3, "ok", 1),
        (4, "unparseable", 2),
        (5, "ok", 4),
    ]
    report = folder.reports()[0]
    assert (report.counts.retries, report.counts.retries_valid) == (3, 2)
    apart = ("statuses", "valid_rate", "mean_accuracy", "mean_accuracy_all", "mean_lines")
    assert {key: getattr(report, key) for key in apart} == {key: getattr(plain, key) for key in apart}
    asked = folder.read_completions(0)
    assert asked[4].prompt.startswith(asked[2].prompt)
    assert "Your answer was:\nnor here\n\nIt failed (unparseable): no class Net in the answer" in asked[4].prompt
    assert "Your answer was:\nstill nothing\n" in asked[5].prompt


def _completes(text: str) -> bool:
    return made_up(candidate_id(extract_code(text))).status is Status.OK


def test_failures_of_the_trial_itself_do_not_go_back(configure, tmp_path) -> None:
    folder = search(configure, tmp_path / "run", "llm=random", "cycles=3", "candidates=12", "retries=1")
    entries = folder.entries()
    firsts = [entry for entry in entries if entry.retry_of is None]
    sent = Counter(str(_entry_at(entries, e.cycle, e.retry_of).status) for e in entries if e.retry_of is not None)
    failed = Counter(str(entry.status) for entry in firsts)
    assert failed["crashed"] > 0
    assert sent == Counter({status: failed[status] for status in ("build_failed", "bad_shape") if failed[status]})


def _entry_at(entries: list[Entry], cycle: int, slot: int | None) -> Entry:
    return next(entry for entry in entries if (entry.cycle, entry.slot) == (cycle, slot))


def test_the_tiny_llm_is_shown_what_fits_its_context_of_1024_tokens(configure, tmp_path) -> None:
    options = ("llm=tiny", "cycles=1", "candidates=3", "context=memory", "search.staleness=0", "retries=1")
    folder = search(configure, tmp_path / "run", *options)
    completions = folder.read_completions(0)
    assert all(c.generation.prompt_tokens + 192 <= 1024 for c in completions.values())
    assert len(folder.entries()[2].generation.shown) + folder.entries()[2].generation.dropped == 2
    assert all(re.search(r"(?m)^Below is a PyTorch network", c.prompt) for c in completions.values())
