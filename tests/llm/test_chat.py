"""Prompts as the three models see them: the expected texts are literals."""

from pathlib import Path

import checkpoints
import pytest

from nnloop.errors import ModelError, SettingsError
from nnloop.llm.chat import Chat
from nnloop.modes.render import Task, render
from nnloop.modes.templates import shipped
from nnloop.records import Network

FRAMES = {
    "qwen": (
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
    ),
    "deepseek": ("<|begin|>You are an AI programming assistant.\n### Instruction:\n", "\n### Response:"),
    "mistral": ("<s>[INST] ", "[/INST]"),
}
TEXTS = {
    "delta": """\
Task: classify the images of CIFAR-10 (colour photographs of animals and vehicles).
There are 10 classes; an image has the shape (3, 32, 32).
Below is a PyTorch network for it.
After one epoch of training its validation accuracy is 45.2%.
Change its architecture so that the validation accuracy after one epoch of training rises.
Keep the interface: class Net(nn.Module) with __init__(self, in_shape, out_shape, prm, device) and forward(self, x).
in_shape is (batch, channels, height, width), out_shape is (classes,), and forward returns logits of shape (batch, classes).
Answer with a unified diff of the code, between <delta> and </delta>, and nothing else.

<nn>
class Net:
    pass
</nn>""",  # noqa: E501
    "full": """\
Task: classify the images of CIFAR-10 (colour photographs of animals and vehicles).
There are 10 classes; an image has the shape (3, 32, 32).
Below is a PyTorch network for it.
After one epoch of training its validation accuracy is 45.2%.
Write a new network of another architecture, whose validation accuracy after one epoch of training is higher.
Keep the interface: class Net(nn.Module) with __init__(self, in_shape, out_shape, prm, device) and forward(self, x).
in_shape is (batch, channels, height, width), out_shape is (classes,), and forward returns logits of shape (batch, classes).
Answer with the whole Python module, between <nn> and </nn>, and nothing else.

<nn>
class Net:
    pass
</nn>""",  # noqa: E501
}
ANSWERS = {
    "qwen": "<delta>\n</delta><|im_end|>",
    "deepseek": "\n<delta>\n</delta>\n<|EOT|>",
    "mistral": " <delta>\n</delta></s>",
}


def ends(tokenizer: checkpoints.Any, kind: str) -> set[int]:
    named = "<|EOT|>" if kind == "deepseek" else tokenizer.eos_token
    return {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(named)}


@pytest.mark.parametrize("mode", TEXTS)
@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_prompt_of_each_mode_is_rendered_as_each_template_says(kind: str, mode: str) -> None:
    task = Task("CIFAR-10", "colour photographs of animals and vehicles", classes=10, channels=3, size=32)
    network = Network("0123", "class Net:\n    pass\n", "net", val_accuracy=0.452)
    prompt = render(shipped("tiny"), network, task, form=mode)
    tokenizer = checkpoints.make_tokenizer(kind)
    before, after = FRAMES[kind]
    assert tokenizer.decode(Chat(tokenizer).encode(prompt.text)) == before + TEXTS[mode] + after


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_prompt_begins_with_one_bos_at_most(kind: str) -> None:
    tokenizer = checkpoints.make_tokenizer(kind)
    bos = 0 if kind == "qwen" else 1
    assert Chat(tokenizer).encode("Improve this.").count(tokenizer.bos_token_id) == bos


@pytest.mark.parametrize("kind", checkpoints.KINDS)
def test_a_training_pair_is_the_prompt_of_generation_and_the_answer_with_its_end(kind: str) -> None:
    tokenizer = checkpoints.make_tokenizer(kind)
    pair = Chat(tokenizer).encode_pair("Improve this.", "<delta>\n</delta>", ends=ends(tokenizer, kind))
    assert pair.prompt == Chat(tokenizer).encode("Improve this.")
    assert tokenizer.decode(pair.completion) == ANSWERS[kind]
    assert pair.completion[-1] in ends(tokenizer, kind)


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    tokenizer = checkpoints.make_tokenizer("qwen")
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        Chat(tokenizer).check()


THINKING = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if enable_thinking is defined and not enable_thinking %}"
    "<think></think>{% endif %}{% endif %}"
)


@pytest.mark.parametrize(("options", "thought"), [({}, ""), ({"enable_thinking": False}, "<think></think>")])
def test_options_reach_the_chat_template_in_generation_and_training(options: dict[str, bool], thought: str) -> None:
    tokenizer = checkpoints.make_tokenizer("qwen")
    tokenizer.chat_template = THINKING
    chat = Chat(tokenizer, "Be brief.", options).check()
    asked = f"<system>Be brief.</s><user>Improve this.</s><assistant>{thought}"
    assert tokenizer.decode(chat.encode("Improve this.")) == asked
    pair = chat.encode_pair("Improve this.", "<delta>\n</delta>", ends=ends(tokenizer, "qwen"))
    assert tokenizer.decode(pair.prompt) == asked


@pytest.mark.parametrize("option", ["enable_thinkin", "messages", "add_generation_prompt"])
def test_an_option_that_the_template_does_not_have_is_refused(option: str) -> None:
    tokenizer = checkpoints.make_tokenizer("qwen")
    tokenizer.chat_template = THINKING
    with pytest.raises(SettingsError, match=rf"llm\.template\.{option}: the chat template of .* has no such option"):
        Chat(tokenizer, options={option: False}).check()


SILENT = "{% for message in messages if message.role != 'system' %}{{ message.content }}{% endfor %}"
STRICT = "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}" + SILENT


@pytest.mark.parametrize("template", [SILENT, STRICT])
def test_a_system_text_that_the_template_can_not_show_is_refused(template: str) -> None:
    tokenizer = checkpoints.make_tokenizer("qwen")
    tokenizer.chat_template = template
    assert Chat(tokenizer).check().render("a") == "a"
    with pytest.raises(SettingsError, match=r"llm\.system: the chat template of .* has no role for it"):
        Chat(tokenizer, "Be brief.").check()
