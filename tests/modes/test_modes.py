"""Every mode: its prompts, its completions, its pairs."""

import subprocess
import sys

import pytest
from edits import BASE, WIDER, seed_sources
from mode_cases import TASK, each_mode, network, refused

from nnloop.modes import Mode
from nnloop.modes.full import Full
from nnloop.records import Status


@each_mode
def test_the_completion_of_a_pair_gives_the_target_again(mode: Mode) -> None:
    networks = [network(source) for source in seed_sources()]
    for old, new in zip(networks, [*networks[5:], *networks[:5]], strict=True):
        pair = mode.pair(old, new, TASK)
        assert (pair.parent, pair.target) == (old.id, new.id)
        assert mode.read(pair.completion, old.code).code == new.code


@each_mode
def test_training_and_generation_share_their_prompt(mode: Mode) -> None:
    old, new = network(BASE), network(WIDER)
    assert mode.pair(old, new, TASK).prompt == mode.prompt(old, TASK).text
    assert mode.prompt(old, TASK).mode == mode.name
    assert mode.prompt(old, TASK).parent == old.id


@each_mode
def test_code_ends_in_one_newline(mode: Mode) -> None:
    completion = mode.pair(network(BASE), network(WIDER), TASK).completion
    assert mode.read(completion, BASE.rstrip("\n")).code == WIDER
    assert mode.read(completion + "\n\n", BASE + "\n\n").code == WIDER


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


def test_a_copy_of_the_parent_is_a_candidate_in_full_mode() -> None:
    assert Full().read(BASE, BASE).code == BASE


def test_modes_do_without_torch() -> None:
    code = "import sys, nnloop.modes.delta, nnloop.modes.full, nnloop.modes.pairs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
