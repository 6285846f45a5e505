"""Replay completions from a file, so that a test knows the LLM's answers beforehand."""

import json
import time
from pathlib import Path

from nnloop.errors import ModelError
from nnloop.llm.engine import Request, WeightlessEngine
from nnloop.modes.tagged import end_of_answer
from nnloop.settings import ScriptedLlmSettings


class ScriptedEngine(WeightlessEngine):
    """A replay: slot s of cycle c gets line c * candidates + s of the file, from the top again after its end.

    A text ends where an LLM that writes it would be stopped.
    """

    def __init__(self, settings: ScriptedLlmSettings, candidates: int) -> None:
        """Read the file; `candidates` are the slots of a cycle. Raises ModelError for a wrong line."""
        self._texts = _read(Path(settings.path))
        self._delay_s = settings.delay_s
        self._candidates = candidates

    def answer(self, request: Request) -> str:
        """Return the request's line of the file, after the delay that the settings give."""
        time.sleep(self._delay_s)
        text = self._texts[(request.cycle * self._candidates + request.slot) % len(self._texts)]
        return text[: end_of_answer(text, request.prompt.mode)]


def _read(path: Path) -> list[str]:
    """Read the texts. Raises ModelError with the number of a wrong line."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"llm.path={path}: can't be read: {error}") from None
    texts = [_text(line, f"llm.path={path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise ModelError(f"llm.path={path}: holds no completion")
    return texts


def _text(line: str, where: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str):
        raise ModelError(f'{where}: must be {{"text": "..."}}')
    return text
