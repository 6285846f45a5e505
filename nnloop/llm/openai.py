"""A model behind an OpenAI-compatible server.

It can be tuned if its weights are here too (llm.weights) and the server takes adapters while it runs, as vLLM does
(POST load_lora_adapter): each cycle's fine-tune loads the weights here, and the server reads the adapter from the run's
folder, which it must see under the same path.
"""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnloop.errors import ModelError
from nnloop.llm.engine import Request, guess_tokens
from nnloop.records import Completion
from nnloop.settings import HfLlmSettings, OpenAiLlmSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from nnloop.llm.hf import HfEngine

BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})  # HTTP statuses after which trying again makes sense


class OpenAiEngine:
    """An engine whose model is behind a server. The server batches; `batch_size` requests are under way together.

    Each request carries its seed. Whether the same seed gives the same completion is up to the server.
    """

    adapter: str | None = None

    def __init__(self, settings: OpenAiLlmSettings, mode: str) -> None:
        """Connect to the server and load llm.adapter there if it is set. Raises ModelError."""
        self._settings = settings
        self._mode = mode
        self._limit = settings.max_new_tokens[mode]
        self._model = settings.model or self._first_model()
        self._start = None if settings.adapter is None else Path(settings.adapter)
        self._tokenizer = self._read_tokenizer()
        if self.trainable or self._start:
            self._check_takes_adapters()
        self.use_adapter(None)

    @property
    def trainable(self) -> bool:
        """True if the weights are here too."""
        return self._settings.weights is not None

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield completions as they come. Raises ModelError if the server refuses or does not answer."""
        pool = ThreadPoolExecutor(self._settings.batch_size)
        try:
            futures = {pool.submit(self._ask, request): request for request in requests}
            start = time.perf_counter()
            for future in as_completed(futures):
                answer, seconds = future.result(), time.perf_counter() - start
                yield _completion(futures[future], answer, seconds=seconds, adapter=self.adapter)
                start = time.perf_counter()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def fits(self, text: str) -> bool:
        """Return whether prompt and completion fit in llm.context_length, as far as the tokenizer is known."""
        if self._tokenizer is None:
            return True  # the server has the tokenizer, and refuses prompts that are too long
        from nnloop.llm.chat import encode_prompt

        return len(encode_prompt(self._tokenizer, text)) + self._limit <= self._settings.context_length

    def count(self, text: str) -> int:
        """Count a text's tokens; an estimate without llm.weights, whose tokenizer is read."""
        if self._tokenizer is None:
            return guess_tokens(text)
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def use_adapter(self, folder: Path | None) -> None:
        """Let the server load the adapter, under its hash, and ask for it from now on. Raises ModelError."""
        folder, before = folder or self._start, self.adapter
        self.adapter = None
        if folder is not None:
            self._check_takes_adapters()
            from nnloop.llm.adapters import adapter_hash

            self.adapter = adapter_hash(folder)
            body = {"lora_name": self.adapter, "lora_path": str(folder.resolve())}
            self._call("load_lora_adapter", body, known="already")
        if before and before != self.adapter:
            self._call("unload_lora_adapter", {"lora_name": before}, known="not")

    def trainer(self) -> "HfEngine":
        """Load the weights here and return their engine, to be tuned; the caller closes it."""
        from nnloop.llm.hf import HfEngine

        return HfEngine(self._local(), self._mode)

    def offload(self) -> None:
        """Do nothing: the memory is the server's."""

    def close(self) -> None:
        """Do nothing: the memory is the server's."""

    def _first_model(self) -> str:
        models = self._call("models")
        try:
            return str(models["data"][0]["id"])
        except (LookupError, TypeError):
            raise ModelError(
                f"llm.base_url={self._settings.base_url}: offers no model; name one by llm.model"
            ) from None

    def _read_tokenizer(self) -> "PreTrainedTokenizerBase | None":
        if self._settings.weights is None:
            return None
        from nnloop.llm.pretrained import load_tokenizer

        return load_tokenizer(self._local())

    def _local(self) -> HfLlmSettings:
        """Make the settings that load the weights here as llm.engine=hf does."""
        given: dict[str, Any] = {
            field.name: getattr(self._settings, field.name, None) for field in fields(HfLlmSettings)
        }
        given |= {"engine": "hf", "model": self._settings.weights, "offload": False, "top_k": 0}
        return HfLlmSettings(**given)

    def _check_takes_adapters(self) -> None:
        """Ask for an adapter without naming one: a server that takes adapters objects to the missing name alone."""
        try:
            self._send("load_lora_adapter", {})
        except urllib.error.HTTPError as error:
            if error.code in (404, 405, 501):
                raise ModelError(
                    f"llm.base_url={self._settings.base_url}: takes no adapters while it runs (vLLM does, with"
                    " --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True); use finetune=off, without llm.adapter"
                ) from None
        except OSError:
            pass  # the next call reports it

    def _ask(self, request: Request) -> Any:
        body = {
            "model": self.adapter or self._model,
            "messages": [{"role": "user", "content": request.prompt.text}],
            "temperature": self._settings.temperature,
            "top_p": self._settings.top_p,
            "max_tokens": self._limit,
            "seed": request.seed,
        }
        return self._call("chat/completions", body)

    def _call(self, path: str, body: dict[str, Any] | None = None, known: str = "") -> Any:
        """Send a GET, or a POST with a body, again while the server is busy. Raises ModelError.

        A refusal that contains `known` counts as success: the server is in the wanted state already.
        """
        reason = ""
        for attempt in range(self._settings.tries):
            if attempt:
                time.sleep(2.0 ** (attempt - 1))
            try:
                return self._send(path, body)
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code}: {error.read(500).decode(errors='replace').strip() or error.reason}"
                if known and known in reason:
                    return None
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
            text = response.read().decode()
        return text if path.endswith("lora_adapter") else json.loads(text)


def _completion(request: Request, answer: Any, *, seconds: float, adapter: str | None) -> Completion:
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
        adapter=adapter,
        truncated=choice.get("finish_reason") == "length",
    )
