"""The halves of a step: logits come first among a pass's outputs, and no hook runs in the optimizer's step."""

from collections import namedtuple

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nnloop.training.step import clip, first_output, optimizer_step

LOGITS = torch.ones(2, 3)


@pytest.mark.parametrize(
    "out", [LOGITS, (LOGITS, None), [LOGITS], {"out": LOGITS, "aux": 1}, namedtuple("Out", "logits aux")(LOGITS, 1)]
)
def test_the_first_output_is_taken(out: object) -> None:
    assert first_output(out) is LOGITS


@pytest.mark.parametrize("out", [None, (), {}, "text"])
def test_no_tensor_is_said_so(out: object) -> None:
    with pytest.raises(TypeError, match=r"^forward\(\) gave \w+ in training$"):
        first_output(out)


def test_no_hook_runs_in_the_recipes_step() -> None:
    net, ran = nn.Linear(2, 1), []
    optimizer = SGD(net.parameters(), 0.1)
    registers = (register_optimizer_step_pre_hook, register_optimizer_step_post_hook)
    hooks = [register(lambda *_: ran.append(1)) for register in registers]
    optimizer.register_step_post_hook(lambda *_: ran.append(1))
    before = net.weight.detach().clone()
    net(torch.ones(1, 2)).sum().backward()
    clip(net, 1.0)
    optimizer_step(optimizer)
    for hook in hooks:
        hook.remove()
    assert ran == []
    assert not torch.equal(net.weight, before)
