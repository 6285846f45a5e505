"""What counts as tampering, and above all what doesn't. The tricks themselves are in tests/attacks."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nnloop import compat

compat.ensure_torchvision_imports()

from nnloop.training.step import optimizer_step  # noqa: E402
from nnloop.training.tamper import Watch  # noqa: E402
from nnloop.training.unfit import UnfitError  # noqa: E402

X = torch.randn(300, 1, 4, 4, generator=torch.Generator().manual_seed(0))
Y = (X.flatten(1).sum(1) > 0).long()
STEPS = 6


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x.flatten(1))
        return out


class Checkpointed(Linear):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(super().forward, x.clone().requires_grad_(), use_reentrant=True)
        return out


def judge(net: nn.Module, passes: int = 0, poison: float = 1.0, classes: int = 2) -> str:
    """Train under a Watch; return what it objects to."""
    try:
        with Watch(0) as watch:
            watch.built(net, X[:40], Y[:40], classes=classes)
            watch.begin(net, STEPS)
            optimizer = torch.optim.SGD(net.parameters(), 0.1)
            for _ in range(STEPS):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(net(X), Y) * poison
                for _ in range(passes):
                    loss.backward(retain_graph=True)
                with watch.own_pass():
                    loss.backward()
                optimizer_step(optimizer)
            watch.trained()
    except UnfitError as error:
        return f"{error.status.value}: {error.reason}"
    return ""


@pytest.mark.parametrize("kind", [Linear, Checkpointed])
def test_honest_networks_are_left_alone(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    assert judge(kind()) == ""


def test_weights_that_are_no_numbers_have_not_changed() -> None:
    torch.manual_seed(0)
    assert judge(Linear(), poison=float("nan")) == ""


def test_a_second_pass_for_a_step_is_noticed() -> None:
    torch.manual_seed(0)
    assert judge(Linear(), passes=1) == f"off_recipe: 0 optimizer steps and {STEPS} backward passes beside the recipe's"


@pytest.mark.parametrize(
    ("classes", "told"),
    [(10, "tampered: it knows 100% of the training labels before it is trained"), (2, "")],
    ids=["many classes", "two heaps that a random network may tell apart"],
)
def test_a_network_that_knows_many_labels_is_noticed(classes: int, told: str) -> None:
    net = Linear()
    with torch.no_grad():
        net.layer.weight.copy_(torch.stack([-torch.ones(16), torch.ones(16)]))
        net.layer.bias.zero_()
    assert judge(net, classes=classes) == told


def test_a_watch_leaves_torch_as_it_was() -> None:
    before = torch.autograd.backward, torch.autograd.grad
    judge(Linear())
    assert (torch.autograd.backward, torch.autograd.grad) == before
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    optimizer.step()  # with no hook of a watch that is over


def test_gradients_are_counted_however_they_are_computed() -> None:
    with Watch(0) as watch:
        watch.begin(Linear(), 1)
        x = torch.ones(1, requires_grad=True)
        (x * 2).backward()
        torch.autograd.grad(x * 2, x)
        assert watch.gradients == 2
