"""The right steps are recorded, and nothing is written to a network between two steps."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.optim import SGD
from trainings import finished
from trials import network

from nnloop.records import Status
from nnloop.training import recording, tensors
from nnloop.training.recording import Recorder
from nnloop.training.unfit import UnfitError

HIDDEN = "self.seen = getattr(self, 'seen', 0) + self.training; "
X, Y = torch.ones(4, 6), torch.zeros(4, dtype=torch.long)


def steps(forward: str) -> list[int]:
    return [look.step for look in recording.unpack(finished(network(forward=forward)).looks).looks]


@pytest.mark.parametrize("at", [1, 2, 5, 8])
def test_a_step_that_changes_other_tensors_than_the_last_is_recorded(at: int) -> None:
    write = f"{HIDDEN}self.net[1].bias.data.add_(0.1 * (self.seen == {at} and self.training))"
    assert at in steps(write)
    assert len(steps(write)) <= recording.RANDOM_LOOKS + recording.ODD_LOOKS


def test_a_network_that_only_trains_has_its_random_looks() -> None:
    assert len(steps("pass")) == recording.RANDOM_LOOKS


class Run:
    """A training of a small network, step by step."""

    def __init__(self, secret: int = 0, count: int = 6) -> None:
        self.net, self.count = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), count
        self.optimizer = SGD(self.net.parameters(), 0.1, 0.9, nesterov=True)
        for parameter in self.net.parameters():
            self.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        self.recorder = Recorder(self.net, self.optimizer, seed=0, secret=secret, steps=range(1, count + 1))

    def begin(self, step: int) -> None:
        self.recorder.begin(step)

    def end(self, step: int) -> None:
        self.optimizer.zero_grad()
        nn.functional.cross_entropy(self.net(X), Y).backward()
        self.recorder.end(step, X.clone(), Y.clone(), lr=0.1)

    def train(self) -> list[int]:
        for step in range(1, self.count + 1):
            self.begin(step)
            self.end(step)
            self.optimizer.step()
        self.recorder.finish(tensors.pack(self.net))
        return [look.step for look in recording.unpack(self.recorder.pack()).looks]


def test_each_step_is_as_likely_as_any_other_to_be_recorded() -> None:
    counts = Counter(step for secret in range(300) for step in Run(secret).train())
    assert sorted(counts) == [1, 2, 3, 4, 5, 6]
    assert sum(counts.values()) == 300 * recording.RANDOM_LOOKS
    assert all(60 < count < 140 for count in counts.values())


def write_weight(run: Run) -> None:
    run.net[0].weight.data[0, 0] += 1e-3


def write_past_torch(run: Run) -> None:
    run.net[0].bias.detach().numpy()[1] += 1e-3


def write_buffer(run: Run) -> None:
    run.net[1].running_mean.add_(1.0)  # type: ignore[union-attr,operator]


def write_momentum(run: Run) -> None:
    for state in run.optimizer.state.values():
        state["momentum_buffer"].add_(1.0)


def write_gradient(run: Run) -> None:
    for parameter in run.net.parameters():
        parameter.grad = torch.ones_like(parameter)


def write_rate(run: Run) -> None:
    run.optimizer.param_groups[0]["lr"] = 3.0


WRITES = [write_weight, write_past_torch, write_buffer, write_momentum, write_gradient, write_rate]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("count", [1, 2])
def test_writes_around_the_optimizers_step_are_found(write: object, count: int) -> None:
    run = Run(count=count)
    run.begin(1)
    run.end(1)
    assert callable(write)
    write(run)
    run.optimizer.step()
    with pytest.raises(UnfitError, match="is not what step 1 and its optimizer left") as caught:
        run.recorder.finish(tensors.pack(run.net)) if count == 1 else run.begin(2)
    assert caught.value.status is Status.OFF_RECIPE


def test_writes_between_two_steps_are_found() -> None:
    run = Run()
    run.begin(1)
    run.end(1)
    run.optimizer.step()
    run.net[0].weight.data.mul_(1.01)
    with pytest.raises(UnfitError, match=r"^0.weight is not"):
        run.begin(2)
