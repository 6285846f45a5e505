"""Loops: what is one, and what is none."""

import time

import pytest

from nnloop.llm.stopping import LONGEST, SHORTEST, loops

LINE = "        x = self.act(x)\n"


@pytest.mark.parametrize("text", [LINE * 20, "a" * SHORTEST, "intro\n" + (LINE + "        y = x\n") * 20])
def test_the_same_over_and_over_is_a_loop(text: str) -> None:
    assert loops(text, 20)
    assert loops(list(text), 20)


@pytest.mark.parametrize(
    "text",
    [
        "",
        LINE * 19,
        LINE * 20 + "x",
        "-" * (SHORTEST - 1),
        "".join(f"self.conv{at} = nn.Conv2d(64, 64, 3)\n" for at in range(60)),
        ("x" * (LONGEST + 1) + "\n") * 20,
    ],
    ids=["nothing", "too few", "it went on", "a rule", "lines that count", "a whole network"],
)
def test_other_repetition_is_none(text: str) -> None:
    assert not loops(text, 20)


@pytest.mark.parametrize("times", [0, 1])
def test_no_times_no_loop(times: int) -> None:
    assert not loops(LINE * 50, times)


def test_looking_for_loops_costs_little() -> None:
    text = "".join(f"{at % 7}{at % 5}" for at in range(4_000))
    start = time.process_time()
    for _ in range(1_000):
        loops(text, 20)
    assert time.process_time() - start < 1
