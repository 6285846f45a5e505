"""Prompts as the three models see them: the expected texts are literals."""

from pathlib import Path

import checkpoints
import pytest

from nnloop.errors import ModelError
from nnloop.llm.chat import chat, example

PROMPTS = {
    "qwen": (
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nImprove this.<|im_end|>\n<|im_start|>assistant\n"
    ),
    "deepseek": "<|begin|>You are an AI programming assistant.\n### Instruction:\nImprove this.\n### Response:",
    "mistral": "<s>[INST] Improve this.[/INST]",
}
ANSWERS = {
    "qwen": "<delta>\n</delta><|im_end|>",
    "deepseek": "\n<delta>\n</delta>\n<|EOT|>",
    "mistral": " <delta>\n</delta></s>",
}


def ends(tokenizer: checkpoints.Any, kind: str) -> set[int]:
    named = "<|EOT|>" if kind == "deepseek" else tokenizer.eos_token
    return {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(named)}


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_prompt_is_rendered_as_the_template_says(kind: str) -> None:
    tokenizer = checkpoints.make_tokenizer(kind)
    assert tokenizer.decode(chat(tokenizer, "Improve this.")) == PROMPTS[kind]


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_prompt_begins_with_one_bos_at_most(kind: str) -> None:
    tokenizer = checkpoints.make_tokenizer(kind)
    bos = 0 if kind == "qwen" else 1
    assert chat(tokenizer, "Improve this.").count(tokenizer.bos_token_id) == bos


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_training_pair_is_the_prompt_of_generation_and_the_answer_with_its_end(kind: str) -> None:
    tokenizer = checkpoints.make_tokenizer(kind)
    pair = example(tokenizer, "Improve this.", "<delta>\n</delta>", ends(tokenizer, kind))
    assert pair.prompt == chat(tokenizer, "Improve this.")
    assert tokenizer.decode(pair.completion) == ANSWERS[kind]
    assert pair.completion[-1] in ends(tokenizer, kind)


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    tokenizer = checkpoints.make_tokenizer("qwen")
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        chat(tokenizer, "Improve this.")
