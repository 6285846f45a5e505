"""The tiny LLM's tokenizer."""

from typing import Any

from nnloop.llm.pretraining import stream


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
