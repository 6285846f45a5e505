"""Both modes: from a completion to code, and pairs for fine-tuning."""

import random
import subprocess
import sys

import pytest
from edits import BASE, WIDER, WIDER_DIFF, seed_sources

from nnloop.errors import CompletionError
from nnloop.modes import Mode
from nnloop.modes.delta import MAX_CHANGED, Delta
from nnloop.modes.full import Full
from nnloop.modes.pairs import corpus_pairs, run_pairs
from nnloop.modes.render import Task
from nnloop.records import Network, Status, candidate_id

TASK = Task("Digits", "grey images of digits", 10, 1, 8)
MODES = [Delta(1, False), Delta(3, True), Delta(0, True), Delta(1, False, "search_replace"), Full()]
each_mode = pytest.mark.parametrize("mode", MODES, ids=["delta-bare", "delta-3", "delta-0", "delta-blocks", "full"])


def network(code: str, accuracy: float | None = 0.5) -> Network:
    return Network(candidate_id(code), code, "net", accuracy)


def refused(mode: Mode, text: str) -> Status:
    with pytest.raises(CompletionError) as caught:
        mode.code(text, BASE)
    return caught.value.status


@each_mode
def test_the_completion_of_a_pair_gives_the_target_again(mode: Mode) -> None:
    networks = [network(source) for source in seed_sources()]
    for old, new in zip(networks, [*networks[5:], *networks[:5]], strict=True):
        pair = mode.pair(old, new, TASK)
        assert (pair.baseline, pair.target) == (old.id, new.id)
        assert mode.code(pair.completion, old.code) == new.code


@each_mode
def test_training_and_generation_share_their_prompt(mode: Mode) -> None:
    old, new = network(BASE), network(WIDER)
    assert mode.pair(old, new, TASK).prompt == mode.prompt(old, TASK).text
    assert mode.prompt(old, TASK).mode == mode.name
    assert mode.prompt(old, TASK).baseline == old.id


def test_the_prompt_asks_for_the_edit_format() -> None:
    unified, blocks = (Delta(1, False, each).prompt(network(BASE), TASK).text for each in ("unified", "search_replace"))
    assert "unified diff" in unified
    assert "SEARCH" not in unified
    assert "<<<<<<< SEARCH\n" in blocks
    assert "unified diff" not in blocks


@each_mode
def test_code_ends_in_one_newline(mode: Mode) -> None:
    completion = mode.pair(network(BASE), network(WIDER), TASK).completion
    assert mode.code(completion, BASE.rstrip("\n")) == WIDER
    assert mode.code(completion + "\n\n", BASE + "\n\n") == WIDER


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("I can't help with that.", Status.UNPARSEABLE),
        (WIDER_DIFF.replace("ReLU", "GELU"), Status.PATCH_FAILED),
        ("@@ @@\n-import torch\n+import torch\n", Status.NO_CHANGE),
        ("@@ @@\n-import torch\n+import torch  # the library\n", Status.NO_CHANGE),
        ("@@ @@\n-import torch\n+import torch, pty\n", Status.REJECTED),
        ("@@ @@\n-class Net(nn.Module):\n+class Nut(nn.Module):\n", Status.REJECTED),
        ("@@ @@\n-import torch\n+import torch(\n", Status.UNPARSEABLE),
        ("@@ @@\n-import torch\n+import \ud800\n", Status.UNPARSEABLE),
        ("@@ @@\n-import torch\n+import torch\n+x = " + "-" * 5_000 + "1\n", Status.UNPARSEABLE),
    ],
)
def test_a_delta_that_is_no_candidate_says_why(text: str, status: Status) -> None:
    assert refused(Delta(1, False), text) == status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("I can't help with that.", Status.UNPARSEABLE),
        (BASE[:300], Status.UNPARSEABLE),
        ("import pty\n" + BASE, Status.REJECTED),
    ],
)
def test_a_program_that_is_no_candidate_says_why(text: str, status: Status) -> None:
    assert refused(Full(), text) == status


def test_a_copy_of_the_baseline_is_a_candidate_in_full_mode() -> None:
    assert Full().code(BASE, BASE) == BASE


@each_mode
def test_corpus_pairs_lead_to_better_networks(mode: Mode) -> None:
    rng = random.Random(0)
    networks = [network(source, rng.random()) for source in seed_sources()]
    accuracy = {each.id: each.val_accuracy or 0 for each in networks}
    pairs = corpus_pairs(networks, mode, TASK, 50, random.Random(1))
    assert len(pairs) == 50
    assert all(accuracy[pair.baseline] < accuracy[pair.target] for pair in pairs)
    assert len({(pair.baseline, pair.target) for pair in pairs}) == 50
    assert pairs == corpus_pairs(networks, mode, TASK, 50, random.Random(1))
    assert pairs != corpus_pairs(networks, mode, TASK, 50, random.Random(2))


@each_mode
def test_networks_of_unknown_accuracy_make_no_corpus_pairs(mode: Mode) -> None:
    assert corpus_pairs([network(BASE, None), network(WIDER, 0.9)], mode, TASK, 5, random.Random(0)) == []
    assert corpus_pairs([], mode, TASK, 5, random.Random(0)) == []


def test_delta_pairs_are_deltas() -> None:
    mode = Delta(3, True)
    assert mode.suits(BASE, WIDER)
    assert not mode.suits(BASE, BASE)
    assert not mode.suits(BASE, seed_sources()[0])
    longer = BASE + "# x\n" * int(MAX_CHANGED / (1 - MAX_CHANGED) * BASE.count("\n"))
    assert mode.suits(BASE, longer)
    assert not mode.suits(BASE, longer + "# x\n" * 3)


@each_mode
def test_run_pairs_are_the_newest_one_for_each_child(mode: Mode) -> None:
    base, wider, other = network(BASE), network(WIDER), network(BASE.replace("ReLU", "GELU"))
    lineage = [(other, wider), (base, wider), (base, base), (base, other)]
    pairs = run_pairs(lineage, mode, TASK, 10)
    assert [(pair.baseline, pair.target) for pair in pairs] == [(other.id, wider.id), (base.id, other.id)]
    assert run_pairs(lineage, mode, TASK, 1) == pairs[:1]


def test_modes_do_without_torch() -> None:
    code = "import sys, nnloop.modes.delta, nnloop.modes.full, nnloop.modes.pairs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
