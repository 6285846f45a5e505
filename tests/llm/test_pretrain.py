"""The tiny LLM's recipe, on a model of two narrow layers."""

import json
import pathlib
from dataclasses import replace
from typing import Any

import pytest
import torch
import yaml
from paths import CONF

from nnloop.errors import SettingsError
from nnloop.llm.pretraining import stream
from nnloop.llm.pretraining.bpe import train_tokenizer
from nnloop.llm.pretraining.rows import PackedRow, PretrainingBatch, pack
from nnloop.llm.pretraining.train import pretrain
from nnloop.settings import PretrainSettings


def small(**changes: Any) -> PretrainSettings:
    values: dict[str, Any] = yaml.safe_load((CONF / "job" / "pretrain.yaml").read_text())
    values |= {"steps": 4, "batch_tokens": 1024, "row_tokens": 512, "delta_answers": 2, "full_answers": 1}
    values |= {"tokenizer_documents": 20, "vocab_size": 700, "layers": 1, "hidden_size": 32, "feed_forward": 32}
    values |= {"heads": 2, "kv_heads": 1, "workers": 0, "threads": 1, "evaluate_every": 100, "evaluate_networks": 2}
    return PretrainSettings(**(values | changes))


STREAM = small(full_share=0.3, delta_answers=3)


@pytest.fixture(scope="module")
def documents() -> list[stream.Document]:
    return [stream.document(index, STREAM) for index in range(30)]


@pytest.fixture(scope="module")
def tokenizer(documents: list[stream.Document]) -> Any:
    return train_tokenizer((text for d in documents for text in (d.prompt, *d.answers)), 1024)


def test_a_document_depends_on_seed_and_index_alone() -> None:
    assert stream.document(5, STREAM) == stream.document(5, STREAM)
    assert stream.document(5, STREAM) != stream.document(5, replace(STREAM, seed=1))


def test_held_out_networks_are_never_shown(documents: list[stream.Document]) -> None:
    shown = [document.prompt.split("<nn>\n")[1].removesuffix("</nn>") for document in documents]
    assert not any(map(stream.held_out, shown))
    assert all(map(stream.held_out, stream.held_out_networks(0, 2)))


def test_text_survives_the_tokenizer(tokenizer: Any, documents: list[stream.Document]) -> None:
    text = documents[0].prompt + "\n\tÄ 1.5e-3\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_line_has_the_same_tokens_in_a_network_and_in_a_diff(tokenizer: Any) -> None:
    line = "            Residual(Conv(64), Conv(64, 5, act=nn.GELU)),\n"
    plain = tokenizer("\n" + line)["input_ids"][1:]
    for column in " +-":
        assert tokenizer("@@ @@\n" + column + line)["input_ids"][-len(plain) :] == plain


def test_a_common_line_is_one_token(tokenizer: Any) -> None:
    assert len(tokenizer("        self.net = nn.Sequential(\n")["input_ids"]) == 1


def test_the_chat_template_ends_an_answer_with_eos(tokenizer: Any) -> None:
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    whole = tokenizer.apply_chat_template(chat, tokenize=False)
    asked = tokenizer.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True)
    assert whole == "<|user|>a<|end|><|assistant|>b<|end|>"
    assert whole.startswith(asked)
    assert tokenizer(whole)["input_ids"][-1] == tokenizer.eos_token_id


def test_answers_see_the_prompt_and_themselves_alone() -> None:
    batch = PretrainingBatch(torch.zeros(1, 6), torch.tensor([[0, 0, 1, 1, 2, -1]]), torch.zeros(1, 6))
    seen = batch.mask(torch.float32)[0, 0] == 0
    assert seen[:5].int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
    ]


def test_loss_is_on_answers_and_a_little_on_the_prompt() -> None:
    batch = PretrainingBatch(torch.zeros(1, 6), torch.tensor([[0, 0, 1, 1, 1, -1]]), torch.zeros(1, 6))
    assert batch.weights(0.5).tolist() == [[0.5, 0, 1, 1, 0]]


def test_an_answer_in_a_row_is_read_as_if_it_stood_behind_the_prompt(tokenizer: Any) -> None:
    document = next(
        d for d in (stream.document(i, replace(STREAM, full_share=0.0)) for i in range(9)) if len(d.answers) == 3
    )
    row = pack(tokenizer, document, 10_000)
    chat = [{"role": "user", "content": document.prompt}, {"role": "assistant", "content": document.answers[1]}]
    alone = tokenizer(tokenizer.apply_chat_template(chat, tokenize=False))["input_ids"]
    kept = [i for i, segment in enumerate(row.segments) if segment in (0, 2)]
    assert [row.tokens[i] for i in kept] == alone
    assert [row.positions[i] for i in kept] == list(range(len(alone)))


def test_answers_over_the_limit_are_left_out(tokenizer: Any, documents: list[stream.Document]) -> None:
    row: PackedRow = pack(tokenizer, documents[0], 1)
    assert set(row.segments) == {0}


def test_a_resumed_training_gives_the_same_weights(tmp_path: pathlib.Path) -> None:
    settings = small(decay_share=0.0)
    pretrain(settings, tmp_path / "whole")
    pretrain(small(decay_share=0.0, steps=3), tmp_path / "halves")
    pretrain(settings, tmp_path / "halves")
    whole, halves = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)["model"] for name in ("whole", "halves")
    )
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_the_model_loads_with_auto_classes_and_generates(tmp_path: pathlib.Path) -> None:
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
