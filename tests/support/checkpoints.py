"""Small checkpoints with random weights, of the architectures and with the tokenizer habits of the LLMs we name."""

from pathlib import Path
from typing import Any

import yaml
from architectures import make_config, make_model
from paths import CONF

from nnloop.compat import ensure_torchvision_imports
from nnloop.settings import HfLlmSettings, LoraSettings

QWEN = """\
{% if messages[0]['role'] != 'system' %}<|im_start|>system
You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
DEEPSEEK = """\
{{ bos_token }}You are an AI programming assistant.
{% for message in messages %}{% if message['role'] == 'user' %}### Instruction:
{{ message['content'] }}
{% else %}### Response:
{{ message['content'] }}
<|EOT|>
{% endif %}{% endfor %}{% if add_generation_prompt %}### Response:{% endif %}"""
MISTRAL = """\
{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}[INST] {{ message['content'] }}[/INST]\
{% elif message['role'] == 'assistant' %} {{ message['content'] }}{{ eos_token }}\
{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"""
SPECIAL = {
    "qwen": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "extra_special_tokens": ["<|im_start|>"]},
    "deepseek": {"bos_token": "<|begin|>", "eos_token": "<|end|>", "extra_special_tokens": ["<|EOT|>"]},
    "mistral": {"bos_token": "<s>", "eos_token": "</s>", "extra_special_tokens": ["[INST]", "[/INST]"]},
}
TEMPLATES = {"qwen": QWEN, "deepseek": DEEPSEEK, "mistral": MISTRAL}
KINDS = tuple(TEMPLATES)

TEXT = """import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, in_shape, out_shape, prm, device):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(in_shape[1], 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    def forward(self, x):
        return self.head(self.features(x).flatten(1))
<delta>
@@ @@
-        32
+        64
</delta>
<nn>
</nn>
"""


def make(folder: Path, kind: str = "qwen", config: str | None = None, **changes: Any) -> Path:
    """Write a checkpoint of the kind's architecture to the folder; `changes` go into its config.

    `config` is a model_type to take instead, with the kind's tokenizer.
    """
    ensure_torchvision_imports()
    from transformers import LlamaConfig, MistralConfig, Qwen2Config
    from transformers.utils import logging

    logging.disable_progress_bar()

    tokenizer = make_tokenizer(kind)
    classes = {"qwen": Qwen2Config, "deepseek": LlamaConfig, "mistral": MistralConfig}
    eos = "<|EOT|>" if kind == "deepseek" else tokenizer.eos_token  # as generation_config.json of the real one says
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.convert_tokens_to_ids(eos)}
    options = {**sizes, "num_key_value_heads": 2, "max_position_embeddings": 1024, "sliding_window": None}
    if config is not None:
        made = make_config(config, len(tokenizer), **special, **changes)
    else:
        made = classes[kind](**{"vocab_size": len(tokenizer), **options, **special, **changes})
    make_model(made).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(kind: str) -> Any:
    ensure_torchvision_imports()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL[kind])
    fast.chat_template = TEMPLATES[kind]
    return fast


def settings(model: Path | str, **changes: Any) -> HfLlmSettings:
    """Settings for such a checkpoint: sampled at temperature 1."""
    values: dict[str, Any] = {
        "name": "small",
        "engine": "hf",
        "model": str(model),
        "revision": None,
        "adapter": None,
        "prompt": "chat",
        "system": None,
        "template": {},
        "device": "cpu",
        "quantize": "none",
        "offload": False,
        "dtype": "auto",
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 0.95,
        "max_new_tokens": {"delta": 24, "full": 32},
        "max_repeats": 0,
        "context_length": 512,
        "batch_size": 4,
        "diff_context": 1,
        "diff_line_numbers": False,
    }
    return HfLlmSettings(**{**shipped("llm/qwen"), **values, **changes})


def lora(**changes: Any) -> LoraSettings:
    """Settings of a fine-tune that changes a small checkpoint visibly in a few steps."""
    values: dict[str, Any] = {
        "name": "lora",
        "rank": 4,
        "alpha": 8,
        "dropout": 0.05,
        "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"],
        "layers": None,
        "lr": 1e-2,
        "epochs": 2,
        "batch_size": 2,
        "accumulation": 1,
        "packing": False,
        "gradient_checkpointing": False,
        "optimizer": "adamw",
        "warmup_steps": 1,
        "weight_decay": 0.01,
        "clip_norm": 1.0,
        "max_length": 400,
        "max_pairs": 100,
        "corpus_pairs": 0,
        "held_out": 0.0,
        "checkpoint_minutes": 5.0,
        "restart": False,
    }
    return LoraSettings(**{**shipped("finetune/lora"), **values, **changes})


def shipped(option: str) -> dict[str, Any]:
    """An option's values as conf/ has them, for the settings that a test does not care about."""
    return dict(yaml.safe_load((CONF / f"{option}.yaml").read_text()))


IDS = {
    "deepseek": "deepseek-ai/deepseek-coder-7b-instruct-v1.5",
    "qwen": "Qwen/Qwen2.5-Coder-7B-Instruct",
    "mistral": "mistralai/Mistral-7B-Instruct-v0.3",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def publish(cache: Path, kind: str) -> str:
    """Put a small checkpoint into a local hub cache under the id of the real one; return the id."""
    repository = cache / f"models--{IDS[kind].replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    make(repository / "snapshots" / COMMIT, kind, max_position_embeddings=32768)
    return IDS[kind]
