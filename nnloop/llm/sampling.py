"""Sample the next token of each sequence from its logits, by noise that depends only on (seed, step, token).

Gumbel-max: argmax(logits / T + Gumbel noise) is a sample from softmax(logits / T). Because the noise comes from a
counter and not from a generator's state, a prompt gets the same completion whatever batch it falls in and on whatever
device, up to the numerics of the logits: a difference d flips a token with a probability of the order of d.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

HEADS = (
    16,
    256,
)  # so many most likely tokens nearly always have top_p: finding them is cheaper than sorting all tokens


@dataclass(frozen=True, slots=True)
class Sampling:
    """The rule by which tokens are sampled."""

    temperature: float  # 0 is greedy
    top_k: int  # 0 is off
    top_p: float  # 1 is off


def sample(logits: Tensor, sampling: Sampling, *, seeds: Tensor, steps: Tensor) -> Tensor:
    """Sample one token id per row, (B,), from logits (B, V); `seeds` and `steps` are (B,) int64."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits, ids = restrict(logits.float() / sampling.temperature, sampling.top_k, sampling.top_p)
    choice = (logits + gumbel(seeds[:, None], steps[:, None], ids)).argmax(dim=-1, keepdim=True)
    return ids.expand_as(logits).gather(1, choice)[:, 0]


def restrict(logits: Tensor, top_k: int, top_p: float) -> tuple[Tensor, Tensor]:
    """Restrict each row to its top k tokens, and among them to the smallest set with top_p of their probability.

    Returns logits (B, K), -inf for tokens outside the set, and the token ids, (B, K) or (1, K).
    """
    if top_k == 0 and top_p >= 1:
        return logits, torch.arange(logits.shape[1], device=logits.device)[None]
    if top_k:
        top, ids = logits.topk(min(top_k, logits.shape[1]))
        probabilities = top.softmax(dim=-1)
    else:
        top, ids, probabilities = _most_likely(logits, min(top_p, 1 - 1e-6))
    before = probabilities.cumsum(dim=-1) - probabilities
    return top.masked_fill(before >= top_p, -torch.inf), ids


def _most_likely(logits: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits, ids and probabilities, (B, K), of the most likely tokens, which hold the share in every row."""
    total = logits.logsumexp(dim=-1, keepdim=True)
    for count in HEADS:
        if count < logits.shape[1]:
            top, ids = logits.topk(count)
            probabilities = (top - total).exp()
            if float(probabilities.sum(dim=-1).min()) >= share:
                return top, ids, probabilities
    top, ids = logits.sort(descending=True)
    return top, ids, top.softmax(dim=-1)


def gumbel(seeds: Tensor, steps: Tensor, tokens: Tensor) -> Tensor:
    """Return standard Gumbel noise as a pure function of three integers (int64 tensors, broadcast)."""
    bits = _mix(_mix(_mix(seeds) + steps) + tokens)
    uniform = ((bits & 0xFFFFFF).float() + 0.5) / 0x1000000  # float32 holds 24 bits exactly
    return -torch.log(-torch.log(uniform))


def _mix(x: Tensor) -> Tensor:
    """Do one step of SplitMix64 (Steele et al. 2014), on int64 that wraps around."""
    x = x + _signed(0x9E3779B97F4A7C15)
    x = (x ^ _shift(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shift(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shift(x, 31)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Shift to the right and fill with zeros; torch's own shift fills with the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
