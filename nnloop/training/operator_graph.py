"""The operator graph of a network: what its forward computes, whatever its source looks like.

One training-mode forward pass is recorded below autograd, so every way of writing an operation gives the same operator.
Unused results are left out, as are operators that only copy; in-place operators count as their plain form. What isn't
seen: branches not taken, in-place writes through a view, and everything done with numbers taken out of a tensor.
"""

import json
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

MAX_NODES = 5_000
MAX_BYTES = 400_000
"""Of the JSON; larger graphs are not reported."""
_TEXT = 300
_COPIES = frozenset({"alias", "clone", "detach", "lift_fresh"})
_SHAPED = frozenset({"_reshape_alias", "_unsafe_view", "expand", "reshape", "view"})
"""Operators of which the resulting shape says all; they are one, since the spelling decides between them."""


def trace(net: nn.Module, sample: Tensor) -> str | None:
    """Record forward(sample), (B, C, H, W), as JSON: nodes [operator, arguments, shape of the result, inputs].

    Inputs are places of earlier nodes; the last node is the result. None where the pass fails or the graph is too
    large. The network's buffers and mode are put back.
    """
    mode, kept = net.training, [(buffer, buffer.clone()) for buffer in net.buffers()]
    recorder = _Recorder(sample)
    try:
        _seed()
        net.train()
        with torch.no_grad(), recorder:
            out = net(sample)
        nodes = recorder.ancestors(out)
    except Exception:  # whatever a candidate's forward() raises under tracing: it is then compared by its statements
        return None
    finally:
        net.train(mode)
        with torch.no_grad():
            for buffer, value in kept:
                buffer.copy_(value)
    text = json.dumps(nodes, separators=(",", ":"))
    return text if len(text) <= MAX_BYTES else None


def _seed() -> None:
    """Stochastic branches must not depend on the trial's seed, which differs between two spellings of a network."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps every tensor that it has seen alive, so that an id means one tensor."""

    def __init__(self, sample: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._nodes: list[tuple[str, str, list[int], list[int]]] = [("input", "", list(sample.shape), [])]
        self._place: dict[int, int] = {id(sample): 0}
        self._leaves: set[int] = set()
        self._alive: list[Any] = [sample]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs: list[int] = []
        text = self._text([*args, *(kwargs or {}).values()], inputs)
        self._alive.append((args, kwargs, out))
        results = [item for item in (out if isinstance(out, tuple | list) else [out]) if isinstance(item, Tensor)]
        if results:
            self._record(func.overloadpacket.__name__, text, results, inputs)
        return out

    def ancestors(self, out: Tensor) -> list[tuple[str, str, list[int], list[int]]]:
        """The nodes that the result depends on, numbered anew."""
        wanted = {self._place[id(out)]}
        for at in range(max(wanted), -1, -1):
            wanted.update(self._nodes[at][3] if at in wanted else ())
        new = {old: number for number, old in enumerate(sorted(wanted))}
        kept = (self._nodes[old] for old in new)
        return [(name, text, shape, [new[each] for each in inputs]) for name, text, shape, inputs in kept]

    def _record(self, name: str, text: str, results: list[Tensor], inputs: list[int]) -> None:
        name = name.rstrip("_") or name
        if name in _COPIES and inputs:
            self._place[id(results[0])] = inputs[0]
            return
        if name in _SHAPED:
            name, text = "view", ""
        place = self._add(name, text, results[0], inputs)
        for number, extra in enumerate(results[1:], 1):
            self._add("item", str(number), extra, [place])

    def _add(self, name: str, text: str, result: Tensor, inputs: list[int]) -> int:
        if len(self._nodes) == MAX_NODES:
            raise OverflowError("the graph is too large")
        self._place[id(result)] = len(self._nodes)
        self._nodes.append((name, text, list(result.shape), inputs))
        return len(self._nodes) - 1

    def _text(self, value: Any, inputs: list[int]) -> str:
        """Write arguments down; tensors that were computed are noted in `inputs`, parameters and constants by shape."""
        if isinstance(value, Tensor):
            return self._tensor(value, inputs)
        if isinstance(value, list | tuple):
            return f"[{','.join(self._text(each, inputs) for each in value)}]"[:_TEXT]
        if value is None or isinstance(value, bool | int | float | str | torch.dtype):
            return str(value)[:_TEXT]
        return ""  # devices, layouts, memory formats, generators

    def _tensor(self, tensor: Tensor, inputs: list[int]) -> str:
        if id(tensor) in self._place:
            inputs.append(self._place[id(tensor)])
            return "*"
        again = "=" if id(tensor) in self._leaves else ""  # weights that are shared
        self._leaves.add(id(tensor))
        return "x".join(["w", *map(str, tensor.shape)]) + again
