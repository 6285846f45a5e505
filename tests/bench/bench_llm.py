"""Speed and memory of generation and of LoRA, on random weights: what a model says does not matter here.

    python tests/bench/bench_llm.py [tiny|deepseek|qwen|mistral] [BATCH] [PROMPT] [NEW]

Full size for the 7B models: needs a GPU with about 60 GB for them. Every completion is NEW tokens long after a prompt
of PROMPT tokens, 80% of them shared by all. Prints one JSON line: new tokens per second in a batch, one by one with
cache, and one by one as the reference does it (no cache: the whole text again for each token, a few tokens measured in
the middle of a completion); LoRA tokens per second; peak memory of the device. Speeds of a CPU want idle cores.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from nnloop.compat import ensure_torchvision_imports
from nnloop.llm.chat import Example
from nnloop.llm.decode import Decoder
from nnloop.llm.finetune import train
from nnloop.llm.sampling import Sampling
from nnloop.settings import LoraSettings

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"]
REFERENCE_TOKENS = 4
LORA: dict[str, Any] = {
    **{"name": "lora", "rank": 32, "alpha": 32, "dropout": 0.05, "targets": TARGETS, "layers": None, "lr": 1e-5},
    **{"epochs": 1, "batch_size": 1, "accumulation": 8, "gradient_checkpointing": True, "optimizer": "auto"},
    **{"warmup_steps": 20, "weight_decay": 0.01, "clip_norm": 1.0, "max_length": 4096, "max_pairs": 200},
    **{"corpus_pairs": 0, "held_out": 0.0, "checkpoint_minutes": 1e6, "restart": False},
}


class Never:
    """Lets every completion run to its limit."""

    def reached(self, tokens: list[int]) -> bool:
        return False


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) > 1 else "tiny"
    defaults = (50, 220, 110) if kind == "tiny" else (50, 900, 400)
    batch, prompt, new = [int(given) for given in sys.argv[2:]] + list(defaults[len(sys.argv[2:]) :])
    model = make(kind)
    rng = random.Random(0)
    shared = [rng.randrange(1000) for _ in range(prompt * 4 // 5)]
    prompts = [shared + [rng.randrange(1000) for _ in range(prompt - len(shared))] for _ in range(batch)]
    generate(model, prompts[:2], 2, 4)  # warm-up
    result = {
        "model": kind,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "device": str(model.device),
        "batched": round(batch * new / timed(lambda: generate(model, prompts, batch, new))),
        "one_by_one": round(new / timed(lambda: generate(model, prompts[:1], 1, new)), 1),
        "reference": round(REFERENCE_TOKENS / timed(lambda: without_cache(model, prompts[0], new)), 2),
        "lora": round(tune(model, prompts, new, packing=False)),
        "lora_packed": round(tune(model, prompts, new, packing=True)),
        "peak_gb": round(peak(model.device), 1),
    }
    print(json.dumps(result))


def make(kind: str) -> Any:
    ensure_torchvision_imports()
    from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config

    tiny = {"hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": 4, "num_attention_heads": 4}
    coder = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    llama = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 30, "num_attention_heads": 32}
    configs = {
        "tiny": lambda: Qwen2Config(vocab_size=2048, num_key_value_heads=2, tie_word_embeddings=True, **tiny),
        "deepseek": lambda: LlamaConfig(vocab_size=102400, num_key_value_heads=32, **llama),
        "qwen": lambda: Qwen2Config(vocab_size=152064, num_key_value_heads=4, **coder),
        "mistral": lambda: MistralConfig(vocab_size=32768, sliding_window=None),
    }
    gpu = torch.cuda.is_available()
    with torch.device("cuda" if gpu else "cpu"):
        model = AutoModelForCausalLM.from_config(configs[kind](), dtype=torch.bfloat16 if gpu else torch.float32)
    return model.eval().requires_grad_(False)


def generate(model: Any, prompts: list[list[int]], batch: int, new: int) -> None:
    decoder = Decoder(model, Sampling(0.35, 50, 0.9), Never(), new, batch)  # type: ignore[arg-type]
    assert all(len(row.tokens) == new for row in decoder.decode(prompts, range(len(prompts))))


@torch.inference_mode()
def without_cache(model: Any, prompt: list[int], new: int) -> None:
    """Write a few tokens in the middle of a completion, each from the whole text."""
    text = torch.tensor([prompt + prompt[: new // 2]], device=model.device)
    for _ in range(REFERENCE_TOKENS):
        token = model(input_ids=text, use_cache=False).logits[:, -1].argmax(dim=-1)
        text = torch.cat([text, token[:, None]], dim=1)
    text.cpu()


def tune(model: Any, prompts: list[list[int]], new: int, packing: bool) -> float:
    """Tokens per second, prompts included, of one epoch with the papers' LoRA (batch 1, accumulation 8)."""
    from peft import LoraConfig

    from nnloop.llm import adapters

    settings = LoraSettings(**{**LORA, "packing": packing})
    examples = [Example(prompt, prompt[:new]) for prompt in prompts]
    config = LoraConfig(task_type="CAUSAL_LM", r=32, lora_alpha=32, lora_dropout=0.05, target_modules=TARGETS)
    tuned = adapters.add_lora(model, config)
    if model.device.type == "cuda":
        model.activation_checkpointing_enable({"use_reentrant": False})
    try:
        return sum(len(one) for one in examples) / timed(lambda: train(tuned, examples, [], settings, 0))
    finally:
        adapters.detach(tuned)


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak(device: torch.device) -> float:
    """GB; 0 on a CPU."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


if __name__ == "__main__":
    main()
