"""The static guard: what ordinary networks use passes, what they have no use for is refused with a reason."""

import pytest
from edits import BASE, seed_sources

from nnloop.errors import CompletionError
from nnloop.modes import static_guard
from nnloop.records import Status

LEMUR = """\
import math
from collections import OrderedDict
from typing import Any, Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import weight_norm
from torchvision.ops import StochasticDepth


def supported_hyperparameters():
    return {"lr", "momentum", "dropout"}


class Block(nn.Module):
    def __init__(self, width: int, norm: Optional[Any] = None) -> None:
        super(Block, self).__init__()
        self.conv = weight_norm(nn.Conv2d(width, width, 3, padding=1))
        for i in range(2):
            setattr(self, f"conv{i}", nn.Conv2d(width, width, 1))

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(getattr(self, "conv0")(self.conv(input)))


class Net(nn.Module):
    def train_setup(self, prm):
        self.to(self.device)
        self.criteria = (nn.CrossEntropyLoss().to(self.device),)
        self.optimizer = torch.optim.SGD(self.parameters(), lr=prm["lr"], momentum=prm["momentum"])

    def learn(self, train_data):
        self.train()
        for inputs, labels in train_data:
            self.optimizer.zero_grad()
            loss = self.criteria[0](self(inputs.to(self.device)), labels.to(self.device))
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters(), 3)
            self.optimizer.step()

    def __init__(self, in_shape: tuple, out_shape: tuple, prm: dict, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.name = self.__class__.__name__
        self.body = nn.Sequential(OrderedDict([("block", Block(in_shape[1])), ("drop", nn.Dropout(prm["dropout"]))]))
        self.head = nn.LazyLinear(out_shape[0])
        self.scale = math.sqrt(2)

    def forward(self, x):
        with torch.no_grad():
            self.eval()
        return self.head(torch.flatten(self.body(x), 1))


if __name__ == "__main__":
    print(Net((1, 3, 32, 32), (10,), {"dropout": 0.1}, torch.device("cpu")))
"""


def reason(code: str) -> str:
    with pytest.raises(CompletionError) as caught:
        static_guard.check(code)
    assert caught.value.status == Status.REJECTED
    return caught.value.reason


@pytest.mark.parametrize("code", [LEMUR, BASE, *seed_sources()])
def test_ordinary_networks_pass(code: str) -> None:
    static_guard.check(code)


@pytest.mark.parametrize(
    "line",
    [
        "import os; os.getcwd()",
        "import gc; gc.get_objects()",
        "from gc import get_referrers",
        "from torch.optim.optimizer import register_optimizer_step_post_hook",
        "import torch; torch.nn.modules.module.register_module_forward_hook(print)",
        "import os as o; x = o",
        "import sys; sys.modules",
        "import os.path as p",
        "import math, sys; sys.exit()",
        "from os import path",
        "from . import other",
        "from .net import Net",
        "import subprocess",
        "import socket",
        "import requests",
        "import ctypes",
        "import pickle",
        "import torch.hub",
        "import torch.distributed as dist",
        "import torch.utils.cpp_extension",
        "import torch._C",
        "from torch import load",
        "from torch import hub as h",
        "from torch.hub import load_state_dict_from_url",
        "from torch.utils.data import DataLoader",
        "import timm",
        "from transformers import AutoModel",
        "import torchvision.datasets",
        "open('/etc/passwd')",
        "f = open",
        "exec('x = 1')",
        "eval('1')",
        "__import__('os')",
        "globals()['x'] = 1",
        "import torch as t; t.load('x')",
        "import torch; torch.hub.load('a', 'b')",
        "import torch; torch.os.system('true')",
        "import torch; torch.nn.functional.torch.os",
        "import torch; torch.ops.load_library('x')",
        "import torch; torch.serialization.load('x')",
        "import numpy as np; np.load('x')",
        "().__class__.__bases__[0].__subclasses__()",
        "x = (lambda: 0).__globals__",
        "getattr(int, '__subclasses__')()",
        "__builtins__['open']",
        "import torchvision; torchvision.models.resnet18(pretrained=True)",
        "import torchvision; torchvision.models.resnet18(weights='DEFAULT')",
        "from torchvision import models as m; m.resnet18(weights=m.ResNet18_Weights.DEFAULT)",
    ],
)
def test_what_a_network_has_no_use_for_is_refused(line: str) -> None:
    assert reason(f"{line}\n{BASE}").startswith("line 1: ")


@pytest.mark.parametrize(
    "line",
    [
        "import torch.nn.functional as F",
        "import torch.nn.init as init",
        "from torch.optim.lr_scheduler import CosineAnnealingLR",
        "from einops.layers.torch import Rearrange",
        "from torchvision import models; models.resnet18(weights=None)",
        "import torchvision; torchvision.models.resnet18(pretrained=False)",
        "import numpy as np; np.linspace(0, 1, 5)",
        "from torch.utils.checkpoint import checkpoint",
        "from torch.cuda.amp import autocast, GradScaler",
        "import os, sys, gc, traceback; gc.collect()",
        "import logging; log = logging.getLogger(__name__)",
        "from torch.distributions.uniform import Uniform",
        "def compile(input): return input.load",
    ],
)
def test_what_networks_do_use_passes(line: str) -> None:
    static_guard.check(f"{line}\n{BASE}")


def test_a_module_without_net_is_refused() -> None:
    assert reason("import torch\n") == "no class Net at the top level"
    reason(BASE.replace("class Net", "class Nut"))


@pytest.mark.parametrize(
    "code", ["class Net(:\n", "x = '\0'", "class Net: x = " + "(" * 300, "class Net: x = '\ud800'"]
)
def test_what_is_no_python_is_unparseable(code: str) -> None:
    with pytest.raises(CompletionError) as caught:
        static_guard.check(code)
    assert caught.value.status == Status.UNPARSEABLE


def test_reasons_say_what_and_why() -> None:
    assert (
        reason("import pty\n" + BASE)
        == "line 1: imports pty, which is not on the list of modules that a network may use"
    )
    assert reason("import torch\nx = torch.load('w')\n" + BASE) == "line 2: uses torch.load: files and downloads"
