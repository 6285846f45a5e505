"""Steps of a training that are recorded as they happen, and repeated in the clean process of the evaluation.

By the recipe, a step's gradient follows from the network's parameters and buffers, the batch and the seeded random
numbers, and until the optimizer's step nothing but the forward pass changes parameters and buffers. So a network that
normalises, clamps or averages its weights passes in a clean process through the very same step, while a network that
learns from earlier batches, from images that it found in memory, or from labels read off its gradients does not.

Recorded are a few random steps, and steps in which other tensors change than in the step before: a network that writes
into its parameters or buffers only now and then is looked at then.

Not found: weights that a thread writes between two steps, writes of the same tensors in every step that differ only in
steps that are not looked at, and whatever a process that forges its own recording does.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from nnloop.records import Status
from nnloop.training import tensors
from nnloop.training.contract import Built
from nnloop.training.randomness import seed_generators
from nnloop.training.recipe import Recipe
from nnloop.training.step import backward, batch_loss
from nnloop.training.unfit import UnfitError

RANDOM_LOOKS = 2
# A network with more parameters and buffers has one random look.
MANY_BYTES = 8 << 20
# Larger networks are not looked at, and looks past it are dropped: they would take too long to hand over.
MOST_BYTES = 256 << 20
ODD_LOOKS = 3  # of steps that change other tensors than the step before: the first two and the last
GRADIENT_TOLERANCE = 0.01  # of a tensor's norm
STATE_TOLERANCE = 1e-4  # a step changes a long average little
LOOSER = 10  # times as much in bfloat16, and on a GPU, whose sums vary

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Look:
    """One recorded step."""

    step: int  # from 1
    before: State  # parameters and buffers when it began
    x: Tensor  # the batch, as the network got it
    y: Tensor
    gradients: State  # of each parameter: its norm and its sum
    after: State  # of each parameter and buffer before the optimizer's step: its norm and its sum


class Recorder:
    """Records steps of one training: call `begin` before each step's forward pass and `end` after its backward pass."""

    def __init__(self, net: nn.Module, seed: int, steps: range) -> None:
        self._net, self._seed = net, seed
        self._before: State = {name: tensor.detach().clone() for name, tensor in tensors.named(net)}
        size = size_of(net)
        self._most = MOST_BYTES // max(1, size)  # looks
        count = min(1 if size > MANY_BYTES else RANDOM_LOOKS, self._most, len(steps))
        self._chosen = set(random.Random(seed).sample(steps, count))
        self._versions: dict[str, int] = {}
        self._changed: frozenset[str] | None = None  # in the last step
        self._first: Look | None = None  # kept until the second step shows whether the first was like it
        self._looks: dict[int, Look] = {}
        self._odd: list[int] = []

    def begin(self, step: int) -> None:
        """Remember the network's tensors, and seed the random numbers of this step."""
        seed_generators(self._seed + step)
        if not self._most:
            return
        for name, tensor in tensors.named(self._net):
            self._versions[name] = tensor._version
            kept = self._before.get(name)
            if kept is not None and kept.shape == tensor.shape and kept.dtype == tensor.dtype:
                kept.copy_(tensor.detach())
            else:
                self._before[name] = tensor.detach().clone()

    def end(self, step: int, x: Tensor, y: Tensor) -> None:
        """Record the step if it is chosen, or if other tensors have changed than in the step before."""
        if not self._most:
            return
        changed = frozenset(self._find_changed())
        first = self._changed is None
        odd = any("|" in name for name in changed) if first else changed != self._changed
        if first and not odd:
            self._first = self._look(step, x, y)
        elif odd and self._first is not None:
            self._add_odd(self._first)
        if not first:
            self._first = None
        if step in self._chosen:
            self._looks[step] = self._look(step, x, y)
        elif odd:
            self._add_odd(self._look(step, x, y))
        self._changed = changed

    def pack(self) -> bytes:
        """Return all looks in safetensors' format."""
        parts: State = {}
        for look in self._looks.values():
            for kind in ("before", "gradients", "after"):
                parts |= {f"{look.step}/{kind}/{name}": value for name, value in getattr(look, kind).items()}
            parts |= {f"{look.step}/x/": look.x, f"{look.step}/y/": look.y}
        return save({name: value.detach().cpu().contiguous() for name, value in parts.items()})

    def _add_odd(self, look: Look) -> None:
        if look.step in self._looks:
            return
        if self._odd and len(self._odd) == min(ODD_LOOKS, self._most - len(self._chosen)):
            del self._looks[self._odd.pop()]
        if len(self._looks) >= self._most:
            return
        self._odd.append(look.step)
        self._looks[look.step] = look

    def _find_changed(self) -> Iterator[str]:
        """Yield the names of tensors that the forward and backward pass have changed, those of parameters with |."""
        for name, parameter in self._net.named_parameters():
            if not _same(parameter, self._before.get(name)):
                yield f"|{name}"
        for name, buffer in self._net.named_buffers():
            if self._versions.get(name) != buffer._version or not _same(buffer, self._before.get(name)):
                yield name

    def _look(self, step: int, x: Tensor, y: Tensor) -> Look:
        before = {name: value.clone() for name, value in self._before.items()}
        after = _sums(dict(tensors.named(self._net)))
        return Look(step, before, x=x, y=y, gradients=_gradients(self._net), after=after)


def unpack(data: bytes) -> list[Look]:
    """Return the looks that a training has packed. Raises SafetensorError, ValueError or KeyError for other bytes."""
    parts: dict[int, dict[str, State]] = {}
    for name, value in load(data).items():
        step, kind, rest = name.split("/", 2)
        parts.setdefault(int(step), {}).setdefault(kind, {})[rest] = value
    return [
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


def check(built: Built, looks: list[Look], recipe: Recipe, *, seed: int) -> float:
    """Repeat the recorded steps with `built`; return the processor seconds of the cheapest.

    Raises UnfitError if one of them gives something else.

    The first is also repeated with other labels, on which no parameter and no buffer may depend before the optimizer's
    step. Afterwards the network is in the state of one of the steps.
    """
    if not looks and size_of(built.net) <= MOST_BYTES:
        raise _off("no step of its training was recorded")
    costs = []
    looser = LOOSER if built.precision.mixed or built.precision.device.type != "cpu" else 1
    for at, look in enumerate(looks):
        after, cost = _repeat(built, look, recipe, labels=look.y, seed=seed)
        costs.append(cost)
        if apart := _apart(look.after, _sums(after), STATE_TOLERANCE * looser):
            raise _off(f"step {look.step} left another {apart} than its forward pass gives in a clean process")
        if apart := _apart(look.gradients, _gradients(built.net), GRADIENT_TOLERANCE * looser):
            raise _off(f"step {look.step} had another gradient of {apart} than its batch gives in a clean process")
        if at == 0:
            after = {name: tensor.detach().clone() for name, tensor in after.items()}
            again, cost = _repeat(built, look, recipe, labels=(look.y + 1) % recipe.classes, seed=seed)
            costs.append(cost)
            if apart := next((name for name in after if not _close(after[name], again[name])), ""):
                raise _off(f"step {look.step} would have left another {apart} with other labels")
    return min(costs, default=0.0)


def _repeat(built: Built, look: Look, recipe: Recipe, *, labels: Tensor, seed: int) -> tuple[State, float]:
    """Repeat a step up to the optimizer's, with these labels; return parameters and buffers, and processor seconds."""
    device = built.precision.device
    tensors.fill(built.net, look.before)
    built.net.train()
    built.net.zero_grad()
    seed_generators(seed + look.step)
    x = look.x.to(device).contiguous(memory_format=built.memory_format)
    started = _clocks()
    backward(batch_loss(built.net, x, labels.to(device), recipe=recipe, precision=built.precision))
    cost = max(end - start for start, end in zip(started, _clocks(), strict=True))
    return dict(tensors.named(built.net)), cost


def _clocks() -> tuple[float, float]:
    """Return the processor seconds of this thread and of the process.

    Under a limit on processor time Linux counts those of a process by the tick, some milliseconds, in which a small
    network's whole step ends.
    """
    return time.thread_time(), time.process_time()


def _gradients(net: nn.Module) -> State:
    return _sums({name: each.grad for name, each in net.named_parameters() if each.grad is not None})


def _sums(values: State) -> State:
    """Return the norm and the sum of each tensor, in float64."""
    return {name: _norm_and_sum(value.detach()) for name, value in values.items()}


def _norm_and_sum(value: Tensor) -> Tensor:
    if value.is_sparse:
        value = value.to_dense()
    if value.is_complex():
        value = torch.view_as_real(value.resolve_conj())
    value = value.float() if value.is_floating_point() else value.double()
    return torch.stack([torch.linalg.vector_norm(value), value.sum()]).double()


def _apart(one: State, other: State, tolerance: float) -> str:
    """Return the name of a tensor whose sums differ between the two; empty if there is none."""
    for name, value in one.items():
        there = other.get(name)
        if there is None or value.shape != there.shape:
            return name
        value, there = value.cpu(), there.cpu()
        largest = max(float(value[0]), float(there[0]))
        if not torch.isfinite(value).all():
            continue
        slack = tolerance * largest * torch.tensor([1.0, 10.0]) + 1e-6  # a sum varies more than a norm
        if not ((value - there).abs() <= slack).all():
            return name
    return ""


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if not (one.is_floating_point() or one.is_complex()):
        return torch.equal(one, other)
    scale = float(one.abs().nan_to_num().max()) if one.numel() else 0.0
    return torch.allclose(one, other.detach(), rtol=STATE_TOLERANCE, atol=1e-6 * scale, equal_nan=True)


def _same(tensor: Tensor, kept: Tensor | None) -> bool:
    return kept is not None and kept.shape == tensor.shape and torch.equal(tensor.detach(), kept)


def size_of(net: nn.Module) -> int:
    """Return the bytes of all parameters and buffers."""
    return sum(tensor.numel() * tensor.element_size() for _, tensor in tensors.named(net))


def _off(reason: str) -> UnfitError:
    return UnfitError(Status.OFF_RECIPE, reason)
