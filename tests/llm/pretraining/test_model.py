"""The tiny LLM built, saved and read."""

from pathlib import Path
from typing import Any

import torch
from tiny_recipe import small

from nnloop.llm.pretraining.model import build_model, make_optimizers, read_tokenizer, save_model


def test_a_saved_model_is_read_with_its_weights_in_bfloat16(tokenizer: Any, tmp_path: Path) -> None:
    model = build_model(small(), tokenizer)
    save_model(model, tokenizer, tmp_path)
    from transformers import AutoModelForCausalLM

    copy = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    for (name, weight), other in zip(model.named_parameters(), copy.parameters(), strict=True):
        assert torch.equal(weight.to(torch.bfloat16), other), name
    assert read_tokenizer(tmp_path).get_vocab() == tokenizer.get_vocab()


def test_muon_trains_the_layers_matrices_and_adamw_everything_else(tokenizer: Any) -> None:
    model = build_model(small(), tokenizer)
    muon, adamw = make_optimizers(model, small())
    names = {id(weight): name for name, weight in model.named_parameters()}
    trained = [[names[id(w)] for group in one.param_groups for w in group["params"]] for one in (muon, adamw)]
    assert all(".layers." in name and name.endswith("proj.weight") for name in trained[0])
    assert "model.embed_tokens.weight" in trained[1]
    assert sorted(trained[0] + trained[1]) == sorted(names.values())
