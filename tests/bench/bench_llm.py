"""Speed and memory of generation and of LoRA, on random prompts: what a model says does not matter here.

    python tests/bench/bench_llm.py [tiny|deepseek|qwen|mistral] [BATCH] [PROMPT] [NEW] [--small] [--threads N]

tiny is the package's own checkpoint; the others have random weights: of full size, which needs a GPU with about 60 GB,
or with --small in 4 layers of width 256. Every completion is NEW tokens long after a prompt of PROMPT tokens, 80% of
them shared by all. Prints one JSON line: tokens written per second by nnloop and by transformers on the same model in
the same run, by nnloop with an adapter merged and active; trained tokens per second of LoRA, padded and packed; the
share of completions that are the same in a batch and alone; peak memory of the device. Speeds of a CPU want idle cores.
"""

import argparse
import copy
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from nnloop.compat import ensure_torchvision_imports
from nnloop.llm import adapters
from nnloop.llm.chat import Example
from nnloop.llm.decode import Decoder
from nnloop.llm.finetune import Examples, train
from nnloop.llm.sampling import Sampling
from nnloop.settings import LoraSettings

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"]
TINY = Path(__file__).resolve().parents[2] / "nnloop" / "llm" / "tiny" / "weights"
REFERENCE_TOKENS = 4
REPEATS = 3
SAMPLING = {"temperature": 0.35, "top_k": 50, "top_p": 0.9}
LORA: dict[str, Any] = {
    **{"name": "lora", "rank": 32, "alpha": 32, "dropout": 0.05, "targets": TARGETS, "layers": None, "lr": 1e-5},
    **{"epochs": 1, "batch_size": 1, "accumulation": 8, "gradient_checkpointing": True, "optimizer": "auto"},
    **{"warmup_steps": 20, "weight_decay": 0.01, "clip_norm": 1.0, "max_length": 4096, "max_pairs": 200},
    **{"corpus_pairs": 0, "held_out": 0.0, "checkpoint_minutes": 1e6, "restart": False},
}


class Never:
    """Lets every completion run to its limit."""

    def ending(self, tokens: list[int]) -> None:
        return None


def main() -> None:
    given = _arguments()
    if given.threads:
        torch.set_num_threads(given.threads)
    model = make(given.kind, given.small)
    batch, prompts, new = given.batch, make_prompts(given.batch, given.prompt), given.new
    generate(model, prompts[:2], 2, 4)  # warm-up
    result = {
        "model": given.kind + ("-small" if given.small else ""),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "batched": round(batch * new / timed(lambda: generate(model, prompts, batch, new))),
        "one_by_one": round(new / timed(lambda: generate(model, prompts[:1], 1, new)), 1),
        **peers(model, prompts, new),
        **with_adapters(model, prompts, new),
        "lora": round(tune(model, prompts, new, packing=False)),
        "lora_packed": round(tune(model, prompts, new, packing=True)),
        "peak_gb": round(peak(model.device), 1),
        "equal": equal(model, prompts, new),  # last: it may change the dtype
    }
    print(json.dumps(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", nargs="?", default="tiny", choices=["tiny", "deepseek", "qwen", "mistral"])
    parser.add_argument("batch", nargs="?", type=int, default=50)
    parser.add_argument("prompt", nargs="?", type=int)
    parser.add_argument("new", nargs="?", type=int)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    prompt, new = (60, 50) if given.kind == "tiny" else (220, 110) if given.small else (900, 400)
    given.prompt, given.new = given.prompt or prompt, given.new or new
    return given


def make(kind: str, small: bool) -> Any:
    ensure_torchvision_imports()
    from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config

    coder = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
    llama = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 30, "num_attention_heads": 32}
    light = {"hidden_size": 256, "intermediate_size": 640, "num_hidden_layers": 4, "num_attention_heads": 4}
    light = {**light, "vocab_size": 4096, "num_key_value_heads": 2} if small else {}
    configs = {
        "deepseek": lambda: LlamaConfig(**{"vocab_size": 102400, "num_key_value_heads": 32, **llama, **light}),
        "qwen": lambda: Qwen2Config(**{"vocab_size": 152064, "num_key_value_heads": 4, **coder, **light}),
        "mistral": lambda: MistralConfig(**{"vocab_size": 32768, "sliding_window": None, **light}),
    }
    device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
    if kind == "tiny":
        model = AutoModelForCausalLM.from_pretrained(TINY, dtype=dtype).to(device)
    else:
        with torch.device(device):
            model = AutoModelForCausalLM.from_config(configs[kind](), dtype=dtype)
    return model.eval().requires_grad_(False)


def make_prompts(count: int, length: int) -> list[list[int]]:
    rng = random.Random(0)
    shared = [rng.randrange(1000) for _ in range(length * 4 // 5)]
    return [shared + [rng.randrange(1000) for _ in range(length - len(shared))] for _ in range(count)]


def generate(model: Any, prompts: list[list[int]], batch: int, new: int, seed: int = 0) -> list[list[int]]:
    """Write with nnloop's own loop, with seeds that count up; gives the tokens by prompt."""
    never: Any = Never()
    decoder = Decoder(model=model, sampling=Sampling(**SAMPLING), stop=never, limit=new, batch_size=batch)
    sequences = sorted(decoder.decode(prompts, range(seed, seed + len(prompts))), key=lambda sequence: sequence.index)
    assert all(len(sequence.tokens) == new for sequence in sequences)
    return [sequence.tokens for sequence in sequences]


def peers(model: Any, prompts: list[list[int]], new: int) -> dict[str, float | str]:
    """Tokens per second of transformers' own ways to write the same."""
    few, whole = REFERENCE_TOKENS, len(prompts) * new
    middle = prompts[0] + prompts[0][: new // 2]
    return {
        "no_cache": round(few / timed(lambda: theirs(model, [middle], few, use_cache=False)), 2),
        "generate": round(whole / timed(lambda: theirs(model, prompts, new))),
        "static": round(whole / timed(lambda: theirs(model, prompts, new, cache_implementation="static"))),
        "continuous": continuous(model, prompts, min(new, 20)),
    }


def theirs(model: Any, prompts: list[list[int]], new: int, **options: Any) -> None:
    """Write with transformers' generate."""
    ids = torch.tensor(prompts, device=model.device)
    options = {"do_sample": True, "pad_token_id": 0, "max_new_tokens": new, "min_new_tokens": new, **options}
    out = model.generate(ids, attention_mask=torch.ones_like(ids), **SAMPLING, **options)
    assert out.shape == (len(prompts), ids.shape[1] + new)


def continuous(model: Any, prompts: list[list[int]], new: int) -> float | str:
    """Write with transformers' continuous batching, or say why it does not run here."""
    from transformers import GenerationConfig

    config = GenerationConfig(do_sample=True, eos_token_id=-1, max_new_tokens=new, **SAMPLING)
    written: dict[str, Any] = {}

    def work() -> None:
        written.update(model.generate_batch(prompts, generation_config=config))

    try:
        seconds = timed(work, 1)
    except Exception as error:  # whatever a peer raises is the figure
        return f"{type(error).__name__}: {error}"[:200]
    assert [len(one.generated_tokens) for one in written.values()] == [new] * len(prompts)
    return round(len(prompts) * new / seconds)


def with_adapters(model: Any, prompts: list[list[int]], new: int) -> dict[str, int]:
    """Tokens per second of nnloop's loop with LoRA layers active, and with the same added into the weights."""
    copied = add_lora(copy.deepcopy(model))
    active = timed(lambda: generate(copied.eval(), prompts, len(prompts), new))
    merged = copied.merge_and_unload().eval()
    whole = len(prompts) * new
    return {
        "active": round(whole / active),
        "merged": round(whole / timed(lambda: generate(merged, prompts, len(prompts), new))),
    }


def add_lora(model: Any) -> Any:
    from peft import LoraConfig

    return adapters.add_lora(
        model, LoraConfig(task_type="CAUSAL_LM", r=32, lora_alpha=32, lora_dropout=0.05, target_modules=TARGETS)
    )


def tune(model: Any, prompts: list[list[int]], new: int, packing: bool) -> float:
    """Tokens per second, prompts included, of one epoch with the papers' LoRA (batch 1, accumulation 8)."""
    settings = LoraSettings(**{**LORA, "packing": packing})
    examples = Examples([Example(prompt, prompt[:new]) for prompt in prompts], [])
    tuned = add_lora(model)
    if model.device.type == "cuda":
        model.activation_checkpointing_enable({"use_reentrant": False})
    try:
        return sum(map(len, examples.learn)) / timed(
            lambda: train(tuned, examples, settings, seed=0, checkpoint=None), 1
        )
    finally:
        adapters.detach(tuned)


def equal(model: Any, prompts: list[list[int]], new: int) -> dict[str, float]:
    """Share of completions that a batch gives as writing each alone does, by dtype."""
    shares = {}
    for dtype in {model.dtype: None, torch.bfloat16: None}:
        model = model.to(dtype)
        together = generate(model, prompts, len(prompts), new)
        alone = [generate(model, [prompt], 1, new, seed)[0] for seed, prompt in enumerate(prompts)]
        same = [one == other for one, other in zip(together, alone, strict=True)]
        shares[str(dtype)[6:]] = round(sum(same) / len(same), 3)
    return shares


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Seconds of the fastest of so many."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def peak(device: torch.device) -> float:
    """GB; 0 on a CPU."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0


if __name__ == "__main__":
    main()
