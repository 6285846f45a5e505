"""The training loop: resumable, one process, one device."""

import contextlib
import itertools
import json
import logging
import os
import pathlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch.utils.data import DataLoader

from nnloop.llm.pretraining import attention, held_out, stream
from nnloop.llm.pretraining.bpe import train_tokenizer
from nnloop.llm.pretraining.model import build_model, load_tokenizer, optimizers, save_model
from nnloop.llm.pretraining.rows import Batch, Groups
from nnloop.settings import PretrainSettings

log = logging.getLogger(__name__)

_COUNTERS = ("step", "tokens", "group", "taken", "seconds")  # group, taken: the place in the stream


def pretrain(settings: PretrainSettings, folder: pathlib.Path) -> None:
    """Train, or go on from the folder's last checkpoint; the model is in folder/model, its measures in log.jsonl."""
    Pretraining(settings, folder).run()


class Pretraining:
    def __init__(self, settings: PretrainSettings, folder: pathlib.Path) -> None:
        self.settings, self.folder = settings, folder
        (folder / "model").mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(settings.threads)
        self.device = torch.device(_device(settings.device))
        self.tokenizer = self._tokenizer()
        self.model = build_model(settings, self.tokenizer).to(self.device)
        attention.register()
        self.forward = torch.compile(self.model.model, dynamic=True) if settings.compile else self.model.model
        self.model.set_attn_implementation(attention.NAME)
        self.optimizers = optimizers(self.model, settings)
        self.networks = stream.held_out_networks(settings.seed, settings.evaluate_networks)
        self.step = self.tokens = self.group = self.taken = 0
        self.seconds = 0.0
        self._resume()

    def run(self) -> None:
        """Step through the stream; write down loss and measures, and keep the last state."""
        started, saved = time.monotonic() - self.seconds, time.monotonic()
        losses: list[float] = []
        for batch in self._batches():
            losses.append(self._train(batch))
            self.seconds = time.monotonic() - started
            if self.step % self.settings.evaluate_every == 0 or self.step == self.settings.steps:
                self._write_down(sum(losses) / len(losses))
                losses = []
            if time.monotonic() - saved > 60 * self.settings.checkpoint_minutes or self.step == self.settings.steps:
                self._save()
                saved = time.monotonic()

    def _batches(self) -> Iterator[Batch]:
        """Go on in the stream behind the last batch that was trained on; workers make whole groups, in order."""
        groups = DataLoader(
            Groups(self.settings, self.tokenizer),
            batch_size=None,
            sampler=itertools.count(self.group),
            num_workers=self.settings.workers,
        )
        for batches in groups:
            for batch in batches[self.taken :]:
                if self.step == self.settings.steps:
                    return
                self.taken += 1
                yield batch
            self.group, self.taken = self.group + 1, 0

    def _train(self, batch: Batch) -> float:
        """Make one step; gives the mean loss of the answers' and prompts' tokens."""
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

    def _loss(self, batch: Batch) -> torch.Tensor:
        batch = Batch(batch.tokens.to(self.device), batch.segments.to(self.device), batch.positions.to(self.device))
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

    def _write_down(self, loss: float) -> None:
        self.model.eval()
        self.model.set_attn_implementation("sdpa")
        with torch.autocast(self.device.type, torch.bfloat16):
            report = held_out.evaluate(self.model, self.tokenizer, self.networks, self.step)
        self.model.train()
        self.model.set_attn_implementation(attention.NAME)
        line = {
            "step": self.step,
            "tokens": self.tokens,
            "seconds": round(self.seconds),
            "loss": round(loss, 4),
        } | asdict(report)
        log.info(
            " ".join(
                f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in line.items()
            )
        )
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        save_model(self.model, self.tokenizer, self.folder / "model")
        state: dict[str, Any] = {name: getattr(self, name) for name in _COUNTERS}
        state |= {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        torch.save(state, self.folder / "state.pt.new")
        os.replace(self.folder / "state.pt.new", self.folder / "state.pt")

    def _resume(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(values)
            for name in _COUNTERS:
                setattr(self, name, state[name])

    def _tokenizer(self) -> Any:
        """Load the folder's tokenizer, or learn it from documents beyond those trained on."""
        if (self.folder / "model" / "tokenizer.json").exists():
            return load_tokenizer(self.folder / "model")
        answers = {"delta": self.settings.delta_answers, "full": self.settings.full_answers}
        documents = (
            stream.document(self.settings.seed, -1 - i, self.settings.full_share, answers)
            for i in range(self.settings.tokenizer_documents)
        )
        tokenizer = train_tokenizer(
            (text for d in documents for text in (d.prompt, *d.answers)), self.settings.vocab_size
        )
        tokenizer.save_pretrained(self.folder / "model")
        return tokenizer


def _rate(step: int, settings: PretrainSettings) -> float:
    """Give the learning rate's factor: linear warm-up, constant, linear decay."""
    decay = max(1, round(settings.steps * settings.decay_share))
    return min(1.0, (step + 1) / settings.warmup_steps, (settings.steps - step) / decay)


def _device(name: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
