"""Read a chat completion from the bytes that a server sends: a stream of events, or one JSON object.

Nothing about the bytes is taken for granted. Whatever is not an answer raises AnswerError with the reason in one line.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

MAX_TOKENS = 10_000_000  # a count beyond is not believed
CUT = frozenset(["length", "max_tokens", "max_output_tokens", "model_length"])
"""What servers give as finish_reason where a limit of tokens ended the answer."""
BROKEN = {
    **dict.fromkeys(("content_filter", "sensitive", "safety"), "the server's content filter ended the answer"),
    **dict.fromkeys(("error", "network_error", "abort"), "the server broke the answer off"),
    "insufficient_system_resource": "the server broke the answer off, for want of resources",
}
"""What they give where something else ended it, and the words for that."""
SLACK = (
    200  # characters that may follow the answer's end before the stream is left: mostly they are none, and the counts
)


class AnswerError(Exception):
    """The server sent something else than an answer; the message is one line."""


@dataclass(slots=True)
class Answer:
    """The LLM's text without its reasoning, and the server's counts.

    tokens and prompt_tokens are None without a believable count. truncated: the token limit ended it. left: the server
    would have sent more.
    """

    text: str = ""
    tokens: int | None = None
    prompt_tokens: int | None = None
    truncated: bool = False
    left: bool = False


@dataclass(slots=True)
class _Parts:
    """An answer while its parts come in."""

    texts: list[str] = field(default_factory=list)
    reason: str | None = None  # the choice's finish_reason
    usage: Any = None
    choices: int = 0  # seen

    def add(self, item: Any) -> str:
        """Take a completion, or a chunk of one, and return its text. Raises AnswerError."""
        if not isinstance(item, dict):
            raise AnswerError(f"the server sent {_shown(item)}")
        if item.get("error"):
            raise AnswerError(f"the server sent an error: {message_of(item['error'])}")
        self.usage = item.get("usage") or self.usage
        choices = [] if item.get("usage") and item.get("choices") is None else item.get("choices")
        if not isinstance(choices, list):
            raise AnswerError(f"no choices in {_shown(item)}")
        text = ""
        for choice in choices:
            if not isinstance(choice, dict):
                raise AnswerError(f"no choice: {_shown(choice)}")
            if choice.get("index", 0) in (0, None):
                text += self._add_choice(choice)
        return text

    def _add_choice(self, choice: dict[str, Any]) -> str:
        self.choices += 1
        reason = choice.get("finish_reason")
        self.reason = reason.lower() if isinstance(reason, str) else self.reason
        message = choice.get("delta") if "delta" in choice else choice.get("message")
        if message is None and self.reason:
            return ""
        if not isinstance(message, dict):
            raise AnswerError(f"no message in {_shown(choice)}")
        if message.get("refusal"):
            raise AnswerError(f"the LLM refused: {_shown(message['refusal'])}")
        text = _text(message.get("content"))
        self.texts.append(text)
        return text

    def answer(self) -> Answer:
        """Return the whole answer. Raises AnswerError if there is none."""
        if not self.choices:
            raise AnswerError("an answer without a choice")
        if self.reason in BROKEN:
            raise AnswerError(BROKEN[self.reason])
        usage = self.usage if isinstance(self.usage, dict) else {}
        return Answer(
            "".join(self.texts),
            tokens=_count(usage.get("completion_tokens")),
            prompt_tokens=_count(usage.get("prompt_tokens")),
            truncated=self.reason in CUT,
        )


async def read_answer(parts: AsyncIterator[bytes], kind: str, has_ended: Callable[[str], bool]) -> Answer:
    """Read an answer of the content type `kind`, to its end or until `has_ended` of its text. Raises AnswerError."""
    if kind.partition(";")[0].strip().lower() != "text/event-stream":
        return _whole(b"".join([part async for part in parts]), kind)
    collected = _Parts()
    behind: int | None = None  # characters behind the answer's end; None: it has not ended
    async for event in _events(parts):
        if event == b"[DONE]":
            return collected.answer()
        text = collected.add(_json(event, kind))
        if behind is not None:
            behind += len(text)
        elif text and has_ended("".join(collected.texts)):
            behind = 0
        if behind is not None and behind > SLACK:
            return replace(collected.answer(), left=True)
    if collected.reason is None:
        raise AnswerError("the stream ended in the middle of the answer")
    return collected.answer()


def message_of(error: Any) -> str:
    """Return the message of an error object, in one line."""
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        error = error["message"]
    return _shown(error)


def _whole(data: bytes, kind: str) -> Answer:
    collected = _Parts()
    collected.add(_json(data, kind))
    return collected.answer()


async def _events(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each event; comments and other fields are left out."""
    data: list[bytes] = []
    async for line in _lines(parts):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for part in parts:
        *whole, last = part.split(b"\n")
        for line in whole:
            yield bytes(rest + line).rstrip(b"\r")
            rest.clear()
        rest += last
    yield bytes(rest).rstrip(b"\r")


def _json(data: bytes, kind: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        text = data[:200].decode(errors="replace")
        raise AnswerError(f"no JSON but {kind or 'something'}: {_shown(text)}") from None


def _text(content: Any) -> str:
    """Return the text of a message's content: a text, None, or a list of parts, of which those of text count."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise AnswerError(f"the content is no text: {_shown(content)}")
    texts = [part if isinstance(part, str) else _part(part) for part in content]
    return "".join(texts)


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        raise AnswerError(f"the content has a part that is no text: {_shown(part)}")
    if part.get("type", "text") not in ("text", "output_text"):
        return ""  # reasoning, for example
    text = part.get("text")
    if not isinstance(text, str):
        raise AnswerError(f"the content has a part without a text: {_shown(part)}")
    return text


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS
    return value if whole else None


def _shown(value: Any) -> str:
    """Return a value in one short line."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return " ".join(text[:500].split())[:200]
