"""Replay completions from a file, so that a test knows the LLM's answers beforehand."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nnloop.errors import ModelError
from nnloop.llm.engine import Request, Watch, WeightlessEngine, unwatched
from nnloop.llm.stopping import Ending
from nnloop.modes.tagged import end_of_answer
from nnloop.records import Completion
from nnloop.settings import ScriptedLlmSettings


class ScriptedEngine(WeightlessEngine):
    """A replay: slot s of cycle c gets line c * candidates + s of the file, from the top again after its end.

    A text ends where an LLM that writes it would be stopped; a line with an `ending` was stopped for that reason.
    """

    def __init__(self, settings: ScriptedLlmSettings, candidates: int) -> None:
        """Read the file; `candidates` are the slots of a cycle. Raises ModelError for a wrong line."""
        self._lines = _read(Path(settings.path))
        self._delay_s = settings.delay_s
        self._candidates = candidates

    def generate(self, requests: Sequence[Request], watch: Watch = unwatched) -> Iterator[Completion]:
        """Yield the requests' lines of the file, each after the delay that the settings give."""
        for request in requests:
            start = time.perf_counter()
            time.sleep(self._delay_s)
            text, ending = self._lines[(request.cycle * self._candidates + request.slot) % len(self._lines)]
            text = text[: end_of_answer(text, request.prompt.mode)]
            yield request.answer(text, time.perf_counter() - start, ending=ending)


def _read(path: Path) -> list[tuple[str, Ending]]:
    """Read the texts and their ends. Raises ModelError with the number of a wrong line."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"llm.path={path}: can't be read: {error}") from None
    texts = [_line(line, f"llm.path={path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not texts:
        raise ModelError(f"llm.path={path}: holds no completion")
    return texts


def _line(line: str, where: str) -> tuple[str, Ending]:
    try:
        fields = json.loads(line)
        text, ending = fields["text"], Ending(fields.get("ending", Ending.ANSWER))
    except (ValueError, KeyError, TypeError, AttributeError):
        text = None
    if not isinstance(text, str):
        raise ModelError(f'{where}: must be {{"text": "..."}}, or {{"text": "...", "ending": "{"|".join(Ending)}"}}')
    return text, ending
