"""LoRA fine-tuning of an engine's model on pairs of prompt and completion (papers A and B), loss on completions."""

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from nnloop.errors import SettingsError
from nnloop.llm import adapters
from nnloop.llm.chat import Example, example
from nnloop.llm.hf import HfEngine
from nnloop.modes.pairs import Pair
from nnloop.settings import LoraSettings

IGNORED = -100  # label of a position that carries no loss
WINDOW = 8  # steps whose pairs are sorted by length together, so that a batch is little padding


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a fine-tune did. `loss` is the mean per completion token over the last epoch, while it was learned."""

    adapter: str | None  # the hash in force afterwards: the parent's where no pair was left to train on
    loss: float | None
    pairs: int  # used
    dropped: int  # longer than max_length
    steps: int
    seconds: float


def finetune(
    engine: HfEngine, pairs: Sequence[Pair], settings: LoraSettings, folder: Path, parent: Path | None, seed: int
) -> Tuned:
    """Tune the engine's model, save the adapter to `folder`, and leave the engine generating with it.

    Continues the adapter in `parent`; where that is None or settings.restart holds, what the engine started with, which
    is llm.adapter or the bare model. Over-long pairs are dropped and counted; where none is left, no folder is written
    and the engine goes on with the parent.
    """
    start = time.perf_counter()
    examples = [example(engine.tokenizer, pair.prompt, pair.completion, engine.ends) for pair in pairs]
    fitting = [one for one in examples if len(one) <= settings.max_length]
    steps, loss, result = 0, None, parent
    if fitting:
        origin = engine.start if parent is None or settings.restart else parent
        steps, loss = _tune(engine, fitting, settings, folder, origin, seed)
        result = folder
    engine.use_adapter(result)
    seconds = time.perf_counter() - start
    return Tuned(engine.adapter, loss, len(fitting), len(examples) - len(fitting), steps, seconds)


def _tune(
    engine: HfEngine, examples: Sequence[Example], settings: LoraSettings, folder: Path, origin: Path | None, seed: int
) -> tuple[int, float]:
    """Train an adapter from `origin` on, save it, and take it out of the model again."""
    base = engine.bare()
    with _repeatable(seed):
        model = _with_lora(base, settings, origin)
        try:
            if base.device.type == "cuda":
                base.activation_checkpointing_enable({"use_reentrant": False})
            steps, loss = train(model, examples, settings, seed)
            adapters.save(model, folder, _lineage(engine, settings, origin, seed))
        finally:
            adapters.detach(model)
            base.activation_checkpointing_disable()
            base.requires_grad_(False).eval()
    return steps, loss


def train(model: Any, examples: Sequence[Example], settings: LoraSettings, seed: int) -> tuple[int, float]:
    """Train in place; return the number of steps and the last epoch's mean loss per completion token."""
    rng = random.Random(seed)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    per_step = settings.batch_size * settings.accumulation
    total = settings.epochs * math.ceil(len(examples) / per_step)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: cosine(step, settings.warmup_steps, total))
    model.train()
    loss = tokens = 0.0
    for _ in range(settings.epochs):
        loss = tokens = 0.0
        for group in groups(examples, per_step, rng):
            step_loss, step_tokens = _backward(model, group, settings.batch_size)
            loss, tokens = loss + step_loss, tokens + step_tokens
            if settings.clip_norm:
                torch.nn.utils.clip_grad_norm_(weights, settings.clip_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return total, loss / tokens


def cosine(step: int, warmup: int, total: int) -> float:
    """Factor on the learning rate: linear warm-up, over half the steps at most, then half a cosine down to 0."""
    warmup = min(warmup, total // 2)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def groups(examples: Sequence[Example], size: int, rng: random.Random) -> Iterator[Sequence[Example]]:
    """Deal the examples out in random groups, one per optimizer step, of similar lengths."""
    shuffled = rng.sample(list(examples), len(examples))
    dealt: list[Sequence[Example]] = []
    for window in _chunks(shuffled, size * WINDOW):
        dealt += _chunks(sorted(window, key=len), size)
    yield from rng.sample(dealt, len(dealt))


def collate(examples: Sequence[Example], device: torch.device) -> tuple[Tensor, Tensor]:
    """Pad on the right: ids and labels, both (B, T); a label is IGNORED over prompts and padding."""
    width = max(len(one) for one in examples)
    ids = torch.zeros((len(examples), width), dtype=torch.int64)
    labels = torch.full_like(ids, IGNORED)
    for row, one in enumerate(examples):
        ids[row, : len(one)] = torch.tensor(one.prompt + one.completion)
        labels[row, len(one.prompt) : len(one)] = torch.tensor(one.completion)
    return ids.to(device), labels.to(device)


def completion_loss(model: Any, ids: Tensor, labels: Tensor) -> Tensor:
    """Sum of -log p over the labelled tokens. No mask: attention is causal, and the padding comes last."""
    targets = labels[:, 1:]
    columns = (targets != IGNORED).any(dim=0).nonzero()[:, 0]  # logits elsewhere are not needed
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=columns).logits  # (B, columns, V)
    return functional.cross_entropy(
        logits.float().flatten(0, 1), targets[:, columns].flatten(), ignore_index=IGNORED, reduction="sum"
    )


def _backward(model: Any, group: Sequence[Example], batch_size: int) -> tuple[float, int]:
    """Add up the gradients of a group's mean loss, batch by batch; return its summed loss and its tokens."""
    tokens = sum(len(one.completion) for one in group)
    total = 0.0
    for batch in _chunks(group, batch_size):
        loss = completion_loss(model, *collate(batch, model.device))
        (loss / tokens).backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total, tokens


def _with_lora(base: Any, settings: LoraSettings, parent: Path | None) -> Any:
    """Put trainable LoRA layers into the model: the parent's, or new ones that change nothing yet."""
    from peft import LoraConfig

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
        layers_to_transform=None if settings.layers is None else list(range(settings.layers)),
    )
    if parent is None:
        return adapters.add_lora(base, config)
    _check_same(config, parent)
    return adapters.attach(base, parent, trainable=True)


def _check_same(wanted: Any, parent: Path) -> None:
    """Refuse to go on from an adapter of another shape than the settings say."""
    found = adapters.read_config(parent)
    for name, key in (
        ("r", "rank"),
        ("lora_alpha", "alpha"),
        ("target_modules", "targets"),
        ("layers_to_transform", "layers"),
    ):
        if getattr(found, name) != getattr(wanted, name):
            raise SettingsError(f"finetune.{key}: the adapter in {parent} has {getattr(found, name)}; use that")


def _lineage(engine: HfEngine, settings: LoraSettings, parent: Path | None, seed: int) -> adapters.Lineage:
    return adapters.Lineage(
        adapter="",
        parent=None if parent is None else adapters.adapter_hash(parent),
        model=engine.settings.model,
        revision=engine.commit,
        settings=asdict(settings),
        seed=seed,
    )


def _chunks(items: Sequence[Example], size: int) -> list[Sequence[Example]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Seed torch's global generator, which LoRA's first weights and dropout draw from, and put it back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
