"""Which precision a trial computes in. Bfloat16 runs on every CPU, only slowly where there is no AMX."""

import pytest
import torch
from recipes import CPU, recipe
from torch import nn
from trials import network

from nnloop import compat

compat.ensure_torchvision_imports()

from nnloop.training import fit, precision  # noqa: E402
from nnloop.training.contract import Built, build  # noqa: E402
from nnloop.training.images import Normalise, TrainBatches, TrainImages  # noqa: E402
from nnloop.training.module import Classifier  # noqa: E402
from nnloop.training.precision import FEW_FLOPS, Precision, choose  # noqa: E402

MIXED = Precision(True, CPU)


@pytest.fixture
def amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network of this test is large enough for bfloat16, and the CPU has AMX."""
    monkeypatch.setattr(precision, "computes_bfloat16", lambda capabilities: True)
    monkeypatch.setattr(precision, "FEW_FLOPS", 1)


@pytest.mark.parametrize(
    ("setting", "device", "has_amx", "flops", "name"),
    [
        ("auto", "cpu", True, FEW_FLOPS, "bfloat16"),
        ("auto", "cpu", True, FEW_FLOPS - 1, "float32"),
        ("auto", "cpu", True, None, "float32"),
        ("auto", "cpu", False, FEW_FLOPS, "float32"),
        ("auto", "cuda", False, None, "bfloat16"),
        ("float32", "cpu", True, FEW_FLOPS, "float32"),
        ("float32", "cuda", True, FEW_FLOPS, "float32"),
    ],
)
def test_bfloat16_is_taken_where_it_is_faster(
    setting: str, device: str, has_amx: bool, flops: int | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_bfloat16", lambda capabilities: has_amx)
    assert choose(setting, torch.device(device), flops).name == name


def test_depthwise_convolutions_and_attention_stay_in_float32() -> None:
    x, queries = torch.rand(2, 8, 6, 6), torch.rand(2, 2, 5, 4).bfloat16()
    with MIXED.forward():
        dense = nn.Conv2d(8, 8, 3)(x)
        grouped = nn.Conv2d(8, 8, 3, groups=2)(x)
        depthwise = nn.Conv2d(8, 8, 3, groups=8)(dense)
        attention = nn.functional.scaled_dot_product_attention(queries, queries, value=queries)
    assert [out.dtype for out in (dense, grouped, depthwise, attention)] == [
        *(torch.bfloat16, torch.bfloat16),
        *(torch.float32, torch.float32),
    ]
    with Precision(False, CPU).forward():
        assert nn.Conv2d(8, 8, 3)(x).dtype is torch.float32


def built(code: str) -> Built:
    torch.manual_seed(0)
    return build(code, torch.rand(2, 1, 8, 8), recipe(), device=CPU)


@pytest.mark.usefixtures("amx")
@pytest.mark.parametrize(
    "forward",
    [
        "wide = self.net(x); wide.new_zeros(1, 10).float().index_add(0, x.new_zeros(len(x)).long(), wide)",
        "self.net(x).detach().numpy()",  # a TypeError
    ],
)
def test_a_network_that_fails_in_bfloat16_trains_in_float32(forward: str) -> None:
    assert built(network()).precision.name == "bfloat16"
    assert built(network(forward=forward)).precision.name == "float32"


@pytest.mark.usefixtures("amx")
def test_every_step_sees_the_weights_that_the_last_one_left() -> None:
    """Autocast keeps its casts of weights while its context is open, also past their updates."""
    x = torch.randint(256, (64, 1, 8, 8), dtype=torch.uint8)
    images, plan = TrainImages(x, torch.arange(64) % 10), recipe(batch=8)
    ends = []
    fit.quiet()
    for chosen in (MIXED, Precision(False, CPU)):
        net = built(network()).net.train()
        batches = TrainBatches(images, plan, Normalise(plan, CPU, torch.channels_last), seed=0)
        fit._fit(Classifier(net, plan, chosen, steps=len(batches), generator=batches.generator), batches, None)
        ends.append(torch.cat([parameter.detach().flatten() for parameter in net.parameters()]))
    start = torch.cat([parameter.detach().flatten() for parameter in built(network()).net.parameters()])
    moved = (ends[1] - start).norm()
    assert moved > 0.1
    assert (ends[0] - ends[1]).norm() < 0.05 * moved


@pytest.mark.parametrize(
    ("capabilities", "faster"),
    [
        ({"cpu_name": "Intel Xeon", "amx_bf16": True, "avx512_bf16": True}, True),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True}, False),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_f": True}, False),
        ({}, False),
    ],
)
def test_a_cpu_computes_in_bfloat16_with_amx_or_with_amd_s_avx512(
    capabilities: dict[str, object], faster: bool
) -> None:
    assert precision.computes_bfloat16(capabilities) is faster
