"""The tiny LLM's training loop: resumable, one process, one device."""

import itertools
import json
import logging
import os
import pathlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from nnloop.llm.pretraining import attention, held_out, stream
from nnloop.llm.pretraining.bpe import train_tokenizer
from nnloop.llm.pretraining.model import build_model, make_optimizers, read_tokenizer, save_model
from nnloop.llm.pretraining.rows import BatchGroups, PretrainingBatch
from nnloop.settings import PretrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

_COUNTERS = ("step", "tokens", "group", "batch", "seconds")
"""The attributes that a checkpoint stores; `group` and `batch` are the index of the stream's next batch."""


def pretrain(settings: PretrainSettings, folder: pathlib.Path) -> None:
    """Train, from the folder's last checkpoint on if it has one.

    Writes the model to folder/model, the measures to folder/log.jsonl and checkpoints to folder/state.pt.
    """
    Pretraining(settings, folder).run()


class Pretraining:
    """The training's state: model, optimizers, and the position in the stream."""

    def __init__(self, settings: PretrainSettings, folder: pathlib.Path) -> None:
        """Build the model, or read the last checkpoint."""
        self.settings, self.folder = settings, folder
        (folder / "model").mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(settings.threads)
        self.device = torch.device(_device(settings.device))
        self.tokenizer = self._tokenizer()
        self.model = build_model(settings, self.tokenizer).to(self.device)
        attention.register()
        self.forward = torch.compile(self.model.model, dynamic=True) if settings.compile else self.model.model
        self.model.set_attn_implementation(attention.NAME)
        self.optimizers = make_optimizers(self.model, settings)
        self.networks = stream.held_out_networks(settings.seed, settings.evaluate_networks)
        self.step = self.tokens = self.group = self.batch = 0
        self.seconds = 0.0
        self._resume()

    def run(self) -> None:
        """Train on the stream up to settings.steps; log loss and measures, and save checkpoints."""
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        losses: list[float] = []
        for batch in self._batches():
            losses.append(self._train(batch))
            self.seconds = time.monotonic() - started
            if self.step % self.settings.evaluate_every == 0 or self.step == self.settings.steps:
                self._log_measures(sum(losses) / len(losses))
                losses = []
            if time.monotonic() - saved > 60 * self.settings.checkpoint_minutes or self.step == self.settings.steps:
                self._save()
                saved = time.monotonic()

    def _batches(self) -> Iterator[PretrainingBatch]:
        """Yield the stream's batches after the last one trained on; workers make whole groups, in order."""
        groups = DataLoader(
            BatchGroups(self.settings, self.tokenizer),
            batch_size=None,
            sampler=itertools.count(self.group),
            num_workers=self.settings.workers,
        )
        for batches in groups:
            for batch in batches[self.batch :]:
                if self.step == self.settings.steps:
                    return
                self.batch += 1
                yield batch
            self.group, self.batch = self.group + 1, 0

    def _train(self, batch: PretrainingBatch) -> float:
        """Train on one batch; return its mean loss, prompts weighted by settings.prompt_weight."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("peak", group["lr"]) * _rate(self.step, self.settings)
        loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step, self.tokens = self.step + 1, self.tokens + batch.tokens.numel()
        return float(loss.detach())

    def _loss(self, batch: PretrainingBatch) -> torch.Tensor:
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            hidden = self.forward(
                input_ids=batch.tokens,
                attention_mask=batch.mask(torch.bfloat16),
                position_ids=batch.positions,
                use_cache=False,
            ).last_hidden_state
            weights = batch.weights(self.settings.prompt_weight)
            counted = weights > 0
            logits = self.model.lm_head(hidden[:, :-1][counted])
        losses = torch.nn.functional.cross_entropy(logits.float(), batch.tokens[:, 1:][counted], reduction="none")
        return (losses * weights[counted]).sum() / weights.sum()

    def _log_measures(self, loss: float) -> None:
        """Log the mean loss since the last time, with the measures on held-out networks."""
        self.model.eval()
        self.model.set_attn_implementation("sdpa")
        with torch.autocast(self.device.type, torch.bfloat16):
            measures = held_out.evaluate(self.model, self.tokenizer, networks=self.networks, seed=self.step)
        self.model.train()
        self.model.set_attn_implementation(attention.NAME)
        line = {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds), "loss": round(loss, 4)}
        line |= asdict(measures)
        words = (
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in line.items()
        )
        log.info(" ".join(words))
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        save_model(self.model, self.tokenizer, self.folder / "model")
        state: dict[str, Any] = {name: getattr(self, name) for name in _COUNTERS}
        state["model"] = self.model.state_dict()
        state["optimizers"] = [optimizer.state_dict() for optimizer in self.optimizers]
        torch.save(state, self.folder / "state.pt.new")
        os.replace(self.folder / "state.pt.new", self.folder / "state.pt")

    def _resume(self) -> None:
        if not (self.folder / "state.pt").exists():
            return
        state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        for name in _COUNTERS:
            setattr(self, name, state[name])

    def _tokenizer(self) -> "PreTrainedTokenizerBase":
        """Read the folder's tokenizer, or learn it from documents that are not trained on."""
        if (self.folder / "model" / "tokenizer.json").exists():
            return read_tokenizer(self.folder / "model")
        documents = (stream.document(-1 - i, self.settings) for i in range(self.settings.tokenizer_documents))
        texts = (text for document in documents for text in (document.prompt, *document.answers))
        tokenizer = train_tokenizer(texts, self.settings.vocab_size)
        tokenizer.save_pretrained(self.folder / "model")
        return tokenizer


def _rate(step: int, settings: PretrainSettings) -> float:
    """Return the learning rate's factor: linear warm-up, constant, linear decay."""
    decay = max(1, round(settings.steps * settings.decay_share))
    return min(1.0, (step + 1) / settings.warmup_steps, (settings.steps - step) / decay)


def _device(name: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
