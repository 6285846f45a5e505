"""LoRA fine-tuning of an engine's model on pairs of prompt and completion (papers A and B)."""

import hashlib
import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nnloop.errors import SettingsError
from nnloop.llm import adapters, optimizer
from nnloop.llm.adapter_files import adapter_hash
from nnloop.llm.architecture import AUTO, linear_layers, short_name, text_config
from nnloop.llm.batches import completion_loss, microbatches, shuffle
from nnloop.llm.chat import Example
from nnloop.llm.finetune_checkpoint import FinetuneCheckpoint, FinetuneProgress
from nnloop.llm.hf import HfEngine
from nnloop.modes.pairs import TrainingPair
from nnloop.records import FinetuneResult, FinetuneStep
from nnloop.settings import LoraSettings

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Examples:
    """A fine-tune's pairs as token ids."""

    learn: list[Example]
    held_out: list[Example]
    dropped: int = 0  # pairs longer than max_length


def finetune(
    engine: HfEngine,
    pairs: list[TrainingPair],
    *,
    settings: LoraSettings,
    folder: Path,
    parent: Path | None,
    seed: int,
    show: Callable[[FinetuneStep], None] = lambda step: None,
) -> FinetuneResult:
    """Tune the engine's model, save the adapter to `folder`, and leave the engine generating with it.

    Continues the adapter in `parent`. If that is None or settings.restart holds, it begins from the adapter that the
    engine started with, llm.adapter, or from the bare model. Over-long pairs are dropped and counted; if none is left,
    no folder is written and the engine goes on with the parent. A fine-tune that was killed resumes from its last
    checkpoint, and one whose adapter is in `folder` already is not done again. `show` gets each step as it is done.

    Raises SettingsError if the settings do not fit the model or the parent.
    """
    settings = _possible(engine, settings)
    examples = _encode(engine, pairs, settings)
    if not examples.learn:
        engine.use_adapter(parent)
        return FinetuneResult(engine.adapter, dropped=examples.dropped)
    origin = engine.start if parent is None or settings.restart else parent
    job = _Finetune(
        engine=engine, examples=examples, settings=settings, folder=folder, origin=origin, seed=seed, show=show
    )
    result = job.done() or job.run()
    engine.use_adapter(folder)
    return replace(result, adapter=engine.adapter, dropped=examples.dropped)


def _possible(engine: HfEngine, settings: LoraSettings) -> LoraSettings:
    """Return the settings without what the model's architecture can't do, which is logged; no result differs by it.

    Pairs packed into one row would share a state that is not keys and values.
    """
    checkpointing = settings.gradient_checkpointing and engine.bare().supports_gradient_checkpointing
    packing = settings.packing and engine.takes_rows
    for key, wanted, taken in (
        ("packing", settings.packing, packing),
        ("gradient_checkpointing", settings.gradient_checkpointing, checkpointing),
    ):
        if wanted and not taken:
            _log.info(
                "finetune.%s=true: not possible with %s, which goes on without", key, type(engine.bare()).__name__
            )
    return replace(settings, packing=packing, gradient_checkpointing=checkpointing)


def _encode(engine: HfEngine, pairs: Sequence[TrainingPair], settings: LoraSettings) -> Examples:
    """Encode the pairs and divide them.

    The network that a pair leads to decides whether the pair is held out, so no network is trained on in one cycle and
    held out in another. At least one pair is left to train on. With finetune.loss_on=all everything behind a prompt's
    first token counts as completion: that token follows nothing.
    """
    everything = settings.loss_on == "all"
    learn: list[Example] = []
    held_out: list[Example] = []
    for pair in pairs:
        example = engine.chat.encode_pair(pair.prompt, pair.completion, ends=engine.ends)
        example = Example(example.prompt[:1], example.prompt[1:] + example.completion) if everything else example
        if len(example) <= settings.max_length:
            (held_out if _fraction(pair.target) < settings.held_out else learn).append(example)
    dropped = len(pairs) - len(learn) - len(held_out)
    return Examples(learn, held_out, dropped) if learn else Examples(held_out, [], dropped)


def _fraction(name: str) -> float:
    """Spread names evenly over [0, 1)."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


@dataclass(frozen=True, slots=True)
class _Finetune:
    """One fine-tune."""

    engine: HfEngine
    examples: Examples
    settings: LoraSettings
    folder: Path
    origin: Path | None  # adapter to begin from
    seed: int
    show: Callable[[FinetuneStep], None]

    def done(self) -> FinetuneResult | None:
        """Return the outcome if this fine-tune's adapter is in the folder already."""
        saved = adapters.find_lineage(self.folder)
        return saved.result if saved and saved.key == self._lineage().key else None

    def run(self) -> FinetuneResult:
        """Train an adapter from the origin on, save it, and take it out of the model again."""
        base, lineage = self.engine.bare(), self._lineage()
        checkpoint = FinetuneCheckpoint(self.folder, lineage.key, self.settings.checkpoint_minutes)
        with _repeatable(self.seed):
            model = with_lora(base, self.settings, self.origin)
            try:
                if self.settings.gradient_checkpointing:
                    base.activation_checkpointing_enable({"use_reentrant": False})
                result = train(
                    model, self.examples, self.settings, seed=self.seed, checkpoint=checkpoint, show=self.show
                )
                adapters.save(model, self.folder, replace(lineage, result=result))
            finally:
                adapters.detach(model)
                base.activation_checkpointing_disable()
                base.requires_grad_(False).eval()
        checkpoint.remove()
        return result

    def _lineage(self) -> adapters.Lineage:
        """Describe the adapter to be made; `key` hashes everything that decides its weights."""
        settings, llm, commit = asdict(self.settings), self.engine.settings, self.engine.commit
        parent = None if self.origin is None else adapter_hash(self.origin)
        chosen = optimizer.choose(self.settings.optimizer, self.engine.bare().device)
        tokens = [[one.prompt, one.completion] for one in self.examples.learn + self.examples.held_out]
        parts = json.dumps(
            [settings, chosen, llm.model, commit, str(self.engine.bare().dtype), parent, self.seed, tokens],
            sort_keys=True,
        )
        return adapters.Lineage(
            adapter="",
            parent=parent,
            model=llm.model,
            revision=commit,
            settings=settings,
            seed=self.seed,
            key=hashlib.sha256(parts.encode()).hexdigest()[:16],
        )


def train(
    model: "PeftModel",
    examples: Examples,
    settings: LoraSettings,
    *,
    seed: int,
    checkpoint: FinetuneCheckpoint | None,
    show: Callable[[FinetuneStep], None] = lambda step: None,
) -> FinetuneResult:
    """Train the LoRA layers in place, from the checkpoint's state on if it has one; `show` gets each step.

    With finetune.keep=best they end as they were after the epoch with the lowest loss on the pairs held out.
    """
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    name = optimizer.choose(settings.optimizer, model.device)
    stepper = optimizer.make(name, list(weights.values()), settings)
    before = mean_loss(model, examples.held_out, settings)
    rng = random.Random(seed)
    per_step = settings.batch_size * settings.accumulation
    steps = [group for _ in range(settings.epochs) for group in shuffle(examples.learn, per_step, rng)]
    progress = checkpoint.restore(weights, stepper) if checkpoint else FinetuneProgress()
    epoch, chooses = len(steps) // settings.epochs, settings.keep == "best" and bool(examples.held_out)
    model.train()
    for group in steps[progress.step :]:
        if progress.step % epoch == 0:
            progress.loss, progress.tokens = 0.0, 0
        rate = settings.lr * optimizer.cosine(progress.step, settings.warmup_steps, len(steps))
        optimizer.set_rate(stepper, rate)
        loss, tokens = _backward(model, group, settings), sum(len(example.completion) for example in group)
        progress.loss += loss
        progress.tokens += tokens
        if settings.clip_norm:
            torch.nn.utils.clip_grad_norm_(list(weights.values()), settings.clip_norm)
        stepper.step()
        stepper.zero_grad()
        progress.step += 1
        show(FinetuneStep(progress.step, len(steps), loss=loss / tokens, lr=rate))
        if chooses and progress.step % epoch == 0:
            _remember_best(progress, weights, mean_loss(model, examples.held_out, settings))
            model.train()
        if checkpoint:
            checkpoint.save(progress, weights, stepper)
    if chooses:
        _use(weights, progress.best)
    return FinetuneResult(
        pairs=len(examples.learn),
        steps=len(steps),
        loss=progress.loss / progress.tokens,
        tokens=settings.epochs * sum(map(len, examples.learn)),
        held_out_loss=mean_loss(model, examples.held_out, settings),
        held_out_loss_before=before,
        optimizer=name,
        epoch=progress.best_step // epoch if chooses else None,
    )


def _remember_best(progress: FinetuneProgress, weights: Mapping[str, torch.Tensor], loss: float | None) -> None:
    """Keep a copy of the weights if no epoch before had so low a loss on the pairs held out."""
    if loss is not None and (progress.best_loss is None or loss < progress.best_loss):
        progress.best_loss, progress.best_step = loss, progress.step
        progress.best = {name: weight.detach().cpu().clone() for name, weight in weights.items()}


@torch.no_grad()
def _use(weights: Mapping[str, torch.Tensor], saved: Mapping[str, torch.Tensor]) -> None:
    for name, weight in saved.items():
        weights[name].copy_(weight)


@torch.no_grad()
def mean_loss(model: "PeftModel", examples: Sequence[Example], settings: LoraSettings) -> float | None:
    """Return the mean loss per token that counts, without dropout; None without an example."""
    if not examples:
        return None
    model.eval()
    total = sum(float(completion_loss(model, batch)) for batch in microbatches(examples, settings, model.device))
    return total / sum(len(example.completion) for example in examples)


def _backward(model: "PeftModel", group: Sequence[Example], settings: LoraSettings) -> float:
    """Add up the gradients of a group's mean loss, batch by batch; return its summed loss."""
    tokens = sum(len(example.completion) for example in group)
    total = 0.0
    for batch in microbatches(group, settings, model.device):
        loss = completion_loss(model, batch)
        (loss / tokens).backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def with_lora(base: "PreTrainedModel", settings: LoraSettings, origin: Path | None) -> "PeftModel":
    """Put trainable LoRA layers into the model: the origin's, or new ones that change nothing yet."""
    check_targets(base, settings, base.name_or_path)
    if origin is None:
        return adapters.add_lora(base, _lora_config(base, settings))
    check_origin(base, settings, origin)
    return adapters.attach(base, origin, trainable=True)


def _lora_config(base: "PreTrainedModel", settings: LoraSettings) -> "LoraConfig":
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=resolve_targets(base, settings.targets, base.name_or_path),
        layers_to_transform=None if settings.layers is None else list(range(settings.layers)),
    )


def resolve_targets(base: "PreTrainedModel", targets: Sequence[str], name: str) -> list[str]:
    """Return the names of the layers to tune, the model's own linear layers in the place of `auto`.

    Raises SettingsError for a name that the model does not have: PEFT would tune the others without a word.
    """
    own = sorted(set(map(short_name, linear_layers(base))))
    names = {short_name(full) for full, _ in base.named_modules()}
    unknown = [target for target in targets if target not in {AUTO, *names}]
    if unknown:
        raise SettingsError(
            f"finetune.targets={unknown[0]}: {name} has no layer of that name; its linear layers are"
            f" {', '.join(own)} (auto stands for these)"
        )
    return sorted({one for target in targets for one in (own if target == AUTO else [target])})


def check_targets(base: "PreTrainedModel", settings: LoraSettings, name: str) -> None:
    """Refuse layers that the model of this name does not have. Raises SettingsError."""
    resolve_targets(base, settings.targets, name)
    layers = text_config(base.config).num_hidden_layers
    if settings.layers is not None and settings.layers > layers:
        raise SettingsError(f"finetune.layers={settings.layers}: {name} has {layers}")


def check_origin(base: "PreTrainedModel", settings: LoraSettings, origin: Path) -> None:
    """Refuse to continue an adapter of another shape than the settings say. Raises ModelError or SettingsError."""
    saved, wanted = adapters.read_config(origin), _lora_config(base, settings)
    keys = {"r": "rank", "lora_alpha": "alpha", "target_modules": "targets", "layers_to_transform": "layers"}
    for name, key in keys.items():
        if getattr(saved, name) != getattr(wanted, name):
            shown = getattr(saved, name)
            shown = ", ".join(sorted(shown)) if isinstance(shown, set) else shown
            raise SettingsError(f"finetune.{key}: the adapter in {origin} has {shown}; use that")


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Seed torch's global generator, which LoRA's first weights and dropout use, and restore it afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
