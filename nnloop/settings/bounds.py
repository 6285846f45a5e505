"""The range of every number and the words of every choice, as tables."""

from collections.abc import Iterator
from typing import Any

from nnloop.settings.groups import Settings


def ranges(settings: Settings) -> Iterator[tuple[str, float, float, float]]:
    """Yield (key, value, lowest, highest) of every bounded number that is set."""
    for key, value, (low, high) in _found(settings, BOUNDS):
        for name, number in value.items() if isinstance(value, dict) else [("", value)]:
            yield f"{key}.{name}" if name else key, number, low, high


def choices(settings: Settings) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (key, value, what is allowed) of every setting that is one of a few words."""
    yield from _found(settings, CHOICES)


def _found(settings: Settings, table: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, value, row) of the rows whose setting the chosen options have and set."""
    for group, rows in table.items():
        node = getattr(settings, group) if group else settings
        for key, row in rows.items():
            value = getattr(node, key, None)
            if value is not None:
                yield (f"{group}.{key}" if group else key), value, row


BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "": {
        "seed": (0, 2**31 - 1),
        "cycles": (1, 10_000),
        "candidates": (1, 100_000),
        "retries": (0, 10),
    },
    "admission": {
        "min_accuracy": (0, 1),
    },
    "dataset": {
        "classes": (2, 1e6),
        "channels": (1, 1024),
        "size": (1, 4096),
        "min_accuracy": (0, 1),
        "crop_pad": (0, 64),
        "val_fraction": (0.01, 0.5),
        "split_seed": (0, 2**31 - 1),
        "train_limit": (20, 1e12),
        "test_limit": (1, 1e12),
    },
    "sandbox": {
        "scratch_mb": (1, 1_000_000),
    },
    "mode": {
        "max_params": (1, 1e12),
    },
    "budget": {
        "tokens": (1, 1e12),
        "hours": (1e-6, 1e12),
    },
    "job": {
        "last_cycles": (1, 10_000),
        "networks": (1, 1e6),
        "checkpoint_epochs": (1, 10_000),
        "seed": (0, 2**31 - 1),
        "steps": (1, 1e9),
        "warmup_steps": (0, 1e9),
        "decay_share": (0, 1),
        "batch_tokens": (64, 1e9),
        "row_tokens": (64, 2048),
        "delta_answers": (1, 1000),
        "full_answers": (1, 1000),
        "full_share": (0, 1),
        "prompt_weight": (0, 1),
        "matrix_lr": (0, 1),
        "other_lr": (0, 1),
        "weight_decay": (0, 10),
        "vocab_size": (300, 1e6),
        "tokenizer_documents": (1, 1e9),
        "layers": (1, 1000),
        "hidden_size": (8, 1e6),
        "feed_forward": (8, 1e6),
        "heads": (1, 1000),
        "kv_heads": (1, 1000),
        "threads": (1, 4096),
        "workers": (0, 4096),
        "checkpoint_minutes": (0, 1e6),
        "evaluate_every": (1, 1e9),
        "evaluate_networks": (1, 1e6),
    },
    "llm": {
        "max_new_tokens": (1, 1e12),
        "edits": (1, 1e12),
        "temperature": (0, 10),
        "top_k": (0, 1e6),
        "top_p": (1e-6, 1),
        "context_length": (16, 1e7),
        "batch_size": (1, 4096),
        "diff_context": (0, 100),
        "delay_s": (0, 3600),
        "timeout_s": (0.1, 1e6),
        "tries": (1, 100),
    },
    "proxy": {
        "epochs": (1, 10_000),
        "batch_size": (2, 65_536),
        "lr": (1e-8, 100),
        "momentum": (0, 0.9999),
        "clip_norm": (0, 1e12),
        "dropout": (0, 0.99),
        "chance_share": (0, 1),
        "min_steps": (1, 100_000),
        "weight_decay": (0, 10),
        "label_smoothing": (0, 0.99),
        "warmup_share": (0.01, 0.99),
    },
    "parents": {
        "corpus_share": (0, 1),
        "count": (1, 1e6),
        "exponent": (0, 100),
        "islands": (1, 1000),
        "every": (1, 10_000),
        "migrants": (0, 10_000),
    },
    "context": {"attempts": (1, 1000), "networks": (1, 100), "tokens": (1, 1e7)},
    "search": {"staleness": (0, 1e6)},
    "finetune": {
        "rank": (1, 4096),
        "alpha": (1, 65_536),
        "dropout": (0, 0.99),
        "lr": (0, 1),
        "epochs": (1, 1000),
        "batch_size": (1, 4096),
        "accumulation": (1, 4096),
        "warmup_steps": (0, 1e6),
        "weight_decay": (0, 10),
        "clip_norm": (0, 1e6),
        "max_length": (16, 1e7),
        "max_pairs": (1, 1e6),
        "corpus_pairs": (0, 1e6),
        "held_out": (0, 0.9),
        "checkpoint_minutes": (0, 1e6),
    },
    "corpus": {
        "epoch": (1, 10_000),
        "min_accuracy": (0, 1),
        "networks": (1, 1e6),
        "family_share": (1e-6, 1),
        "max_chars": (1, 1e9),
    },
    "novelty": {
        "shingle": (1, 1000),
        "permutations": (16, 4096),
        "lsh_threshold": (0.05, 0.99),
        "threshold": (0, 1),
    },
    "tracker": {"timeout_s": (0.1, 600)},
    "executor": {
        "workers": (1, 4096),
        "wall_s": (0.5, 1e12),
        "memory_gb": (0.5, 1e5),
        "retries": (0, 100),
        "grace_s": (0, 1e6),
        "trials_per_job": (1, 1000),
        "overhead_gb": (0, 1e5),
        "cpus": (1, 4096),
        "poll_s": (0.1, 3600),
    },
}
"""(lowest, highest) by group and key; "" holds what is in no group. A dict's are those of each of its numbers."""

CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "mode": {"edit_format": ("unified", "search_replace")},
    "dataset": {"archive": ("full", "320px", "160px")},
    "proxy": {"precision": ("auto", "float32")},
    "sandbox": {"name": ("auto", "strict", "inline")},
    "selection": {"rule": ("better", "good", "admitted")},
    "novelty": {"unit": ("graph", "tokens", "chars")},
    "tracker": {"mode": ("auto", "offline", "online")},
    "llm": {
        "dtype": ("auto", "float32", "bfloat16", "float16"),
        "quantize": ("none", "int8", "nf4"),
    },
    "finetune": {"optimizer": ("auto", "adamw", "paged_adamw_8bit")},
    "job": {"rule": ("stratified", "top")},
}
"""What is allowed, by group and key."""
