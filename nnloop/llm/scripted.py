"""Replays completions from a file, so that a test knows what the LLM will say."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnloop.errors import ModelError
from nnloop.llm.engine import Request, guess_tokens
from nnloop.records import Completion
from nnloop.settings import ScriptedLlmSettings


class ScriptedEngine:
    """Slot s of cycle c gets line c * candidates + s of the file, from the top again after its end."""

    trainable = False
    adapter: str | None = None

    def __init__(self, settings: ScriptedLlmSettings, candidates: int) -> None:
        self._texts = _read(Path(settings.path))
        self._delay_s = settings.delay_s
        self._candidates = candidates

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            start = time.perf_counter()
            time.sleep(self._delay_s)
            line = (request.cycle * self._candidates + request.slot) % len(self._texts)
            yield request.answer(self._texts[line], time.perf_counter() - start)

    def fits(self, text: str) -> bool:
        return True

    def count(self, text: str) -> int:
        return guess_tokens(text)

    def use_adapter(self, folder: Path | None) -> None:
        if folder is not None:
            raise ValueError("llm=scripted has no weights for an adapter")

    def rest(self) -> None:
        pass

    def close(self) -> None:
        pass


def _read(path: Path) -> list[str]:
    """Read the texts. Raises ModelError with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"llm.path={path}: can't be read: {error}") from None
    texts = [_text(line, f"llm.path={path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise ModelError(f"llm.path={path}: holds no completion")
    return texts


def _text(line: str, place: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str):
        raise ModelError(f'{place}: must be {{"text": "..."}}')
    return text
