"""Fifty kinds of honest network, each unusual in one way, and a plain PyTorch loop by the same recipe."""
# ruff: noqa: E501 (a table)

from textwrap import dedent, indent

import torch
from torch import nn

from nnloop.training.images import EvalImages, Normalise, TrainBatches, TrainImages
from nnloop.training.recipe import Recipe, one_cycle

HEAD = """
import copy
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        d, k, h = in_shape[1] * in_shape[2] * in_shape[3], out_shape[0], 48
"""
MLP = "self.a = nn.Linear(d, h); self.b = nn.Linear(h, k)"
OUT = "return self.b(F.relu(self.a(x.flatten(1))))"
CONV = "self.c = nn.Conv2d(in_shape[1], 16, 3, padding=1); self.b = nn.Linear(16 * in_shape[2] * in_shape[3], k)"

KINDS: dict[str, tuple[str, str] | tuple[str, str, str]] = {
    "plain": (MLP, OUT),
    "renormed weights": (MLP, f"with torch.no_grad(): self.a.weight.copy_(torch.renorm(self.a.weight, 2, 0, 1.0))\n{OUT}"),
    "clamped weights": (MLP, f"self.a.weight.data.clamp_(-0.1, 0.1)\n{OUT}"),
    "clamped in training": (MLP, f"if self.training: self.b.weight.data = self.b.weight.data.clamp(-0.2, 0.2)\n{OUT}"),
    "weights of mean 0": (MLP, f"with torch.no_grad(): self.a.weight -= self.a.weight.mean(1, keepdim=True)\n{OUT}"),
    "decaying weights": (MLP, f"with torch.no_grad(): self.a.weight.mul_(0.999)\n{OUT}"),
    "class vectors of length 1": (
        "self.a = nn.Linear(d, h); self.v = nn.Parameter(torch.randn(k, h))",
        "self.v.data = F.normalize(self.v.data, dim=1)\nreturn 10 * F.normalize(self.a(x.flatten(1)), dim=1) @ self.v.T",
    ),
    "EMA in buffers": (
        MLP + "; self.register_buffer('slow', self.b.weight.detach().clone())",
        "x = F.relu(self.a(x.flatten(1)))\n"
        "if self.training: self.slow.mul_(0.8).add_(self.b.weight.detach(), alpha=0.2)\n"
        "return F.linear(x, self.b.weight if self.training else self.slow, self.b.bias)",
    ),
    "EMA module": (
        MLP + "; self.slow = copy.deepcopy(self.b).requires_grad_(False)",
        "x = F.relu(self.a(x.flatten(1)))\n"
        "if self.training:\n"
        "    with torch.no_grad():\n"
        "        for p, q in zip(self.slow.parameters(), self.b.parameters()): p.lerp_(q, 0.2)\n"
        "return self.b(x) if self.training else self.slow(x)",
    ),
    "train() returns nothing": (MLP, OUT, "def train(self, mode=True):\n    super().train(mode)"),
    "eval() kept frozen": (
        MLP + "; self.n = nn.BatchNorm1d(d)",
        "return self.b(F.relu(self.a(self.n(x.flatten(1)))))",
        "def train(self, mode=True):\n    super().train(mode)\n    self.n.eval()\n    return self",
    ),
    "complex weights": (
        "self.a = nn.Linear(d, h, dtype=torch.complex64); self.b = nn.Linear(h, k)",
        "return self.b(self.a(x.flatten(1).to(torch.complex64)).abs())",
    ),
    "Fourier": (MLP, "x = torch.fft.fft2(x).abs()[:, :, : x.shape[2], : x.shape[3]] / 8\n" + OUT),
    "a tuple in training": (MLP + "; self.aux = nn.Linear(h, k)", "x = F.relu(self.a(x.flatten(1)))\nreturn (self.b(x), self.aux(x)) if self.training else self.b(x)"),
    "a dict in training": (MLP, "out = self.b(F.relu(self.a(x.flatten(1))))\nreturn {'out': out} if self.training else out"),
    "tied layers": ("self.a = nn.Linear(d, d); self.again = self.a; self.b = nn.Linear(d, k)", "return self.b(F.relu(self.again(F.relu(self.a(x.flatten(1))))))"),
    "tied weight": ("self.a = nn.Linear(d, h); self.u = nn.Linear(h, d); self.u.weight = nn.Parameter(self.a.weight.T.detach().clone()); self.b = nn.Linear(d, k)", "return self.b(F.relu(F.linear(F.relu(self.a(x.flatten(1))), self.a.weight.T)) + self.u(self.a(x.flatten(1))))"),
    "spectral norm": ("self.a = parametrizations.spectral_norm(nn.Linear(d, h)); self.b = nn.Linear(h, k)", OUT),
    "old spectral norm": ("self.a = nn.utils.spectral_norm(nn.Linear(d, h)); self.b = nn.Linear(h, k)", OUT),
    "weight norm": ("self.a = parametrizations.weight_norm(nn.Linear(d, h)); self.b = nn.Linear(h, k)", OUT),
    "orthogonal": ("self.a = parametrizations.orthogonal(nn.Linear(d, h)); self.b = nn.Linear(h, k)", OUT),
    "parametrised": ("self.a = nn.Linear(d, h); parametrize.register_parametrization(self.a, 'weight', nn.Tanh()); self.b = nn.Linear(h, k)", OUT),
    "checkpointed": (MLP, "x = checkpoint(lambda t: F.relu(self.a(t)), x.flatten(1), use_reentrant=False)\nreturn self.b(x)"),
    "checkpointed, reentrant": (MLP, "x = checkpoint(lambda t: F.relu(self.a(t)), x.flatten(1).clone().requires_grad_(), use_reentrant=True)\nreturn self.b(x)"),
    "quantised codes": (
        MLP + "; self.register_buffer('codes', torch.randn(32, h)); self.register_buffer('size', torch.ones(32))",
        "z = F.relu(self.a(x.flatten(1)))\n"
        "hot = F.one_hot(torch.cdist(z.detach(), self.codes).argmin(1), 32).float()\n"
        "if self.training:\n"
        "    self.size.mul_(0.9).add_(hot.sum(0), alpha=0.1)\n"
        "    self.codes.lerp_(hot.T @ z.detach() / self.size[:, None].clamp(min=1), 0.05)\n"
        "return self.b(z + 0.3 * (hot @ self.codes - z).detach())",
    ),
    "recurrent": ("self.r = nn.GRU(in_shape[1] * in_shape[3], h, batch_first=True); self.b = nn.Linear(h, k)", "return self.b(self.r(x.transpose(1, 2).flatten(2))[0][:, -1])"),
    "LSTM": ("self.r = nn.LSTM(in_shape[1] * in_shape[3], h, batch_first=True, bidirectional=True); self.b = nn.Linear(2 * h, k)", "return self.b(self.r(x.transpose(1, 2).flatten(2))[0].mean(1))"),
    "lazy": ("self.a = nn.LazyLinear(h); self.n = nn.LazyBatchNorm1d(); self.b = nn.LazyLinear(k)", "return self.b(F.relu(self.n(self.a(x.flatten(1)))))"),
    "deep": ("self.s = nn.ModuleList([nn.Linear(d, d) for _ in range(30)]); self.b = nn.Linear(d, k)", "x = x.flatten(1)\nfor layer in self.s: x = x + 0.1 * F.relu(layer(x))\nreturn self.b(x)"),
    "batch norm": (CONV + "; self.n = nn.BatchNorm2d(16)", "return self.b(F.relu(self.n(self.c(x))).flatten(1))"),
    "batch norm, cumulative": (CONV + "; self.n = nn.BatchNorm2d(16, momentum=None)", "return self.b(F.relu(self.n(self.c(x))).flatten(1))"),
    "group norm": (CONV + "; self.n = nn.GroupNorm(4, 16)", "return self.b(F.relu(self.n(self.c(x))).flatten(1))"),
    "instance norm": (CONV + "; self.n = nn.InstanceNorm2d(16, affine=True, track_running_stats=True)", "return self.b(F.relu(self.n(self.c(x))).flatten(1))"),
    "dropout": (MLP + "; self.p = nn.Dropout(0.3)", "return self.b(self.p(F.relu(self.a(x.flatten(1)))))"),
    "dropout of channels": (CONV + "; self.p = nn.Dropout2d(0.2)", "return self.b(self.p(F.relu(self.c(x))).flatten(1))"),
    "noise": (MLP, "if self.training: x = x + 0.1 * torch.randn_like(x)\n" + OUT),
    "stochastic depth": (MLP + "; self.m = nn.Linear(h, h)", "x = F.relu(self.a(x.flatten(1)))\nif not self.training or torch.rand(()) < 0.7: x = x + F.relu(self.m(x))\nreturn self.b(x)"),
    "random by Python": (MLP, "import random\nif self.training and random.random() < 0.3: x = x.flip(3)\n" + OUT),
    "mask by numpy": (MLP, "import numpy\nif self.training: x = x * torch.from_numpy((numpy.random.rand(*x.shape[2:]) < 0.9).astype('float32'))\n" + OUT),
    "initialised by data": (
        MLP + "; self.register_buffer('ready', torch.tensor(False)); self.s = nn.Parameter(torch.ones(h))",
        "z = self.a(x.flatten(1))\n"
        "if self.training and not self.ready:\n"
        "    self.s.data = 1 / (z.detach().std(0) + 1e-3); self.ready.fill_(True)\n"
        "return self.b(F.relu(z * self.s))",
    ),
    "a counter in a buffer": (
        MLP + "; self.register_buffer('steps', torch.zeros(()))",
        "if self.training: self.steps += 1\n"
        "return self.b(F.relu(self.a(x.flatten(1)))) / (1 + torch.exp(-self.steps / 10))",
    ),
    "centred by a running mean": (MLP + "; self.register_buffer('mean', torch.zeros(d))", "x = x.flatten(1)\nif self.training: self.mean.lerp_(x.detach().mean(0), 0.1)\nreturn self.b(F.relu(self.a(x - self.mean)))"),
    "a gradient scaled by a hook": (MLP, "x = F.relu(self.a(x.flatten(1)))\nif x.requires_grad: x.register_hook(lambda g: g * 0.5)\nreturn self.b(x)"),
    "straight-through": (MLP, "z = torch.tanh(self.a(x.flatten(1)))\nreturn self.b(z + (z.sign() - z).detach())"),
    "a function of its own": (
        MLP,
        "return self.b(Swish.apply(self.a(x.flatten(1))))",
        "pass\n\n\nclass Swish(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        return x * x.sigmoid()\n\n    @staticmethod\n"
        "    def backward(ctx, g):\n        x, = ctx.saved_tensors\n        s = x.sigmoid()\n        return g * (s + x * s * (1 - s))",
    ),
    "a gradient within forward": (MLP, "with torch.enable_grad():\n    z = x.flatten(1).detach().requires_grad_()\n    g, = torch.autograd.grad(F.softplus(self.a(z)).sum(), z)\nreturn self.b(F.relu(self.a(z.detach() + 0.1 * g.detach())))"),
    "attention": ("self.e = nn.Linear(in_shape[1] * in_shape[3], 32); self.m = nn.MultiheadAttention(32, 4, batch_first=True); self.b = nn.Linear(32 * in_shape[2], k)", "x = self.e(x.transpose(1, 2).flatten(2))\nreturn self.b((x + self.m(x, x, x)[0]).flatten(1))"),
    "transformer": ("self.e = nn.Linear(in_shape[1] * in_shape[3], 32); self.m = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True); self.b = nn.Linear(32 * in_shape[2], k)", "return self.b(self.m(self.e(x.transpose(1, 2).flatten(2))).flatten(1))"),
    "experts": (MLP + "; self.g = nn.Linear(d, 4); self.s = nn.ModuleList([nn.Linear(d, k) for _ in range(4)])", "x = x.flatten(1)\nw = self.g(x).softmax(1)\nreturn sum(w[:, i : i + 1] * s(x) for i, s in enumerate(self.s))"),
    "unused layers": (MLP + "; self.unused = nn.Linear(h, h)", OUT),
    "frozen layers": (MLP + "; self.a.requires_grad_(False)", OUT),
    "a pruned layer": ("import torch.nn.utils.prune as prune; self.a = nn.Linear(d, h); prune.random_unstructured(self.a, 'weight', 0.3); self.b = nn.Linear(h, k)", OUT),
    "weights by a hypernetwork": ("self.z = nn.Parameter(torch.randn(8)); self.w = nn.Linear(8, d * k)", "return F.linear(x.flatten(1), self.w(self.z).view(-1, x[0].numel()) / 8)"),
    "Gumbel": (MLP, "z = F.gumbel_softmax(self.a(x.flatten(1)), hard=False) if self.training else self.a(x.flatten(1)).softmax(1)\nreturn self.b(z * 20)"),
    "tied by data": ("self.a = nn.Linear(d, d); self.c = nn.Linear(d, d); self.c.weight.data = self.a.weight.data; self.b = nn.Linear(d, k)", "return self.b(F.relu(self.c(F.relu(self.a(x.flatten(1))))))"),
    "a scale from the first images": (MLP + "; self.register_buffer('s', torch.zeros(1))", f"if not self.s: self.s.copy_(x.detach().std())\nx = x / self.s\n{OUT}"),
    "one vector of weights": ("self.v = nn.Parameter(torch.randn(d * h + h * k) / 8)\nself.d, self.h, self.k = d, h, k", "a, b = self.v.split([self.d * self.h, self.h * self.k])\nreturn F.relu(x.flatten(1) @ a.view(self.d, self.h)) @ b.view(self.h, self.k)"),
    "an average now and then": (
        MLP + "; self.register_buffer('n', torch.zeros((), dtype=torch.long)); self.register_buffer('slow', self.b.weight.detach().clone())",
        "if self.training:\n"
        "    self.n += 1\n"
        "    if self.n % 5 == 0:\n"
        "        with torch.no_grad(): self.slow.lerp_(self.b.weight, 0.5); self.b.weight.copy_(self.slow)\n"
        f"{OUT}",
    ),
    "frozen after some steps": (MLP + "; self.register_buffer('n', torch.zeros((), dtype=torch.long))", f"self.n += self.training\nself.a.requires_grad_(bool(self.n < 12))\n{OUT}"),
    "a hook on finished gradients": (MLP + "; self.b.weight.register_post_accumulate_grad_hook(lambda p: [None, p.grad.clamp_(-0.05, 0.05)][0])", OUT),
    "swapped for its average in eval()": (
        MLP + "; self.register_buffer('slow', self.b.weight.detach().clone())",
        f"if self.training: self.slow.lerp_(self.b.weight.detach(), 0.3)\n{OUT}",
        "def train(self, mode=True):\n"
        "    if hasattr(self, 'slow') and mode != self.training: self.slow.data, self.b.weight.data = self.b.weight.data, self.slow.data\n"
        "    return super().train(mode)",
    ),
    "mixed images": (MLP, f"if self.training: x = 0.9 * x + 0.1 * x[torch.randperm(len(x))]\n{OUT}"),
    "layers left out at random": (CONV + "; self.r = nn.Conv2d(16, 16, 3, padding=1)", "x = F.relu(self.c(x))\nif not self.training or torch.rand(()) < 0.8: x = x + F.relu(self.r(x))\nreturn self.b(x.flatten(1))"),
    "an ensemble by vmap": ("self.w = nn.Parameter(torch.randn(4, k, d) / 8)", "return torch.vmap(lambda w: F.linear(x.flatten(1), w))(self.w).mean(0)"),
    "scripted layers": (MLP + "; self.a = torch.jit.script(self.a)", OUT),
    "branches in threads": (
        MLP + "; self.c = nn.Linear(d, k)",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool: one, other = pool.map(lambda f: f(x.flatten(1)), (lambda z: self.b(F.relu(self.a(z))), self.c))\n"
        "return one + other",
    ),
    "cumulative statistics": (MLP + "; self.n = nn.BatchNorm1d(h, momentum=None)", "return self.b(F.relu(self.n(self.a(x.flatten(1)))))"),
    "a fixed point": (MLP + "; self.z = nn.Linear(h, h)", "u = self.a(x.flatten(1)); z = torch.zeros_like(u)\nwith torch.no_grad():\n    for _ in range(5): z = torch.tanh(u + 0.3 * self.z(z))\nreturn self.b(torch.tanh(u + 0.3 * self.z(z)))"),
    "parameters made anew": (MLP + "; self.s = nn.Parameter(torch.ones(h))", "self.s = nn.Parameter(self.s.detach().clamp(0.5, 1.5))\nreturn self.b(F.relu(self.a(x.flatten(1))) * self.s)"),
    "double precision": ("self.a = nn.Linear(d, h).double(); self.b = nn.Linear(h, k)", "return self.b(F.relu(self.a(x.flatten(1).double())).float())"),
    "embedding of pixels": ("self.e = nn.Embedding(8, 4); self.b = nn.Linear(4 * d, k)", "return self.b(self.e(((x.flatten(1) + 1) * 3).long().clamp(0, 7)).flatten(1))"),
}  # fmt: skip
"""By name: statements of the constructor and of forward, and further members."""


def source(kind: str) -> str:
    init, forward, *more = KINDS[kind]
    parts = [HEAD, indent(init, " " * 8), "\n\n    def forward(self, x):\n", indent(forward, " " * 8), "\n"]
    if more:
        own, _, outside = more[0].partition("\n\n\n")
        parts += ["\n", indent(own, " " * 4), "\n\n\n" + dedent(outside) if outside else "\n"]
    return "".join(parts) + "\n"


def plain_accuracy(code: str, images: TrainImages, evaluation: EvalImages, labels: torch.Tensor, *, recipe: Recipe, seed: int) -> float:  # fmt: skip
    """Train by a loop as a tutorial has it, and return the accuracy."""
    torch.manual_seed(seed)
    space: dict[str, type[nn.Module]] = {}
    exec(code, space)
    device = torch.device("cpu")
    net = space["Net"]((recipe.batch_size, *images.x.shape[1:]), (recipe.classes,), recipe.prm(), device)
    normalise = Normalise(recipe, device, torch.contiguous_format)
    net.eval()
    with torch.no_grad():
        net(normalise(images.x[:2]))
    net.train()
    batches = TrainBatches(images, recipe, normalise, seed=seed)
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True)
    for step, (x, y) in enumerate(batches):
        optimizer.param_groups[0]["lr"] = recipe.lr * one_cycle(step, len(batches), recipe.warmup_share or 0.3)
        out = net(x)
        out = out[0] if isinstance(out, tuple) else out["out"] if isinstance(out, dict) else out
        optimizer.zero_grad()
        nn.functional.cross_entropy(out, y).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        return float((net(normalise(evaluation.x)).argmax(1) == labels).float().mean())
