"""A model behind an OpenAI-compatible server: completions only, its weights are not ours to tune."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from nnloop.errors import ModelError
from nnloop.llm.engine import Request, guess_tokens
from nnloop.records import Completion
from nnloop.settings import OpenAiLlmSettings

BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})  # HTTP statuses after which trying again makes sense


class OpenAiEngine:
    """The server batches; we keep `batch_size` requests under way.

    Each request carries its seed. Whether the same seed gives the same completion is up to the server.
    """

    trainable = False
    adapter: str | None = None

    def __init__(self, settings: OpenAiLlmSettings, mode: str) -> None:
        self._settings = settings
        self._limit = settings.max_new_tokens[mode]
        self._model = settings.model or self._first_model()

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as they come. Raises ModelError where the server refuses or does not answer."""
        pool = ThreadPoolExecutor(self._settings.batch_size)
        try:
            asked = {pool.submit(self._ask, request): request for request in requests}
            start = time.perf_counter()
            for answered in as_completed(asked):
                answer = answered.result()
                yield _completion(asked[answered], answer, time.perf_counter() - start)
                start = time.perf_counter()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def fits(self, text: str) -> bool:
        return True  # the server has the tokenizer; it refuses what is too long

    def count(self, text: str) -> int:
        return guess_tokens(text)

    def use_adapter(self, folder: Path | None) -> None:
        if folder is not None:
            raise ModelError(
                f"llm.base_url={self._settings.base_url}: a served model takes no adapter; use finetune=off"
            )

    def rest(self) -> None:
        pass

    def close(self) -> None:
        pass

    def _first_model(self) -> str:
        models = self._call("models", None)
        try:
            return str(models["data"][0]["id"])
        except (LookupError, TypeError):
            raise ModelError(
                f"llm.base_url={self._settings.base_url}: offers no model; name one by llm.model"
            ) from None

    def _ask(self, request: Request) -> Any:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": request.prompt.text}],
            "temperature": self._settings.temperature,
            "top_p": self._settings.top_p,
            "max_tokens": self._limit,
            "seed": request.seed,
        }
        return self._call("chat/completions", body)

    def _call(self, path: str, body: dict[str, Any] | None) -> Any:
        """GET, or POST where there is a body; busy servers are asked again. Raises ModelError."""
        reason = ""
        for attempt in range(self._settings.tries):
            if attempt:
                time.sleep(2.0 ** (attempt - 1))
            try:
                return self._send(path, body)
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code}: {error.read(500).decode(errors='replace').strip() or error.reason}"
                if error.code not in BUSY:
                    break
            except (OSError, ValueError) as error:
                reason = str(error)
        raise ModelError(f"llm.base_url={self._settings.base_url}: {path}: {' '.join(reason.split())}")

    def _send(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self._settings.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._settings.base_url.rstrip('/')}/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=self._settings.timeout_s) as response:
            return json.load(response)


def _completion(request: Request, answer: Any, seconds: float) -> Completion:
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        text = choice["message"]["content"] or ""
    except (LookupError, TypeError, AttributeError):
        raise ModelError(f"llm.engine=openai: the server answered {json.dumps(answer)[:200]}") from None
    return request.answer(
        text,
        seconds,
        tokens=usage.get("completion_tokens", 0),
        prompt_tokens=usage.get("prompt_tokens", 0),
        truncated=choice.get("finish_reason") == "length",
    )
