"""Parsing code that nobody vouches for: a tree or a SyntaxError, and never a warning."""

import pytest

from nnloop.patching.syntax import find_net, has_forward, parse


@pytest.mark.parametrize(
    "code", ["class Net(", "x = '\0'", "x = '\ud800'", "x = " + "(" * 5_000, "x = " + "-" * 50_000 + "1"]
)
def test_code_that_is_no_python_is_a_syntax_error(code: str) -> None:
    with pytest.raises(SyntaxError):
        parse(code)


def test_a_doubtful_escape_warns_nobody() -> None:
    assert len(parse("x = '\\d'\ny = 1 is 1\n").body) == 2


def test_the_last_net_at_the_top_level_counts() -> None:
    tree = parse("class Net:\n    a = 1\n\n\nclass Net:\n    class Net:\n        pass\n")
    assert find_net(tree) is tree.body[1]
    assert find_net(parse("def f():\n    class Net:\n        pass\n")) is None


@pytest.mark.parametrize(
    ("head", "complete"),
    [("(nn.Module)", False), ("(Module)", False), ("", False), ("(ResNet)", True), ("(nn.Module, Mixin)", True)],
)
def test_a_base_other_than_module_may_have_the_forward(head: str, complete: bool) -> None:
    for body, own in (("pass", False), ("def forward(self, x): return x", True)):
        net = find_net(parse(f"class Net{head}:\n    {body}\n"))
        assert net is not None
        assert has_forward(net) is (complete or own)
