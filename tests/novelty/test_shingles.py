"""Shingles: the changes of a source that each unit sees."""

import ast

import pytest
from edits import BASE
from novelty_cases import both_units, each_unit, overlap

from nnloop.novelty.shingles import shingle


@each_unit
def test_comments_docstrings_and_layout_do_not_count(unit: str) -> None:
    commented = BASE.replace("class Net(nn.Module):\n", 'class Net(nn.Module):\n    """A net."""\n\n    # comment\n')
    commented = commented.replace("nn.Conv2d(3, 16, 3)", "nn.Conv2d(\n            3, 16,\n            3)  # first")
    assert commented != BASE
    assert overlap(unit, BASE, commented) == 1.0
    assert overlap(unit, BASE, ast.unparse(ast.parse(BASE))) == 1.0


EDITS = {
    "width": BASE.replace("16", "24"),
    "kernel": BASE.replace("32, 3)", "32, 5)"),
    "text": BASE.replace("import torch\n", "import torch\n\nNAME = 'x'\n"),
    "activation": BASE.replace("nn.ReLU", "nn.GELU"),
    "rename": BASE.replace("self.a", "self.stem"),
    "order": BASE.replace("self.act(self.a(x))", "self.a(self.act(x))"),
}


@pytest.mark.parametrize("edit", ["width", "kernel", "text"])
def test_the_token_rule_is_blind_to_numbers_and_to_code_outside_classes(edit: str) -> None:
    assert overlap("tokens", BASE, EDITS[edit]) == 1.0


@pytest.mark.parametrize("edit", ["activation", "rename", "order"])
def test_the_token_rule_sees_names_and_order(edit: str) -> None:
    assert overlap("tokens", BASE, EDITS[edit]) < 1.0


@pytest.mark.parametrize("edit", EDITS)
def test_the_character_rule_sees_every_edit(edit: str) -> None:
    assert overlap("chars", BASE, EDITS[edit]) < 1.0


@both_units
def test_a_rename_moves_the_textual_rules_more_than_a_width(unit: str) -> None:
    assert overlap(unit, BASE, EDITS["rename"]) < overlap(unit, BASE, EDITS["width"])


def test_helper_classes_count() -> None:
    helper = "class Helper(nn.Module):\n    def forward(self, x):\n        return x * 2 + x.mean()\n"
    assert overlap("tokens", BASE, f"{BASE}\n\n{helper}") < 1.0


def test_a_source_shorter_than_a_shingle_has_one() -> None:
    short = shingle("class N: x = 1", "tokens", 10)
    assert short is not None
    assert len(short) == 1
