"""llm=bandit: operators that made selected networks are chosen more often, and the seed decides the rest."""

import random
from collections import Counter
from dataclasses import replace

from asking import random_settings, requests

from nnloop.corpus import seeds
from nnloop.corpus.edits import OPERATORS
from nnloop.llm import load
from nnloop.llm.bandit import edit
from nnloop.llm.engine import Successes

BANDIT = replace(random_settings(), operators="bandit")


def chosen(successes: dict[str, Successes]) -> Counter[str]:
    edits = [edit(seeds()[0].code, random.Random(seed), successes) for seed in range(60)]
    return Counter(one[1] for one in edits if one)


def test_operators_are_tried_alike_until_some_have_been_successful() -> None:
    before = chosen({})
    assert len(before) > len(OPERATORS) / 2
    after = chosen({name: Successes(0, 30) for name in OPERATORS} | {"width": Successes(29, 30)})
    assert after["width"] > 50 > before["width"]


def test_an_answer_names_its_operators_and_depends_on_its_request_alone() -> None:
    answers = list(load(BANDIT, "full", 4).generate(requests(4)))
    again = list(load(BANDIT, "full", 4).generate(requests(4)[::-1]))[::-1]
    assert [one.text for one in answers] == [one.text for one in again]
    assert all(len(one.generation.operators) == 3 for one in answers)
    assert {name for one in answers for name in one.generation.operators} <= OPERATORS.keys()


def test_code_in_another_idiom_is_left_as_it_is() -> None:
    (request,) = [replace(one, parent_code="class Net:\n    pass\n") for one in requests(1)]
    (answer,) = load(BANDIT, "full", 1).generate([request])
    assert (answer.text, answer.generation.operators) == ("<nn>\nclass Net:\n    pass\n</nn>", [])
