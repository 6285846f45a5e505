"""A fine-tune's optimizer and learning rate."""

from pathlib import Path

import checkpoints
import pytest
import torch
from tuning import tune

from nnloop.errors import ModelError
from nnloop.llm import optimizer
from nnloop.llm.hf import HfEngine
from nnloop.llm.optimizer import cosine

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [cosine(step, 3, 30) for step in range(30)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[3:] == sorted(factors[3:], reverse=True)
    assert factors[-1] < 0.01


def test_a_long_warm_up_ends_in_the_middle() -> None:
    assert max(range(10), key=lambda step: cosine(step, 20, 10)) == 5


def test_the_8_bit_optimizer_learns_too(engine: HfEngine, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    losses = [tune(engine, tmp_path / str(epochs), epochs=epochs, optimizer="paged_adamw_8bit") for epochs in (1, 12)]
    assert {learned.optimizer for learned in losses} == {"paged_adamw_8bit"}
    assert losses[1].loss < losses[0].loss / 2


def test_without_bitsandbytes_the_8_bit_optimizer_is_refused(
    engine: HfEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"finetune\.optimizer=paged_adamw_8bit: needs bitsandbytes"):
        tune(engine, tmp_path / "a", optimizer="paged_adamw_8bit")


def test_a_cpu_uses_adamw_unless_told_otherwise() -> None:
    assert optimizer.choose("auto", torch.device("cpu")) == "adamw"


def test_the_rate_and_decay_are_those_of_the_settings() -> None:
    stepper = optimizer.make("adamw", [torch.nn.Parameter(torch.ones(1))], checkpoints.lora(lr=0.5, weight_decay=0.25))
    (group,) = stepper.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.25)
    optimizer.set_rate(stepper, 0.125)
    assert group["lr"] == 0.125
