"""The operator graph of a network: the operations of its forward pass, however its source is written.

One training-mode forward pass is recorded below autograd, so every way of writing an operation gives the same operator.
Unused results and operators that only copy are left out; in-place operators count as their plain form. Branches not
taken, in-place writes through a view, and calculations with numbers read from a tensor are not recorded.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from nnloop.training.randomness import seed_generators

MAX_NODES = 5_000
# Larger graphs, in JSON, are not reported.
MAX_BYTES = 400_000
_TEXT = 300
_COPIES = frozenset({"alias", "clone", "detach", "lift_fresh"})
# Operators that the resulting shape describes in full; they count as one, since only spelling tells them apart.
_SHAPED = frozenset({"_reshape_alias", "_unsafe_view", "expand", "reshape", "view"})


class Operation(NamedTuple):
    """One node of the graph, in the form that goes into the JSON."""

    operator: str
    arguments: str
    shape: list[int]  # of the result
    inputs: list[int]  # places of earlier nodes


def trace(net: nn.Module, sample: Tensor) -> str | None:
    """Record forward(sample), of images (B, C, H, W), as JSON: a list of Operations, of which the last is the result.

    Returns None if the pass fails or the graph is too large. The network's buffers and mode are restored.
    """
    mode, buffers = net.training, [(buffer, buffer.clone()) for buffer in net.buffers()]
    recorder = _Recorder(sample)
    try:
        seed_generators(0)  # stochastic branches must not depend on the trial's seed, which differs for equal networks
        net.train()
        with torch.no_grad(), recorder:
            out = net(sample)
        nodes = recorder.ancestors(out)
    except Exception:  # forward() may raise anything under tracing; the network is then compared by its statements
        return None
    finally:
        net.train(mode)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
    text = json.dumps(nodes, separators=(",", ":"))
    return text if len(text) <= MAX_BYTES else None


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A record of operators. It keeps every tensor that it has seen alive, so that ids stay unique."""

    def __init__(self, sample: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._nodes = [Operation("input", "", shape=list(sample.shape), inputs=[])]
        self._place: dict[int, int] = {id(sample): 0}
        self._leaves: set[int] = set()
        self._alive: list[object] = [sample]

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: Sequence[object] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        inputs: list[int] = []
        text = self._text([*args, *(kwargs or {}).values()], inputs)
        self._alive.append((args, kwargs, out))
        results = [item for item in (out if isinstance(out, tuple | list) else [out]) if isinstance(item, Tensor)]
        if results:
            self._record(func.overloadpacket.__name__, results, text=text, inputs=inputs)
        return out

    def ancestors(self, out: Tensor) -> list[Operation]:
        """Return the nodes on which the result depends, renumbered."""
        wanted = {self._place[id(out)]}
        for at in range(max(wanted), -1, -1):
            wanted.update(self._nodes[at].inputs if at in wanted else ())
        new = {old: number for number, old in enumerate(sorted(wanted))}
        return [node._replace(inputs=[new[each] for each in node.inputs]) for node in map(self._nodes.__getitem__, new)]

    def _record(self, name: str, results: list[Tensor], *, text: str, inputs: list[int]) -> None:
        name = name.rstrip("_") or name
        if name in _COPIES and inputs:
            self._place[id(results[0])] = inputs[0]
            return
        if name in _SHAPED:
            name, text = "view", ""
        place = self._add(results[0], Operation(name, text, shape=list(results[0].shape), inputs=inputs))
        for number, extra in enumerate(results[1:], 1):
            self._add(extra, Operation("item", str(number), shape=list(extra.shape), inputs=[place]))

    def _add(self, result: Tensor, node: Operation) -> int:
        if len(self._nodes) == MAX_NODES:
            raise OverflowError("the graph is too large")
        self._place[id(result)] = len(self._nodes)
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _text(self, value: object, inputs: list[int]) -> str:
        """Return arguments as text; computed tensors go to `inputs`, parameters and constants show their shape."""
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
