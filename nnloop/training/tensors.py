"""A network's parameters and buffers as plain arrays, for another process of the same candidate.

They go by name, in safetensors' format, which holds arrays and nothing that could run where it is read. Buffers that a
state_dict leaves out are among them. Everything else that a network keeps, such as numbers and lists in its attributes,
stays behind.
"""

from collections.abc import Iterator, Mapping

import torch
from safetensors.torch import load, save
from torch import Tensor, nn


def pack(net: nn.Module) -> bytes:
    """Return the values of all parameters and buffers. Raises RuntimeError for a tensor without plain memory."""
    return save({name: tensor.detach().cpu().clone(memory_format=_PLAIN) for name, tensor in named(net)})


def unpack(net: nn.Module, data: bytes) -> None:
    """Give another instance of the network the packed values.

    Raises SafetensorError for other bytes.
    """
    fill(net, load(data))


def fill(net: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Give another instance of the network these values, by name.

    A tensor of another shape, or one that training has made, takes its place in its module; values of modules that this
    instance lacks are dropped.
    """
    own = dict(named(net))
    with torch.no_grad():
        for name, value in values.items():
            if name in own and own[name].shape == value.shape and not overlaps(own[name]):
                own[name].copy_(value)
            else:
                _put(net, name, value)


def named(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters, then buffers, each once, by its first name."""
    yield from net.named_parameters()
    yield from net.named_buffers()


_PLAIN = torch.contiguous_format


def overlaps(tensor: Tensor) -> bool:
    """Tell if several elements of a tensor are the same memory, as after `expand`."""
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


def _put(net: nn.Module, name: str, value: Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    holders = dict(net.named_modules(remove_duplicate=False))
    if path not in holders:
        return
    module = holders[path]
    device = next((tensor.device for _, tensor in named(net)), value.device)
    if leaf in module._parameters:
        module._parameters[leaf] = nn.Parameter(value.to(device), requires_grad=value.is_floating_point())
    elif leaf in module._buffers or not hasattr(module, leaf):
        module._buffers[leaf] = value.to(device)
