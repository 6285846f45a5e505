"""Attention as matrix products."""

import torch

from nnloop.llm.pretraining import attention


def test_grouped_heads_attend_as_in_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, heads, 5, 8, generator=generator) for heads in (4, 2, 2))
    mask = torch.full((5, 5), -1e4).triu(1)[None, None].expand(2, 1, 5, 5)
    ours, _ = attention.dense_attention(torch.nn.Module(), query, key, value, mask, scaling=8**-0.5)
    theirs = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    assert torch.allclose(ours, theirs.transpose(1, 2), atol=1e-5)
