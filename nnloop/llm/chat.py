"""The step from text to token ids, the same for training and for generation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnloop.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_OURS = ("messages", "add_generation_prompt", "tokenize", "chat_template", "continue_final_message")
"""Arguments of a chat template that are no options."""


@dataclass(frozen=True, slots=True)
class Example:
    """A training pair as token ids."""

    prompt: list[int]
    completion: list[int]  # ends with the token that ends the model's turn

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True, slots=True)
class Chat:
    """A tokenizer's chat template, with the system's message and the options that it is given."""

    tokenizer: "PreTrainedTokenizerBase"
    system: str | None = None  # None: no such message, which some templates fill with a text of their own
    options: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> "Chat":
        """Return this chat. Raises ModelError without a template, SettingsError for settings that it can't show."""
        name, template = self.tokenizer.name_or_path, self.tokenizer.chat_template
        if not template:
            raise ModelError(f"llm.model={name}: has no chat template; take an instruction-tuned model")
        for option in self.options:
            if option in _OURS or not re.search(rf"\b{re.escape(option)}\b", str(template)):
                raise SettingsError(f"llm.template.{option}: the chat template of {name} has no such option")
        if self.system is not None and not self._shows_system():
            raise SettingsError(f"llm.system: the chat template of {name} has no role for it; leave it null")
        return self

    def render(self, text: str) -> str:
        """Write one user message up to where the model's answer begins."""
        return self._apply([{"role": "user", "content": text}], asks=True)

    def encode(self, text: str) -> list[int]:
        """Encode one user message up to where the model's answer begins."""
        return self._ids(self.render(text))

    def encode_pair(self, text: str, completion: str, *, ends: set[int]) -> Example:
        """Encode a training pair: the prompt as in generation, then the completion in the chat template's frame.

        `ends` are the ids that may end the model's turn.
        """
        prompt, (before, after) = self.encode(text), self._frame(ends)
        answer = before + completion + after
        whole = self._ids(self.render(text) + answer)
        if whole[: len(prompt)] == prompt:
            return Example(prompt, whole[len(prompt) :])
        # The tokenizer merges across the seam, which generation never sees.
        return Example(prompt, self._ids(answer))

    def _frame(self, ends: set[int]) -> tuple[str, str]:
        """Return the template's text before and after the model's answer, up to the token that ends the turn."""
        question, answer = "question", "answer"
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        whole = self._apply(turns, asks=False)
        before, _, after = whole.removeprefix(self.render(question)).rpartition(answer)
        tokens = self.tokenizer.convert_ids_to_tokens(sorted(ends))
        stops = [after.index(token) + len(token) for token in tokens if token in after]
        return before if before.isspace() else "", after[: min(stops)] if stops else str(self.tokenizer.eos_token)

    def _shows_system(self) -> bool:
        try:
            return str(self.system).strip() in self.render("question")
        except Exception as error:  # a template refuses a role by raise_exception
            if "jinja2" not in type(error).__module__:
                raise
            return False

    def _apply(self, messages: list[dict[str, str]], *, asks: bool) -> str:
        given = [] if self.system is None else [{"role": "system", "content": self.system}]
        text = self.tokenizer.apply_chat_template(
            [*given, *messages], add_generation_prompt=asks, tokenize=False, **self.options
        )
        return str(text)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
