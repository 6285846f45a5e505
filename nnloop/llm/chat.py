"""The step from text to token ids, the same for training and for generation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnloop.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Example:
    """A training pair as token ids."""

    prompt: list[int]
    completion: list[int]  # ends with the token that ends the model's turn

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def encode_prompt(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Encode one user message up to where the model's answer begins. Raises ModelError without a chat template."""
    ids: list[int] = tokenizer(_prompt(tokenizer, text), add_special_tokens=False)["input_ids"]
    return ids


def encode_pair(tokenizer: "PreTrainedTokenizerBase", text: str, completion: str, *, ends: set[int]) -> Example:
    """Encode a training pair: the prompt as in generation, then the completion in the chat template's frame.

    `ends` are the ids that may end the model's turn.
    """
    prompt, before, after = encode_prompt(tokenizer, text), *_frame(tokenizer, ends)
    answer = before + completion + after
    whole = tokenizer(_prompt(tokenizer, text) + answer, add_special_tokens=False)["input_ids"]
    if whole[: len(prompt)] == prompt:
        return Example(prompt, whole[len(prompt) :])
    # The tokenizer merges across the seam, which generation never sees.
    return Example(prompt, tokenizer(answer, add_special_tokens=False)["input_ids"])


def _prompt(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    if not tokenizer.chat_template:
        raise ModelError(f"llm.model={tokenizer.name_or_path}: has no chat template; take an instruction-tuned model")
    return _render(tokenizer, [{"role": "user", "content": text}], add_generation_prompt=True)


def _frame(tokenizer: "PreTrainedTokenizerBase", ends: set[int]) -> tuple[str, str]:
    """Return the template's text before and after the model's answer, up to the token that ends the turn."""
    question, answer = "question", "answer"
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    whole = _render(tokenizer, turns, add_generation_prompt=False)
    before, _, after = whole.removeprefix(_prompt(tokenizer, question)).rpartition(answer)
    tokens = tokenizer.convert_ids_to_tokens(sorted(ends))
    stops = [after.index(token) + len(token) for token in tokens if token in after]
    return before if before.isspace() else "", after[: min(stops)] if stops else str(tokenizer.eos_token)


def _render(
    tokenizer: "PreTrainedTokenizerBase", messages: list[dict[str, str]], *, add_generation_prompt: bool
) -> str:
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=add_generation_prompt, tokenize=False))
