"""A second copy of a network's parameters and buffers, which takes the recipe's optimizer steps itself.

Between two steps of the recipe nothing writes to a network, and an optimizer's step is a known function of weights,
gradients and momenta. So after each step the network has to equal its shadow, bit by bit. Weights that a thread writes
between two steps, or during the optimizer's, and gradients, momenta or a learning rate that change behind the recipe's
back, make it differ.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.sgd import sgd

from nnloop.training import tensors

State = dict[str, Tensor]


class Shadow:
    """The shadow of `net`, whose parameters `optimizer` trains: by name, with momenta of its own."""

    def __init__(self, net: nn.Module, optimizer: SGD) -> None:
        self.values: State = {}
        self._net, self._optimizer = net, optimizer
        self._settings = {name: optimizer.defaults[name] for name in _SETTINGS}
        held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._momenta = {id(parameter): _momentum(optimizer, parameter) for parameter in held}
        self._now: State = {}
        self.look()
        self.follow(self._now)

    def look(self) -> list[str]:
        """Return the names of the tensors that now differ from their shadows."""
        self._now = dict(tensors.named(self._net))
        return differing(self._now, self.values)

    @torch.no_grad()
    def follow(self, names: Iterable[str]) -> None:
        """Let the shadow take the values that these tensors had when the network was last looked at."""
        changed = {name: self._now[name] for name in names}
        if all(_fits(self.values.get(name), tensor) for name, tensor in changed.items()):
            for name, tensor in changed.items():
                self.values[name].copy_(tensor)
        else:
            self.values = _copies(self._now)

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Take the optimizer's step, by the gradients that the network's parameters have."""
        moving = [(name, each) for name, each in self._now.items() if id(each) in self._momenta]
        moving = [(name, each) for name, each in moving if each.grad is not None]
        gradients = [each.grad for _, each in moving if each.grad is not None]
        sgd(
            [self.values[name] for name, _ in moving],
            gradients,
            [self._momenta[id(each)] for _, each in moving],
            has_sparse_grad=any(gradient.is_sparse for gradient in gradients),
            lr=lr,
            **self._settings,
        )


_SETTINGS = ("momentum", "weight_decay", "dampening", "nesterov", "maximize", "foreach", "fused")


def differing(now: State, kept: State) -> list[str]:
    """Return the names of tensors that don't have the kept values; NaN equals NaN."""
    pairs = [(name, tensor.detach(), kept.get(name)) for name, tensor in now.items()]
    other = [name for name, tensor, value in pairs if value is None or _kind(tensor) != _kind(value)]
    same = [(name, tensor, value) for name, tensor, value in pairs if value is not None and name not in other]
    unequal = [pair for pair in same if not (pair[1].is_cuda or torch.equal(pair[1], pair[2]))]
    on_gpu = [pair for pair in same if pair[1].is_cuda]
    if on_gpu:  # one answer for all: each costs the time of a small step to wait for
        flags = torch.stack([(tensor != value).any() for _, tensor, value in on_gpu]).tolist()
        unequal += [pair for pair, flag in zip(on_gpu, flags, strict=True) if flag]
    return other + [name for name, tensor, value in unequal if not _equal_with_nan(tensor, value)]


def _equal_with_nan(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _kind(tensor: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return tensor.shape, tensor.dtype, tensor.device


def _fits(kept: Tensor | None, tensor: Tensor) -> bool:
    """Tell if the values can be copied into the kept tensor, in the same order of memory."""
    return (
        kept is not None
        and _kind(kept) == _kind(tensor)
        and kept.stride() == tensor.stride()
        and not tensors.overlaps(kept)
    )


def _copies(named: State) -> State:
    """Copy tensors, so that copies share memory where the tensors do."""
    homes = [tensor.untyped_storage().data_ptr() for tensor in named.values()]
    storages: dict[int, Tensor] = {}
    copies = {}
    for (name, tensor), home in zip(named.items(), homes, strict=True):
        tensor = tensor.detach()
        if homes.count(home) == 1 and not tensors.overlaps(tensor):
            copies[name] = tensor.clone()
            continue
        whole = storages.setdefault(home, _whole(tensor))
        copies[name] = whole.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
    return copies


def _whole(tensor: Tensor) -> Tensor:
    """Copy all of the memory that a tensor is a part of, as a vector of its type."""
    storage = tensor.untyped_storage()
    size = storage.nbytes() // tensor.element_size()
    return torch.empty(0, dtype=tensor.dtype, device=tensor.device).set_(storage, 0, (size,), (1,)).clone()


def _momentum(optimizer: SGD, parameter: Tensor) -> Tensor | None:
    momentum = optimizer.state.get(parameter, {}).get("momentum_buffer")
    return None if momentum is None else momentum.clone()
