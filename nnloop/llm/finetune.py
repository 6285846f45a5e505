"""LoRA fine-tuning of an engine's model on pairs of prompt and completion (papers A and B), loss on completions."""

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nnloop.errors import SettingsError
from nnloop.llm import adapters, optimizer
from nnloop.llm.adapters import Learned
from nnloop.llm.batches import Batch, bins, chunks, completion_loss, groups, packed, padded
from nnloop.llm.chat import Example, example
from nnloop.llm.hf import HfEngine
from nnloop.llm.partial import Partial, Reached, key_of
from nnloop.modes.pairs import TrainingPair
from nnloop.settings import LoraSettings


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a fine-tune did."""

    adapter: str | None  # the hash in force afterwards: the parent's where no pair was left to train on
    pairs: int  # learned from
    dropped: int  # longer than max_length
    seconds: float
    learned: Learned


def finetune(
    engine: HfEngine,
    pairs: Sequence[TrainingPair],
    settings: LoraSettings,
    folder: Path,
    parent: Path | None,
    seed: int,
) -> Tuned:
    """Tune the engine's model, save the adapter to `folder`, and leave the engine generating with it.

    Continues the adapter in `parent`; where that is None or settings.restart holds, what the engine started with, which
    is llm.adapter or the bare model. Over-long pairs are dropped and counted; where none is left, no folder is written
    and the engine goes on with the parent. A fine-tune that was killed goes on from its last checkpoint, and one whose
    adapter is in `folder` already is not done again.
    """
    start = time.perf_counter()
    job = _Job(engine, settings, folder, engine.start if parent is None or settings.restart else parent, seed)
    learn, held_out, dropped = _divide(engine, pairs, settings)
    learned, result = Learned(), parent
    if learn:
        learned = job.done(learn, held_out) or job.run(learn, held_out)
        result = folder
    engine.use_adapter(result)
    return Tuned(engine.adapter, len(learn), dropped, time.perf_counter() - start, learned)


def _divide(
    engine: HfEngine, pairs: Sequence[TrainingPair], settings: LoraSettings
) -> tuple[list[Example], list[Example], int]:
    """Give the pairs to learn from, those held out, and the number of those that are too long.

    A pair is held out by the network that it leads to, in every cycle alike: none is learned from in one cycle and
    held out in another. At least one is left to learn from.
    """
    learn: list[Example] = []
    held_out: list[Example] = []
    for pair in pairs:
        one = example(engine.tokenizer, pair.prompt, pair.completion, engine.ends)
        if len(one) <= settings.max_length:
            (held_out if _share(pair.target) < settings.held_out else learn).append(one)
    dropped = len(pairs) - len(learn) - len(held_out)
    return (learn, held_out, dropped) if learn else (held_out, [], dropped)


def _share(name: str) -> float:
    """Spread names evenly over [0, 1)."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


@dataclass(frozen=True, slots=True)
class _Job:
    """One fine-tune: everything but its pairs."""

    engine: HfEngine
    settings: LoraSettings
    folder: Path
    origin: Path | None  # adapter to go on from
    seed: int

    def done(self, learn: Sequence[Example], held_out: Sequence[Example]) -> Learned | None:
        """Give what was learned where the folder holds this very fine-tune's adapter."""
        lineage = adapters.find_lineage(self.folder)
        return lineage.learned if lineage and lineage.key == self._key(learn, held_out) else None

    def run(self, learn: Sequence[Example], held_out: Sequence[Example]) -> Learned:
        """Train an adapter from the origin on, save it, and take it out of the model again."""
        base, key = self.engine.bare(), self._key(learn, held_out)
        partial = Partial(self.folder, key, self.settings.checkpoint_minutes)
        with _repeatable(self.seed):
            model = _with_lora(base, self.settings, self.origin)
            try:
                if self.settings.gradient_checkpointing:
                    base.activation_checkpointing_enable({"use_reentrant": False})
                learned = train(model, learn, held_out, self.settings, self.seed, partial)
                adapters.save(model, self.folder, self._lineage(key, learned))
            finally:
                adapters.detach(model)
                base.activation_checkpointing_disable()
                base.requires_grad_(False).eval()
        partial.remove()
        return learned

    def _key(self, learn: Sequence[Example], held_out: Sequence[Example]) -> str:
        tokens = [[one.prompt, one.completion] for part in (learn, held_out) for one in part]
        model = self.engine.settings
        origin = None if self.origin is None else adapters.adapter_hash(self.origin)
        chosen = optimizer.choose(self.settings.optimizer, self.engine.bare().device)
        return key_of(
            [asdict(self.settings), chosen, model.model, self.engine.commit, model.dtype, origin, self.seed, tokens]
        )

    def _lineage(self, key: str, learned: Learned) -> adapters.Lineage:
        return adapters.Lineage(
            adapter="",
            parent=None if self.origin is None else adapters.adapter_hash(self.origin),
            model=self.engine.settings.model,
            revision=self.engine.commit,
            settings=asdict(self.settings),
            seed=self.seed,
            key=key,
            learned=learned,
        )


def train(
    model: Any,
    learn: Sequence[Example],
    held_out: Sequence[Example],
    settings: LoraSettings,
    seed: int,
    partial: Partial | None = None,
) -> Learned:
    """Train in place, from the state in `partial` on where it holds one."""
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    name = optimizer.choose(settings.optimizer, model.device)
    stepper = optimizer.make(name, list(weights.values()), settings)
    before = mean_loss(model, held_out, settings)
    rng = random.Random(seed)
    per_step = settings.batch_size * settings.accumulation
    steps = [group for _ in range(settings.epochs) for group in groups(learn, per_step, rng)]
    reached = partial.restore(weights, stepper) if partial else Reached()
    model.train()
    for group in steps[reached.step :]:
        if reached.step % (len(steps) // settings.epochs) == 0:
            reached.loss, reached.tokens = 0.0, 0
        optimizer.set_rate(stepper, settings.lr * optimizer.cosine(reached.step, settings.warmup_steps, len(steps)))
        reached.loss += _backward(model, group, settings)
        reached.tokens += sum(len(one.completion) for one in group)
        if settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(list(weights.values()), settings.clip_norm)
        stepper.step()
        stepper.zero_grad()
        reached.step += 1
        if partial:
            partial.save(reached, weights, stepper)
    return Learned(
        steps=len(steps),
        loss=reached.loss / reached.tokens,
        tokens=settings.epochs * sum(map(len, learn)),
        held_out_loss=mean_loss(model, held_out, settings),
        held_out_loss_before=before,
        optimizer=name,
    )


@torch.no_grad()
def mean_loss(model: Any, examples: Sequence[Example], settings: LoraSettings) -> float | None:
    """Mean loss per completion token, without dropout; None where there is no example."""
    if not examples:
        return None
    model.eval()
    total = sum(float(completion_loss(model, batch)) for batch in _batches(model, examples, settings))
    return total / sum(len(one.completion) for one in examples)


def _backward(model: Any, group: Sequence[Example], settings: LoraSettings) -> float:
    """Add up the gradients of a group's mean loss, batch by batch; return its summed loss."""
    tokens = sum(len(one.completion) for one in group)
    total = 0.0
    for batch in _batches(model, group, settings):
        loss = completion_loss(model, batch)
        (loss / tokens).backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _batches(model: Any, examples: Sequence[Example], settings: LoraSettings) -> Iterator[Batch]:
    """Lay examples out for the model: packed into rows of max_length tokens, or padded, batch_size at once."""
    if settings.packing:
        yield from (packed(row, model.device) for row in bins(examples, settings.max_length))
    else:
        yield from (padded(part, model.device) for part in chunks(examples, settings.batch_size))


def _with_lora(base: Any, settings: LoraSettings, origin: Path | None) -> Any:
    """Put trainable LoRA layers into the model: the origin's, or new ones that change nothing yet."""
    from peft import LoraConfig

    check_targets(base, settings)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
        layers_to_transform=None if settings.layers is None else list(range(settings.layers)),
    )
    if origin is None:
        return adapters.add_lora(base, config)
    _check_same(config, origin)
    return adapters.attach(base, origin, trainable=True)


def check_targets(base: Any, settings: LoraSettings) -> None:
    """Refuse layers that the model does not have; PEFT would tune the others without a word. Raises SettingsError."""
    names = {name.rpartition(".")[2] for name, _ in base.named_modules()}
    missing = [target for target in settings.targets if target not in names]
    if missing:
        raise SettingsError(f"finetune.targets={missing[0]}: {base.name_or_path} has no layer of that name")
    layers = base.config.num_hidden_layers
    if settings.layers is not None and settings.layers > layers:
        raise SettingsError(f"finetune.layers={settings.layers}: {base.name_or_path} has {layers}")


def _check_same(wanted: Any, origin: Path) -> None:
    """Refuse to go on from an adapter of another shape than the settings say."""
    found = adapters.read_config(origin)
    for name, key in (
        ("r", "rank"),
        ("lora_alpha", "alpha"),
        ("target_modules", "targets"),
        ("layers_to_transform", "layers"),
    ):
        if getattr(found, name) != getattr(wanted, name):
            raise SettingsError(f"finetune.{key}: the adapter in {origin} has {getattr(found, name)}; use that")


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Seed torch's global generator, which LoRA's first weights and dropout draw from, and put it back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
