"""What differs between architectures: windows, masks, linear layers."""

import pytest
import torch
from architectures import make_config

from nnloop.llm.architecture import attention_layout, empty_model, linear_layers


def test_a_sliding_layer_attends_to_its_window_alone() -> None:
    layout = attention_layout(make_config("gemma2"))
    assert (layout.kinds, layout.window) == ({"sliding_attention", "full_attention"}, 8)
    distance = torch.arange(9, -1, -1)[None]  # of ten tokens to the newest one
    masks = layout.masks(distance >= 0, distance, dtype=torch.float32)
    assert isinstance(masks, dict)
    assert (masks["full_attention"] == 0).all()
    assert (masks["sliding_attention"] == 0).tolist() == [[False] * 2 + [True] * 8]


@pytest.mark.parametrize(("kind", "window"), [("mistral", 8), ("llama", None), ("qwen2", None)])
def test_a_model_of_one_kind_of_layer_gets_one_mask(kind: str, window: int | None) -> None:
    layout, distance = attention_layout(make_config(kind)), torch.arange(9, -1, -1)[None]
    mask = layout.masks(distance >= 0, distance, dtype=None)
    assert isinstance(mask, torch.Tensor)
    assert int(mask.sum()) == (window or 10)


def test_a_state_that_no_mask_describes_is_told_apart() -> None:
    kinds = ("llama", "gemma3", "qwen3_next", "gpt_neo")
    taken = {kind: attention_layout(make_config(kind)).takes_masks for kind in kinds}
    assert taken == {"llama": True, "gemma3": True, "qwen3_next": False, "gpt_neo": False}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("gpt2", {"c_attn", "c_proj", "c_fc"}),
        ("phi3", {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}),
        ("gpt_neox", {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"}),
    ],
)
def test_fused_and_transposed_layers_are_linear_layers_and_the_output_is_none(kind: str, names: set[str]) -> None:
    assert {name.rpartition(".")[2] for name in linear_layers(empty_model(make_config(kind)))} == names
