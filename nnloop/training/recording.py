"""Records steps of a training for the evaluation's process to repeat, and watches the weights between steps.

Recorded are a few random steps, and steps in which other tensors change than in the step before: a network that writes
into its parameters or buffers only now and then is looked at then. Whether a step is one of the random ones is decided
when it is over, by a seed that depends on labels which the candidate does not have.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import SGD

from nnloop.records import Status
from nnloop.training import tensors
from nnloop.training.randomness import seed_generators
from nnloop.training.shadow import Shadow, State, differing
from nnloop.training.unfit import UnfitError

RANDOM_LOOKS = 2
MANY_BYTES = 8 << 20
"""A network with more parameters and buffers has one random look."""
MOST_BYTES = 256 << 20
"""Larger networks are not looked at, and looks past it are dropped: they would take too long to hand over."""
ODD_LOOKS = 3  # of steps that change other tensors than the step before: the first two and the last


@dataclass(frozen=True, slots=True)
class Look:
    """One recorded step."""

    step: int  # from 1
    before: State  # parameters and buffers when it began
    x: Tensor  # the batch, as the network got it
    y: Tensor
    gradients: State  # of each parameter, clipped: its norm and its sum
    after: State  # of each parameter and buffer before the optimizer's step: its norm and its sum


@dataclass(frozen=True, slots=True)
class Recording:
    """The steps of a training that were recorded, and the untrained network."""

    untrained: State  # of each parameter and buffer: its norm and its sum; empty: the training began before
    looks: list[Look]


class Recorder:
    """Records steps of one training.

    Call `begin` before each step's forward pass, `end` between its backward pass and the optimizer's step, and `finish`
    after the last. `begin` and `finish` raise UnfitError if something was written between two steps.
    """

    def __init__(self, net: nn.Module, optimizer: SGD, *, seed: int, secret: int, steps: range) -> None:
        """Watch a training of these steps; `secret` decides which are recorded."""
        self._net, self._seed, self._steps = net, seed, steps
        self._untrained = sums(dict(tensors.named(net))) if steps.start == 1 else {}
        size = size_of(net)
        self._most = MOST_BYTES // max(1, size)  # looks
        self._shadow = Shadow(net, optimizer) if self._most else None
        self._due = min(1 if size > MANY_BYTES else RANDOM_LOOKS, self._most, len(steps))  # random looks to come
        self._random = random.Random(secret)
        self._versions: dict[str, int] = {}
        self._changed: frozenset[str] | None = None  # in the last step
        self._first: Look | None = None  # kept until the second step shows whether the first was like it
        self._looks: dict[int, Look] = {}
        self._most_odd = min(ODD_LOOKS, self._most - self._due)
        self._odd: list[int] = []

    def begin(self, step: int) -> None:
        """Seed the random numbers of this step, and check that the network is as the last step left it."""
        seed_generators(self._seed + step)
        if self._shadow is not None:
            _refuse_written(self._shadow.look(), step - 1)
            self._versions = {name: buffer._version for name, buffer in self._net.named_buffers()}

    def end(self, step: int, x: Tensor, y: Tensor, *, lr: float) -> None:
        """Record the step if it is chosen, or if other tensors have changed than in the step before."""
        if self._shadow is None:
            return
        different = self._shadow.look()
        changed = frozenset(self._mark(different))
        first = self._changed is None
        odd = any("|" in name for name in changed) if first else changed != self._changed
        if first and not odd:
            self._first = self._look(step, x, y)
        elif odd and self._first is not None:
            self._add_odd(self._first)
        if not first:
            self._first = None
        if self._random.random() * (self._steps.stop - step) < self._due:  # each step is as likely as any other
            self._due -= 1
            self._looks[step] = self._look(step, x, y)
        elif odd:
            self._add_odd(self._look(step, x, y))
        self._changed = changed
        self._shadow.follow(different)
        self._shadow.step(lr)

    def finish(self, weights: bytes) -> None:
        """Check that the packed weights are the last step's."""
        if self._shadow is not None:
            kept = {name: value.cpu() for name, value in self._shadow.values.items()}
            _refuse_written(differing(load(weights), kept), self._steps.stop - 1)

    def pack(self) -> bytes:
        """Return the record in safetensors' format."""
        parts: State = {f"0/untrained/{name}": value for name, value in self._untrained.items()}
        for look in self._looks.values():
            for kind in ("before", "gradients", "after"):
                parts |= {f"{look.step}/{kind}/{name}": value for name, value in getattr(look, kind).items()}
            parts |= {f"{look.step}/x/": look.x, f"{look.step}/y/": look.y}
        return save({name: value.detach().cpu().contiguous() for name, value in parts.items()})

    def _add_odd(self, look: Look) -> None:
        if look.step in self._looks:
            return
        if self._odd and len(self._odd) == self._most_odd:
            del self._looks[self._odd.pop()]
        if len(self._odd) >= self._most_odd:
            return
        self._odd.append(look.step)
        self._looks[look.step] = look

    def _mark(self, different: list[str]) -> Iterator[str]:
        """Yield the names of tensors that the forward and backward pass have changed, with | before a parameter's."""
        names = set(different)
        for name, _ in self._net.named_parameters():
            if name in names:
                yield f"|{name}"
        for name, buffer in self._net.named_buffers():
            if name in names or self._versions.get(name) != buffer._version:
                yield name

    def _look(self, step: int, x: Tensor, y: Tensor) -> Look:
        before = {name: value.clone() for name, value in self._shadow.values.items()} if self._shadow else {}
        after = sums(dict(tensors.named(self._net)))
        return Look(step, before, x=x, y=y, gradients=gradients(self._net), after=after)


def unpack(data: bytes) -> Recording:
    """Return the record that a training has packed. Raises SafetensorError, ValueError or KeyError for other bytes."""
    parts: dict[int, dict[str, State]] = {}
    for name, value in load(data).items():
        step, kind, rest = name.split("/", 2)
        parts.setdefault(int(step), {}).setdefault(kind, {})[rest] = value
    untrained = parts.pop(0, {}).get("untrained", {})
    looks = [
        Look(
            step,
            kinds["before"],
            x=kinds["x"][""],
            y=kinds["y"][""],
            gradients=kinds.get("gradients", {}),
            after=kinds["after"],
        )
        for step, kinds in sorted(parts.items())
    ]
    return Recording(untrained, looks)


def gradients(net: nn.Module) -> State:
    """Return the norm and the sum of each parameter's gradient."""
    return sums({name: each.grad for name, each in net.named_parameters() if each.grad is not None})


def sums(values: State) -> State:
    """Return the norm and the sum of each tensor, in float64."""
    return {name: _norm_and_sum(value.detach()) for name, value in values.items()}


def size_of(net: nn.Module) -> int:
    """Return the bytes of all parameters and buffers."""
    return sum(tensor.numel() * tensor.element_size() for _, tensor in tensors.named(net))


def _norm_and_sum(value: Tensor) -> Tensor:
    if value.is_sparse:
        value = value.to_dense()
    if value.is_complex():
        value = torch.view_as_real(value.resolve_conj())
    value = value.float() if value.is_floating_point() else value.double()
    return torch.stack([torch.linalg.vector_norm(value), value.sum()]).double()


def _refuse_written(names: list[str], step: int) -> None:
    if names:
        raise UnfitError(Status.OFF_RECIPE, f"{names[0]} is not what step {step} and its optimizer left")
