"""The memory of the three 7B models, from configs of their sizes."""

import math
from typing import Any

import pytest

from nnloop.compat import ensure_torchvision_imports
from nnloop.llm.memory_forecast import Shape, sequences_that_fit, shape_of
from nnloop.settings import LoraSettings, Settings

GB = 1e9


@pytest.fixture(scope="module")
def shapes() -> dict[str, Shape]:
    ensure_torchvision_imports()
    from transformers import LlamaConfig, MistralConfig, Qwen2Config

    coder = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    llama = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 30, "num_attention_heads": 32}
    configs = {
        "deepseek": LlamaConfig(vocab_size=102400, num_key_value_heads=32, **llama),
        "qwen": Qwen2Config(vocab_size=152064, num_key_value_heads=4, **coder),
        "mistral": MistralConfig(vocab_size=32768, sliding_window=None),
    }
    return {kind: shape_of(config) for kind, config in configs.items()}


def lora(configure: Any, *overrides: str) -> LoraSettings:
    composed: Settings = configure("llm=qwen", *overrides)
    assert isinstance(composed.finetune, LoraSettings)
    return composed.finetune


@pytest.mark.parametrize(
    ("kind", "billions", "bf16", "nf4"),
    [("deepseek", 6.91, 13.8, 4.8), ("qwen", 7.62, 15.2, 5.5), ("mistral", 7.25, 14.5, 4.1)],
)
def test_weights_in_bfloat16_and_nf4(
    shapes: dict[str, Shape], kind: str, billions: float, bf16: float, nf4: float
) -> None:
    shape = shapes[kind]
    assert shape.parameters / 1e9 == pytest.approx(billions, abs=0.005)
    assert shape.weights(2, "none") / GB == pytest.approx(bf16, abs=0.05)
    assert shape.weights(2, "nf4") / GB == pytest.approx(nf4, abs=0.05)


def test_grouped_keys_and_values_cost_less(shapes: dict[str, Shape]) -> None:
    per_token = {kind: shape.cache(2) for kind, shape in shapes.items()}
    assert per_token == {"deepseek": 30 * 2 * 4096 * 2, "qwen": 28 * 2 * 512 * 2, "mistral": 32 * 2 * 1024 * 2}


def test_rows_shrink_with_the_memory_and_never_below_none(shapes: dict[str, Shape]) -> None:
    rows = [
        sequences_that_fit(shapes["deepseek"], free=int(gb * GB), bytes_each=2, tokens=2000) for gb in (1, 10, 20, 60)
    ]
    assert rows == sorted(rows)
    assert rows[0] == 0 < rows[1] < rows[3]


def test_the_adapter_has_peft_s_number_of_weights(shapes: dict[str, Shape], configure: Any) -> None:
    every, first = lora(configure), lora(configure, "finetune.layers=24")
    shape = shapes["deepseek"]
    assert shape.adapter(every) == 32 * 30 * (4 * (4096 + 4096) + 3 * (4096 + 11008))
    assert shape.adapter(first) * 30 == shape.adapter(every) * 24
    with_head = lora(configure, "experiment=paper_delta")
    assert shape.adapter(with_head) - shape.adapter(every) == 32 * (4096 + 102400)


def test_checkpointing_and_8_bit_states_make_tuning_smaller(shapes: dict[str, Shape], configure: Any) -> None:
    shape, plain = shapes["qwen"], lora(configure, "finetune.gradient_checkpointing=false")
    small = lora(configure)
    assert (
        shape.tuning(small, bytes_each=2, paged=True, length=4096)
        < shape.tuning(small, bytes_each=2, paged=False, length=4096)
        < shape.tuning(plain, bytes_each=2, paged=False, length=4096)
    )


@pytest.mark.parametrize("kind", ["deepseek", "qwen", "mistral"])
def test_a_24_gb_card_holds_the_loop_with_nf4(shapes: dict[str, Shape], configure: Any, kind: str) -> None:
    """Beside the LLM, 4 GB for trials and what CUDA itself takes."""
    shape, room = shapes[kind], 20 * GB
    weights = shape.weights(2, "nf4")
    assert weights + shape.tuning(lora(configure), bytes_each=2, paged=True, length=4096) < room
    assert sequences_that_fit(shape, free=math.floor(room - weights), bytes_each=2, tokens=900 + 1024) >= 10
