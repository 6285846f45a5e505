"""The tiny LLM's recipe, small enough for a test."""

from typing import Any

import yaml
from paths import CONF

from nnloop.settings import PretrainSettings


def small(**changes: Any) -> PretrainSettings:
    values: dict[str, Any] = yaml.safe_load((CONF / "job" / "pretrain.yaml").read_text())
    values |= {"steps": 4, "batch_tokens": 1024, "row_tokens": 512, "delta_answers": 2, "full_answers": 1}
    values |= {"tokenizer_documents": 20, "vocab_size": 700, "layers": 1, "hidden_size": 32, "feed_forward": 32}
    values |= {"heads": 2, "kv_heads": 1, "workers": 0, "threads": 1, "evaluate_every": 100, "evaluate_networks": 2}
    return PretrainSettings(**(values | changes))


STREAM = small(full_share=0.3, delta_answers=3)
