"""The tiny LLM's training, on a model of one narrow layer."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_recipe import small

from nnloop.errors import SettingsError
from nnloop.llm.pretraining.train import pretrain


def test_a_resumed_training_gives_the_same_weights(tmp_path: Path) -> None:
    settings = small(decay_share=0.0)
    pretrain(settings, tmp_path / "whole")
    pretrain(small(decay_share=0.0, steps=3), tmp_path / "halves")
    pretrain(settings, tmp_path / "halves")
    whole, halves = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)["model"] for name in ("whole", "halves")
    )
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_the_model_loads_with_auto_classes_and_generates(tmp_path: Path) -> None:
    from nnloop.compat import ensure_torchvision_imports

    pretrain(small(steps=2, evaluate_every=2), tmp_path)
    ensure_torchvision_imports()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model", tokenizer_type="glm")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    inputs = tokenizer(["<|user|>a<|end|><|assistant|>"], return_tensors="pt")
    output = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert output.shape[1] <= inputs["input_ids"].shape[1] + 3
    assert json.loads((tmp_path / "log.jsonl").read_text())["step"] == 2


@pytest.mark.parametrize("changes", [["job.steps=0"], ["job.hidden_size=30", "job.heads=4"]])
def test_impossible_settings_are_refused(changes: list[str], configure: Any) -> None:
    with pytest.raises(SettingsError, match=changes[0]):
        configure("job=pretrain", *changes)
