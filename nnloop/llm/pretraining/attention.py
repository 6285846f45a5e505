"""Attention as plain matrix products: on a CPU about twice as fast in training as PyTorch's fused kernel."""

import torch

NAME = "nnloop_dense"


def register() -> None:
    """Make the function below known to transformers under NAME."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, dense_attention)


def dense_attention(
    module: torch.nn.Module,
    query: torch.Tensor,  # (B, heads, T, D)
    key: torch.Tensor,  # (B, kv heads, T, D)
    value: torch.Tensor,
    attention_mask: torch.Tensor,  # (B, 1, T, T), added
    scaling: float,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attend, with a group's heads stacked along time instead of its keys repeated; returns (B, T, heads, D)."""
    batch, heads, time, size = query.shape
    groups = key.shape[1]
    stacked = (query * scaling).reshape(batch, groups, heads // groups * time, size)
    scores = (stacked @ key.transpose(2, 3)).view((batch, heads, time, time))
    weights = torch.softmax(scores + attention_mask, dim=-1, dtype=scores.dtype)
    result = weights.view((batch, groups, heads // groups * time, time)) @ value
    return result.view((batch, heads, time, size)).transpose(1, 2), None
