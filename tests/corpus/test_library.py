"""Helper classes for edits: every one that an operator may need is there."""

import ast

from nnloop.corpus.library import BLOCKS, GATES, helper_classes


def test_every_block_gate_and_wrapper_is_a_class_of_the_seeds() -> None:
    texts = helper_classes()
    assert {*BLOCKS, *GATES, "Residual", "Cat"} <= texts.keys()
    assert "Net" not in texts
    for name, text in texts.items():
        (node,) = ast.parse(text).body
        assert isinstance(node, ast.ClassDef)
        assert node.name == name


def test_a_block_takes_its_channels_first() -> None:
    for name in BLOCKS:
        (node,) = ast.parse(helper_classes()[name]).body
        init = next(each for each in ast.walk(node) if isinstance(each, ast.FunctionDef) and each.name == "__init__")
        assert init.args.args[1].arg == "c"
