"""The range of every number."""

from nnloop.settings.groups import Settings


def ranges(settings: Settings) -> list[tuple[str, float, float, float]]:
    """(key, value, lowest, highest) of every bounded number."""
    big = 1e12
    proxy, dataset = settings.proxy, settings.dataset
    ranges: list[tuple[str, float, float, float]] = [
        ("seed", settings.seed, 0, 2**31 - 1),
        ("cycles", settings.cycles, 1, 10_000),
        ("candidates", settings.candidates, 1, 100_000),
        ("repair", settings.repair, 0, 10),
        ("admission.min_accuracy", settings.admission.min_accuracy, 0, 1),
        ("dataset.classes", dataset.classes, 2, 1e6),
        ("dataset.channels", dataset.channels, 1, 1024),
        ("dataset.size", dataset.size, 1, 4096),
        ("dataset.min_accuracy", dataset.min_accuracy, 0, 1),
        ("dataset.crop_pad", dataset.crop_pad, 0, 64),
        ("dataset.split_seed", dataset.split_seed, 0, 2**31 - 1),
        ("proxy.epochs", proxy.epochs, 1, 10_000),
        ("proxy.batch_size", proxy.batch_size, 2, 65_536),
        ("proxy.lr", proxy.lr, 1e-8, 100),
        ("proxy.momentum", proxy.momentum, 0, 0.9999),
        ("proxy.clip_norm", proxy.clip_norm, 0, big),
        ("proxy.dropout", proxy.dropout, 0, 0.99),
        ("proxy.chance_share", proxy.chance_share, 0, 1),
        ("sandbox.scratch_mb", settings.sandbox.scratch_mb, 1, 1_000_000),
        ("executor.wall_s", settings.executor.wall_s, 0.5, big),
        ("executor.memory_gb", settings.executor.memory_gb, 0.5, 1e5),
        ("executor.retries", settings.executor.retries, 0, 100),
        ("executor.grace_s", settings.executor.grace_s, 0, 1e6),
    ]
    optional: list[tuple[str, float | None, float, float]] = [
        ("executor.workers", settings.executor.workers, 1, 4096),
        ("mode.max_params", settings.mode.max_params, 1, big),
        ("dataset.val_fraction", dataset.val_fraction, 0.01, 0.5),
        ("dataset.train_limit", dataset.train_limit, 20, big),
        ("dataset.test_limit", dataset.test_limit, 1, big),
        ("budget.tokens", settings.budget.tokens, 1, big),
        ("budget.hours", settings.budget.hours, 1e-6, big),
    ]
    ranges += [(key, value, low, high) for key, value, low, high in optional if value is not None]
    for name in ("max_new_tokens", "edits"):
        ranges += [(f"llm.{name}.{mode}", number, 1, big) for mode, number in getattr(settings.llm, name, {}).items()]
    if getattr(settings.job, "last_cycles", None) is not None:
        ranges.append(("job.last_cycles", settings.job.last_cycles, 1, 10_000))
    for group, keys in _BOUNDS.items():
        node = getattr(settings, group)
        there = {key: bounds for key, bounds in keys.items() if getattr(node, key, None) is not None}
        ranges += [(f"{group}.{key}", getattr(node, key), *bounds) for key, bounds in there.items()]
    return ranges


_BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "job": {
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
    "executor": {"trials_per_job": (1, 1000), "overhead_gb": (0, 1e5), "cpus": (1, 4096), "poll_s": (0.1, 3600)},
}
"""Bounds of the numbers that only some options of a group have."""
