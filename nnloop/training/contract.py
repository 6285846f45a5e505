"""The candidate contract: a module with `class Net(nn.Module)`, built as Net(in_shape, out_shape, prm, device).

With proxy=lemur, a candidate may also have other parts of LEMUR's contract: supported_hyperparameters() in the module,
and learn(batches) with train_setup(prm) in Net.
"""

import linecache
import sys
import types
import warnings
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils.flop_counter import FlopCounterMode

from nnloop.records import Status
from nnloop.training.convolution import multiply_small_maps
from nnloop.training.memory_format import choose_format
from nnloop.training.precision import Precision, choose
from nnloop.training.recipe import Recipe
from nnloop.training.unfit import UnfitError, blame

MODULE = "candidate"
Uninitialized = UninitializedParameter | UninitializedBuffer


@dataclass(frozen=True, slots=True)
class Built:
    """A network that has been built and checked."""

    net: nn.Module
    memory_format: torch.memory_format  # of the network and its images
    precision: Precision
    params: int
    flops: int | None  # forward pass of one image, multiply-adds counted as two; None where it can't be counted

    @property
    def format_name(self) -> str:
        """Its memory format's name in a trial's result."""
        return "channels_last" if self.memory_format is torch.channels_last else "default"


def build(code: str, sample: Tensor, recipe: Recipe, *, device: torch.device) -> Built:
    """Build the network and check it on `sample`, normalised images (2, C, H, W).

    Raises UnfitError if the candidate's code fails or does not make a trainable network.
    """
    with blame(Status.BUILD_FAILED):
        net = _construct(code, sample, recipe, device=device)
    with blame(Status.BUILD_FAILED, "forward(): "):
        _check(net, sample, recipe.classes)
        flops = _count_flops(net, sample)
        batch_flops = flops and flops * recipe.batch_size
        memory_format = choose_format(net, sample, batch_flops)
    params = sum(parameter.numel() for parameter in net.parameters())
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise UnfitError(Status.BUILD_FAILED, "Net has no parameters to train")
    sample = sample.contiguous(memory_format=memory_format)
    if device.type == "cpu":
        multiply_small_maps(net)
    precision = choose(recipe.precision, device, batch_flops)
    if not _runs(net, sample, precision):
        precision = Precision(False, device)
    return Built(net=net, memory_format=memory_format, precision=precision, params=params, flops=flops)


def _load(code: str, recipe: Recipe) -> type[nn.Module]:
    """Run the module; its source stays available for tracebacks and the debugger."""
    filename = f"<{MODULE}>"
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    module = types.ModuleType(MODULE)
    module.__file__ = filename
    sys.modules[MODULE] = module
    exec(compile(code, filename, "exec"), module.__dict__)
    kind = getattr(module, "Net", None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise UnfitError(Status.BUILD_FAILED, "there is no class Net(nn.Module)")
    if recipe.own_training and hasattr(module, "supported_hyperparameters"):
        _check_hyperparameters(module.supported_hyperparameters(), recipe)
    return kind


def _check_hyperparameters(wanted: Collection[str], recipe: Recipe) -> None:
    missing = sorted(str(name) for name in set(wanted) - set(recipe.prm()))
    if missing:
        raise UnfitError(
            Status.BUILD_FAILED,
            f"supported_hyperparameters() names {', '.join(missing)}; give proxy.prm.{missing[0]}=<number>",
        )


def _construct(code: str, sample: Tensor, recipe: Recipe, *, device: torch.device) -> nn.Module:
    kind = _load(code, recipe)
    in_shape = (recipe.batch_size, *sample.shape[1:])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Lazy modules are a new feature")
        net = kind(in_shape, (recipe.classes,), recipe.prm(), device)
    return net.to(device)


def _check(net: nn.Module, sample: Tensor, classes: int) -> None:
    """Run forward once, which also gives lazy modules their shapes, and check its output. Raises UnfitError."""
    net.eval()
    with torch.no_grad():
        out = net(sample.contiguous())
        if any(isinstance(parameter, Uninitialized) for parameter in net.parameters()):
            net.train()  # some layers may be for training only
            net(sample.contiguous())
            net.eval()
    _forget_unused(net)
    _check_output(out, (len(sample), classes))


def _check_output(out: object, expected: tuple[int, int]) -> None:
    if not isinstance(out, Tensor):
        given = type(out).__name__
    elif tuple(out.shape) != expected or not out.is_floating_point():
        given = f"{out.dtype} of shape {tuple(out.shape)}"
    else:
        return
    raise UnfitError(Status.BAD_SHAPE, f"forward() gave {given}, expected floats of shape {expected}")


def _runs(net: nn.Module, sample: Tensor, precision: Precision) -> bool:
    """Return whether a network that runs in float32 also runs in this precision.

    It doesn't if it mixes two types, or uses an operation that this precision lacks.
    """
    if not precision.mixed:
        return True
    net.eval()
    try:
        with torch.no_grad(), precision.forward():
            net(sample)
    except Exception:  # the candidate's code may raise anything; it ran in float32 just before
        return False
    return True


def _forget_unused(net: nn.Module) -> None:
    """Drop the parameters of lazy layers that forward never uses: they have no shape, and torch can't move them."""
    for module in net.modules():
        for store in (module._parameters, module._buffers):
            for name in [name for name, tensor in store.items() if isinstance(tensor, Uninitialized)]:
                del store[name]


def _count_flops(net: nn.Module, sample: Tensor) -> int | None:
    net.eval()
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net(sample[:1])
    except Exception:  # only a figure for the reader: a network with an uncountable operation is trained all the same
        return None
    return int(counter.get_total_flops())
